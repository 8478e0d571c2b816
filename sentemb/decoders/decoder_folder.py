"""The folder of a decoder: a plain causal language model, and beside it what reads a vector."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from sentemb.decoders.kinds import KINDS
from sentemb.decoders.language_model import end_of, load_language_model
from sentemb.decoders.memory import Memory
from sentemb.decoders.vector_decoder import VectorDecoder
from sentemb.errors import InputError
from sentemb.storage import write_json

DECODER, MAPPING, MEMORY = "decoder.json", "mapping.safetensors", "memory.npy"
SCHEMA = "sentemb.decoder/1"


@dataclass(frozen=True)
class DecoderConfig:
    """What ``decoder.json`` holds.

    Args:
        kind: One of `KINDS`.
        encoder: What the encoder was loaded as.
        fingerprint: Hash of all that its vectors depend on.
        dim: Numbers of a vector.
        max_length: Tokens of the longest text, its end included.
        temperature: Of the memory; None where there is none.
    """

    kind: str
    encoder: str
    fingerprint: str
    dim: int
    max_length: int
    temperature: float | None = None


@dataclass(frozen=True, repr=False, eq=False)
class TrainedDecoder:
    """A decoder with all that decoding needs.

    Args:
        config: What it was trained for.
        model: Mapping and language model.
        tokenizer: Of the language model.
        memory: Of kinds that have one.
    """

    config: DecoderConfig
    model: VectorDecoder
    tokenizer: PreTrainedTokenizerBase
    memory: Memory | None = None

    @property
    def end(self) -> int:
        """The id of the token that ends a text."""
        return end_of(self.tokenizer)

    def save(self, folder: Path) -> None:
        """Write the folder; ``config.json`` makes it a language model of transformers."""
        self.model.language_model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(str(folder))
        mapping = {name: x.contiguous() for name, x in self.model.mapping.state_dict().items()}
        save_file(mapping, folder / MAPPING)
        if self.memory is not None:
            np.save(folder / MEMORY, self.memory.vectors.astype(np.float16))
        write_json(folder / DECODER, {"schema": SCHEMA, **asdict(self.config)})


def load_decoder(folder: str | os.PathLike[str]) -> TrainedDecoder:
    """Load what `train_decoder` left in a folder, on the CPU.

    Raises:
        InputError: When it is not a decoder, is damaged, or lacks its memory.
    """
    path = Path(folder)
    config = _config(path)
    tokenizer, language_model = load_language_model(path)
    model = VectorDecoder(KINDS[config.kind], config.dim, language_model)
    try:
        model.mapping.load_state_dict(load_file(path / MAPPING))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"'{path / MAPPING}' is missing or damaged: {reason}") from error
    memory = None
    if KINDS[config.kind].remembers:
        memory = Memory(_memory(path / MEMORY, config.dim), float(config.temperature or 0))
    return TrainedDecoder(config, model.eval(), tokenizer, memory)


def _config(folder: Path) -> DecoderConfig:
    if not (folder / DECODER).is_file():
        raise InputError(
            f"'{folder}' is not a decoder: it holds no {DECODER}. Train one (sentemb "
            "train-decoder)."
        )
    try:
        content: dict[str, Any] = json.loads((folder / DECODER).read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA or content["kind"] not in KINDS:
            raise ValueError("not a record of this version")
        return DecoderConfig(**content)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"'{folder / DECODER}' is damaged: {error}.") from error


def _memory(file: Path, dim: int) -> Any:
    try:
        found = np.load(file, allow_pickle=False).astype(np.float32)
    except FileNotFoundError as error:
        raise InputError(
            f"The decoder has no memory: '{file}' is missing. Bring it back, or train again."
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"'{file}' is damaged ({error}): train the decoder again.") from error
    if found.ndim != 2 or found.shape[1] != dim or not np.isfinite(found).all():
        raise InputError(f"'{file}' does not hold vectors of {dim} numbers: train again.")
    return found
