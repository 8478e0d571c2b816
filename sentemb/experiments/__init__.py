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
    from sentemb.experiments.plots import plot
    from sentemb.experiments.seeds import run_seeds
    from sentemb.experiments.studies import study
    from sentemb.experiments.sweeps import sweep

__all__ = [
    "Ledger",
    "Measured",
    "analyze",
    "check_folder",
    "compare",
    "evaluate",
    "opened",
    "plot",
    "run_seeds",
    "study",
    "sweep",
]

_HOME = {
    "Ledger": "ledger",
    "Measured": "measured",
    "analyze": "analyses",
    "check_folder": "ledger",
    "compare": "comparisons",
    "evaluate": "evaluations",
    "opened": "ledger",
    "plot": "plots",
    "run_seeds": "seeds",
    "study": "studies",
    "sweep": "sweeps",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.experiments' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.experiments.{_HOME[name]}"), name)
