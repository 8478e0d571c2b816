"""Using an encoder: texts to embedding files."""

from sentemb.inference.encode import EncodeSummary, encode_file

__all__ = ["EncodeSummary", "encode_file"]
