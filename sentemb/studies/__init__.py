"""Many runs beside each other: a grid, a search, several methods.

Names are imported when they are first used: a folder can be checked without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentemb.studies.ledger import Ledger, check_folder, opened
    from sentemb.studies.measured import Measured

__all__ = ["Ledger", "Measured", "check_folder", "opened"]

_HOME = {"Ledger": "ledger", "Measured": "measured", "check_folder": "ledger", "opened": "ledger"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.studies' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.studies.{_HOME[name]}"), name)
