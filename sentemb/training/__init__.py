"""Training: collator, trainer, checkpoints, and the run that ties them.

Names are imported when they are first used: settings can be checked without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentemb.training.mixed import MixedMethod
    from sentemb.training.mixing import Mixing
    from sentemb.training.result import Run
    from sentemb.training.run import train
    from sentemb.training.settings import Settings
    from sentemb.training.trainer import ContrastiveTrainer

__all__ = ["ContrastiveTrainer", "MixedMethod", "Mixing", "Run", "Settings", "train"]

_HOME = {
    "ContrastiveTrainer": "trainer",
    "MixedMethod": "mixed",
    "Mixing": "mixing",
    "Run": "result",
    "Settings": "settings",
    "train": "run",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.training' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.training.{_HOME[name]}"), name)
