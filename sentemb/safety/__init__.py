"""Model folders of others: what is refused before any of it is loaded."""

from sentemb.safety.files import check_files
from sentemb.safety.folder import check_model
from sentemb.safety.trust import code_is_trusted, trusting_code
from sentemb.safety.weights import stored_shapes

__all__ = ["check_files", "check_model", "code_is_trusted", "stored_shapes", "trusting_code"]
