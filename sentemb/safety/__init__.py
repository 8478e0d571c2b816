"""Model folders of others: what is refused before any of it is loaded."""

from sentemb.safety.file_names import check_files
from sentemb.safety.model_folder import check_model
from sentemb.safety.trust import code_is_trusted, trusting_code
from sentemb.safety.weight_files import stored_shapes

__all__ = ["check_files", "check_model", "code_is_trusted", "stored_shapes", "trusting_code"]
