"""What is measured of models: evaluations, analyses, and many training runs beside each other.

Names are imported when they are first used: a folder can be checked without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentemb.experiments.analyses import analyze
    from sentemb.experiments.comparisons import compare
    from sentemb.experiments.evaluations import evaluate
    from sentemb.experiments.ledger import Ledger, check_folder, opened
    from sentemb.experiments.measured import Measured
    from sentemb.experiments.studies import Grid, study
    from sentemb.experiments.sweeps import sweep

__all__ = [
    "Grid",
    "Ledger",
    "Measured",
    "analyze",
    "check_folder",
    "compare",
    "evaluate",
    "opened",
    "study",
    "sweep",
]

_HOME = {
    "Grid": "studies",
    "Ledger": "ledger",
    "Measured": "measured",
    "analyze": "analyses",
    "check_folder": "ledger",
    "compare": "comparisons",
    "evaluate": "evaluations",
    "opened": "ledger",
    "study": "studies",
    "sweep": "sweeps",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.experiments' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.experiments.{_HOME[name]}"), name)
