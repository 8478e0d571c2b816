"""Classification with plain transformers models, and what contrast adds to it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentemb.finetuning.r_drop import RDropMixin
    from sentemb.finetuning.result import FinetuneRun
    from sentemb.finetuning.run import finetune
    from sentemb.finetuning.settings import FinetuneSettings

__all__ = ["FinetuneRun", "FinetuneSettings", "RDropMixin", "finetune"]

_HOME = {
    "FinetuneRun": "result",
    "FinetuneSettings": "settings",
    "RDropMixin": "r_drop",
    "finetune": "run",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.finetuning' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.finetuning.{_HOME[name]}"), name)
