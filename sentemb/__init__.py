"""Train, evaluate and use sentence embeddings by contrastive learning.

A training method is a composition, ``Method(views, twin, loss)``; every named paper is a function
that returns one. Names are imported when they are first used: ``import sentemb`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "FlatNCE": "losses",
    "InfoNCE": "losses",
    "Method": "method",
    "NTXent": "losses",
    "Pairs": "pairs",
    "STS": "evaluation",
    "Settings": "training",
    "Siamese": "twins",
    "View": "views",
    "analyze": "experiments",
    "build_encoder": "encoders",
    "check": "checks",
    "encode_file": "encoding",
    "evaluate": "experiments",
    "read_sts": "datasets",
    "read_training_data": "datasets",
    "simcse_sup": "methods",
    "simcse_unsup": "methods",
    "train": "training",
}

__all__ = [
    "STS",
    "FlatNCE",
    "InfoNCE",
    "Method",
    "NTXent",
    "Pairs",
    "Settings",
    "Siamese",
    "View",
    "analyze",
    "build_encoder",
    "check",
    "encode_file",
    "evaluate",
    "read_sts",
    "read_training_data",
    "simcse_sup",
    "simcse_unsup",
    "train",
]

if TYPE_CHECKING:
    from sentemb.checks import check
    from sentemb.datasets import read_sts, read_training_data
    from sentemb.encoders import build_encoder
    from sentemb.encoding import encode_file
    from sentemb.evaluation import STS
    from sentemb.experiments import analyze, evaluate
    from sentemb.losses import FlatNCE, InfoNCE, NTXent
    from sentemb.method import Method
    from sentemb.methods import simcse_sup, simcse_unsup
    from sentemb.pairs import Pairs
    from sentemb.training import Settings, train
    from sentemb.twins import Siamese
    from sentemb.views import View


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
