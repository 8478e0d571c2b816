"""A file of texts to a file of embeddings: a job that can be cut short, gone on with and shared."""

from sentemb.encoding.encode import encode_file
from sentemb.encoding.merge import merge
from sentemb.encoding.options import EncodeOptions
from sentemb.encoding.shards import Shard
from sentemb.encoding.summary import EncodeSummary

__all__ = ["EncodeOptions", "EncodeSummary", "Shard", "encode_file", "merge"]
