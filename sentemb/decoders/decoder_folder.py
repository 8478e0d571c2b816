"""The folder of a decoder: a plain causal language model, and beside it what reads a vector."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from sentemb.decoders.beam_search import PrefixReader
from sentemb.decoders.corrector import VectorCorrector
from sentemb.decoders.kinds import KINDS
from sentemb.decoders.language_model import end_of, load_language_model
from sentemb.decoders.memory import Memory
from sentemb.decoders.vector_decoder import VectorDecoder
from sentemb.errors import InputError
from sentemb.modalities.captioner import SCHEMA as OF_PICTURES
from sentemb.storage import write_json
from sentemb.types import Vectors

DECODER, MAPPING, MEMORY = "decoder.json", "mapping.safetensors", "memory.npy"
TOKENS = "tokens.npy"
FIRST = "first"
"""In the folder of a corrector, the folder of the decoder that it corrects."""
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
        vocabulary: How many tokens the language model knows; None where it knows all.
    """

    kind: str
    encoder: str
    fingerprint: str
    dim: int
    max_length: int
    temperature: float | None = None
    vocabulary: int | None = None


@dataclass(frozen=True, repr=False, eq=False)
class TrainedDecoder:
    """A decoder with all that decoding needs.

    Args:
        config: What it was trained for.
        model: Mapping and language model.
        tokenizer: Of the language model.
        memory: Of kinds that have one.
        known: The ids, in the tokenizer, of the tokens that the language model knows, in its own
            order; None where it knows all.
        first: Of a corrector, the decoder whose texts it corrects; both know the same tokens.
    """

    config: DecoderConfig
    model: VectorDecoder
    tokenizer: PreTrainedTokenizerBase
    memory: Memory | None = None
    known: NDArray[np.int64] | None = None
    first: "TrainedDecoder | None" = None

    @property
    def end(self) -> int:
        """The id of the token that ends a text, in the language model."""
        end = end_of(self.tokenizer)
        return end if self.known is None else int(np.searchsorted(self.known, end))

    @property
    def fingerprint(self) -> str:
        """Hash of all that the texts depend on."""
        found = hashlib.sha256(repr(self.config).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        for array in (self.known, None if self.memory is None else self.memory.vectors):
            found.update(b"" if array is None else array.tobytes())
        found.update(repr(sorted(self.tokenizer.get_vocab().items())).encode())
        found.update(b"" if self.first is None else self.first.fingerprint.encode())
        return found.hexdigest()

    def to(self, device: torch.device | str) -> "TrainedDecoder":
        """Move the decoder, and the one that it corrects, to a device; return it."""
        self.model.to(device)
        if self.first is not None:
            self.first.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def max_length(self) -> int:
        """Tokens of the longest text, its end included."""
        return self.config.max_length

    def vectors_of(self, vectors: Vectors) -> Vectors:
        """Return what texts are compared with: the vectors themselves."""
        return vectors

    def reader(self, vectors: Vectors) -> PrefixReader:
        """Return what writes texts of unit vectors, ``[rows, dim]``."""
        read = vectors if self.memory is None else self.memory.project(vectors).astype(np.float32)
        return PrefixReader(self.model, torch.from_numpy(np.array(read)).to(self.device))

    def text_of(self, ids: Sequence[int]) -> str:
        """Return the text that tokens stand for."""
        return text_of_ids(
            self.tokenizer, ids if self.known is None else self.known[list(ids)].tolist()
        )

    def padded(self, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return texts as a corrector reads them, with ends behind, ``[rows, max_length]``."""
        most = self.config.max_length
        return torch.tensor([[*ids, *[self.end] * most][:most] for ids in texts])

    def save(self, folder: Path) -> None:
        """Write the folder; ``config.json`` makes it a language model of transformers."""
        self.model.language_model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(str(folder))
        mapping = {name: x.contiguous() for name, x in self.model.mapping.state_dict().items()}
        save_file(mapping, folder / MAPPING)
        if self.known is not None:
            np.save(folder / TOKENS, self.known)
        if self.memory is not None:
            np.save(folder / MEMORY, self.memory.vectors.astype(np.float16))
        if self.first is not None:
            self.first.save(folder / FIRST)
        write_json(folder / DECODER, {"schema": SCHEMA, **asdict(self.config)})


def text_of_ids(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """Return the text that ids of a tokenizer stand for."""
    return str(
        tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=True)
    ).strip()


def load_decoder(folder: str | os.PathLike[str]) -> TrainedDecoder:
    """Load what `train_decoder` left in a folder, on the CPU.

    Raises:
        InputError: When it is not a decoder, is damaged, or lacks its memory or the decoder that it
            corrects.
    """
    path = Path(folder)
    config = _config(path)
    tokenizer, language_model = load_language_model(path, whole=config.vocabulary is None)
    first = load_decoder(path / FIRST) if KINDS[config.kind].corrects else None
    if first is not None and (first.config.dim, first.config.vocabulary) != (
        config.dim,
        config.vocabulary,
    ):
        raise InputError(f"'{path / FIRST}' is not the decoder that was corrected: train again.")
    model = model_of(config, language_model, first)
    try:
        model.mapping.load_state_dict(load_file(path / MAPPING))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"'{path / MAPPING}' is missing or damaged: {reason}") from error
    memory = None
    if KINDS[config.kind].remembers:
        memory = Memory(_memory(path / MEMORY, config.dim), float(config.temperature or 0))
    known = _array(path / TOKENS) if config.vocabulary else None
    if known is not None and known.shape != (config.vocabulary,):
        raise InputError(f"'{path / TOKENS}' is damaged: train the decoder again.")
    return TrainedDecoder(config, model.eval(), tokenizer, memory, known, first)


def model_of(
    config: DecoderConfig, language_model: Any, first: TrainedDecoder | None
) -> VectorDecoder:
    """Return what is trained: a language model with a new mapping in front of it.

    Args:
        config: What it is trained for.
        language_model: A causal model of transformers.
        first: What a corrector corrects.
    """
    kind = KINDS[config.kind]
    if first is None:
        return VectorDecoder(kind, config.dim, language_model)
    tokens = first.config.max_length
    return VectorCorrector(kind, config.dim, language_model, first.end, tokens)


def _config(folder: Path) -> DecoderConfig:
    if not (folder / DECODER).is_file():
        raise InputError(
            f"'{folder}' is not a decoder: it holds no {DECODER}. Train one (sentemb "
            "train-decoder)."
        )
    try:
        content: dict[str, Any] = json.loads((folder / DECODER).read_text(encoding="utf-8"))
        schema = content.pop("schema")
        if schema not in (SCHEMA, OF_PICTURES):
            raise ValueError("not a record of this version")
        if schema == SCHEMA and content["kind"] not in KINDS:
            raise ValueError(f"there is no kind {content['kind']!r}")
        found = DecoderConfig(**content) if schema == SCHEMA else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"'{folder / DECODER}' is damaged: {error}.") from error
    if found is None:
        raise InputError(f"'{folder}' reads pictures, not vectors: use `decode` with pictures.")
    return found


def _memory(file: Path, dim: int) -> Any:
    if not file.is_file():
        raise InputError(
            f"The decoder has no memory: '{file}' is missing. Bring it back, or train again."
        )
    found = _array(file).astype(np.float32)
    if found.ndim != 2 or found.shape[1] != dim or not np.isfinite(found).all():
        raise InputError(f"'{file}' does not hold vectors of {dim} numbers: train again.")
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def _array(file: Path) -> Any:
    try:
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"'{file}' is missing or damaged: train the decoder again.") from error
