"""Train, evaluate and use sentence embeddings by contrastive learning.

What a command does is a function of the same name here. A training method is a composition,
``Method(views, twin, loss)``; every named paper is a function that returns one. Names are imported
when they are first used: ``import sentemb`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "DataSource": "data_sources",
    "Encoder": "encoder",
    "Method": "method",
    "Pairs": "pairs",
    "STS": "evaluation",
    "Settings": "training",
    "View": "views",
    "analyze": "experiments",
    "calibrate": "tasks.calibrate",
    "check": "checks",
    "classify": "tasks.classify",
    "cluster": "tasks.cluster",
    "compare": "experiments",
    "decode": "tasks.decode",
    "dedup": "tasks.dedup",
    "evaluate": "experiments",
    "export": "deployment",
    "finetune": "doors",
    "index": "tasks.index",
    "info": "about",
    "load": "encoder",
    "map": "tasks.text_map",
    "mine": "tasks.mine",
    "plot": "experiments",
    "postprocess": "deployment",
    "predict": "doors",
    "privacy": "tasks.privacy",
    "push": "hub",
    "rerank": "tasks.rerank",
    "score": "tasks.score",
    "search": "tasks.search",
    "static": "words",
    "study": "experiments",
    "summarise": "tasks.summarise",
    "sweep": "experiments",
    "train": "doors",
    "train_decoder": "decoders",
    "word2vec": "words",
}
_EARLIER = {
    "FlatNCE": "losses",
    "InfoNCE": "losses",
    "NTXent": "losses",
    "Siamese": "twins",
    "build_encoder": "encoders",
    "encode_file": "encoding",
    "read_sts": "datasets",
    "read_training_data": "datasets",
    "simcse_sup": "methods",
    "simcse_unsup": "methods",
}
"""Names of earlier versions, which stay importable from here; each belongs to its folder."""

__all__ = [
    "STS",
    "DataSource",
    "Encoder",
    "Method",
    "Pairs",
    "Settings",
    "View",
    "analyze",
    "calibrate",
    "check",
    "classify",
    "cluster",
    "compare",
    "decode",
    "dedup",
    "evaluate",
    "export",
    "finetune",
    "index",
    "info",
    "load",
    "map",
    "mine",
    "plot",
    "postprocess",
    "predict",
    "privacy",
    "push",
    "rerank",
    "score",
    "search",
    "static",
    "study",
    "summarise",
    "sweep",
    "train",
    "train_decoder",
    "word2vec",
]

if TYPE_CHECKING:
    from sentemb.about import info
    from sentemb.checks import check
    from sentemb.data_sources import DataSource
    from sentemb.datasets import read_sts as read_sts
    from sentemb.datasets import read_training_data as read_training_data
    from sentemb.decoders import train_decoder
    from sentemb.deployment import export, postprocess
    from sentemb.doors import finetune, predict, train
    from sentemb.encoder import Encoder, load
    from sentemb.encoders import build_encoder as build_encoder
    from sentemb.encoding import encode_file as encode_file
    from sentemb.evaluation import STS
    from sentemb.experiments import analyze, compare, evaluate, plot, study, sweep
    from sentemb.hub import push
    from sentemb.losses import FlatNCE as FlatNCE
    from sentemb.losses import InfoNCE as InfoNCE
    from sentemb.losses import NTXent as NTXent
    from sentemb.method import Method
    from sentemb.methods import simcse_sup as simcse_sup
    from sentemb.methods import simcse_unsup as simcse_unsup
    from sentemb.pairs import Pairs
    from sentemb.tasks.calibrate import calibrate
    from sentemb.tasks.classify import classify
    from sentemb.tasks.cluster import cluster
    from sentemb.tasks.decode import decode
    from sentemb.tasks.dedup import dedup
    from sentemb.tasks.index import index
    from sentemb.tasks.mine import mine
    from sentemb.tasks.privacy import privacy
    from sentemb.tasks.rerank import rerank
    from sentemb.tasks.score import score
    from sentemb.tasks.search import search
    from sentemb.tasks.summarise import summarise
    from sentemb.tasks.text_map import map  # noqa: A004 -- the name of the command
    from sentemb.training import Settings
    from sentemb.twins import Siamese as Siamese
    from sentemb.views import View
    from sentemb.words import static, word2vec


def __getattr__(name: str) -> object:
    home = _HOME.get(name) or _EARLIER.get(name)
    if home is None:
        raise AttributeError(f"module 'sentemb' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
