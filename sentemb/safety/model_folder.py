"""One call before a model folder is loaded."""

from pathlib import Path

from sentemb.errors import reading
from sentemb.safety.configs import check_configs
from sentemb.safety.file_names import check_files
from sentemb.safety.module_configs import folders_of
from sentemb.safety.sizes import check_sizes
from sentemb.safety.trust import warn_of_the_variable
from sentemb.safety.weight_files import check_weights


@reading()
def check_model(folder: Path) -> None:
    """Raise if loading a model would run its own code, or read files elsewhere.

    Nothing of it is loaded: names are listed, configs and the headers of weights are read.

    Args:
        folder: Of sentence-transformers or transformers, or a snapshot in the hub's cache, whose
            files are links.

    Raises:
        InputError: When it would, or may not be read; names the file, and says what to do.
    """
    warn_of_the_variable()
    root = _may_link_to(folder.resolve())
    check_files(folder, root)
    folders = folders_of(folder)
    for each in folders[1:]:
        check_files(each, root)
    for each in folders:
        check_configs(each)
    check_weights(folders)
    for each in folders:
        check_sizes(each)


def _may_link_to(folder: Path) -> Path:
    """Return the folder itself; of a snapshot in the hub's cache, its snapshots' folder."""
    of_the_hub = folder.parent.name == "snapshots" and folder.parents[1].name.startswith("models--")
    return folder.parents[1] if of_the_hub else folder
