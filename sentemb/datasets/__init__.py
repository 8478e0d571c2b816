"""Readers: files, hub data sets and rows in memory into rows with fixed column names.

Names are imported when they are first used: reading lines needs no library that takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentemb.datasets.inputs import read_inputs
    from sentemb.datasets.several import SeveralData, joined
    from sentemb.datasets.sts import as_sts, read_sts
    from sentemb.datasets.texts import read_texts
    from sentemb.datasets.training import TrainingData, as_training_data, read_training_data

__all__ = [
    "SeveralData",
    "TrainingData",
    "as_sts",
    "as_training_data",
    "joined",
    "read_inputs",
    "read_sts",
    "read_texts",
    "read_training_data",
]

_HOME = {
    "SeveralData": "several",
    "joined": "several",
    "TrainingData": "training",
    "as_sts": "sts",
    "as_training_data": "training",
    "read_inputs": "inputs",
    "read_sts": "sts",
    "read_texts": "texts",
    "read_training_data": "training",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.datasets' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.datasets.{_HOME[name]}"), name)
