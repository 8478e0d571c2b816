"""A file of texts to a file of embeddings: a job that can be interrupted, resumed and shared."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentemb.encoding.encode import encode_file
    from sentemb.encoding.merging import merge
    from sentemb.encoding.on_devices import encode_on_devices
    from sentemb.encoding.options import EncodeOptions
    from sentemb.encoding.shards import Shard
    from sentemb.encoding.summary import EncodeSummary

__all__ = ["EncodeOptions", "EncodeSummary", "Shard", "encode_file", "encode_on_devices", "merge"]

_HOME = {
    "EncodeOptions": "options",
    "EncodeSummary": "summary",
    "Shard": "shards",
    "encode_file": "encode",
    "encode_on_devices": "on_devices",
    "merge": "merging",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.encoding' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.encoding.{_HOME[name]}"), name)
