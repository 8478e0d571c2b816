"""What comes with the package, so that a first look needs nothing else."""

from importlib.resources import files
from pathlib import Path

BUNDLED_ENCODERS = ("mini", "mini-sentemb", "tiny")
"""``mini`` is a raw masked-language model, ``mini-sentemb`` the same taught by all-MiniLM-L6-v2;
``tiny`` is a static model, taught by ``mini-sentemb``."""
BUNDLED_STATIC = {"mini-sentemb": "tiny"}
"""What stands for a bundled encoder where a static model of it is wanted."""


def bundled(name: str) -> Path:
    """Return the path of a bundled file or folder.

    Example:
        >>> bundled("mini").name
        'mini'
    """
    return Path(str(files("sentemb_data"))) / name
