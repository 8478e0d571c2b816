"""Vectors back to text: small language models that read a vector as their first tokens."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentemb.decoders.beam_search import BeamSearch, Hypothesis
    from sentemb.decoders.corrector import VectorCorrector
    from sentemb.decoders.decode_options import DecodeOptions
    from sentemb.decoders.decoder_folder import DecoderConfig, TrainedDecoder, load_decoder
    from sentemb.decoders.decoder_run import DecoderRun
    from sentemb.decoders.kinds import KINDS, DecoderKind, with_noise
    from sentemb.decoders.mappings import (
        CorrectionMapping,
        LinearMapping,
        MLPMapping,
        TransformerMapping,
    )
    from sentemb.decoders.memory import Memory, fitted_temperature
    from sentemb.decoders.run import train_decoder
    from sentemb.decoders.settings import DecoderSettings
    from sentemb.decoders.vector_decoder import VectorDecoder
    from sentemb.decoders.writing import TextWriter

__all__ = [
    "KINDS",
    "BeamSearch",
    "CorrectionMapping",
    "DecodeOptions",
    "DecoderConfig",
    "DecoderKind",
    "DecoderRun",
    "DecoderSettings",
    "Hypothesis",
    "LinearMapping",
    "MLPMapping",
    "Memory",
    "TextWriter",
    "TrainedDecoder",
    "TransformerMapping",
    "VectorCorrector",
    "VectorDecoder",
    "fitted_temperature",
    "load_decoder",
    "train_decoder",
    "with_noise",
]

_HOME = {
    "BeamSearch": "beam_search",
    "CorrectionMapping": "mappings",
    "DecodeOptions": "decode_options",
    "DecoderConfig": "decoder_folder",
    "DecoderKind": "kinds",
    "DecoderRun": "decoder_run",
    "DecoderSettings": "settings",
    "Hypothesis": "beam_search",
    "KINDS": "kinds",
    "LinearMapping": "mappings",
    "MLPMapping": "mappings",
    "Memory": "memory",
    "TrainedDecoder": "decoder_folder",
    "TransformerMapping": "mappings",
    "VectorCorrector": "corrector",
    "VectorDecoder": "vector_decoder",
    "TextWriter": "writing",
    "fitted_temperature": "memory",
    "load_decoder": "decoder_folder",
    "train_decoder": "run",
    "with_noise": "kinds",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.decoders' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.decoders.{_HOME[name]}"), name)
