"""Models as they are named or given, and what encodes with each; the seeds of a run are one."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from sentemb.bars import Progress, phase
from sentemb.errors import InputError, UsageError
from sentemb.locate import locate
from sentemb.runs.run_result import RunResult
from sentemb.types import Encode, Vectors

if TYPE_CHECKING:
    from sentemb.encoders import PoolingName

SEED = re.compile(r"seed-(\d+)")


class Encodes(Protocol):
    """Anything that turns texts into vectors, as a `SentenceTransformer`."""

    def encode(self, texts: list[str], /) -> Any:
        """Return a vector for each text, ``[texts, dim]``."""


One = str | os.PathLike[str] | Encodes | RunResult
Models = One | Sequence[One] | Mapping[str, One]
"""A bundled encoder's name, a folder, a hub id, a run or an object with ``encode``; several in a
list, or by the names to show."""


@dataclass(frozen=True)
class Model:
    """A model, or several seeds of one.

    Args:
        name: As shown.
        seeds: For each seed, a bundled encoder, folder or hub id, a run, or an object with
            ``encode``.
    """

    name: str
    seeds: Sequence[One]

    def folders(self) -> list[Path]:
        """Locate the seeds that are named.

        Raises:
            InputError: When a model cannot be found, or is unsafe.
        """
        named = [one.output if isinstance(one, RunResult) else one for one in self.seeds]
        return [Path(locate(one)) for one in named if isinstance(one, str | os.PathLike)]


@dataclass(frozen=True)
class Opened:
    """A model that is ready to encode.

    Args:
        encode: From texts to vectors, with the prompt that was named, or the model's default.
        encode_queries: With the model's prompt for queries.
        encode_documents: With that for documents.
        count_tokens: The tokens of each text; None where the model has no tokenizer of ours.
        folder: What was named, where towers of pictures and sounds are.
        device: Where it encodes.
    """

    encode: Encode
    encode_queries: Encode
    encode_documents: Encode
    count_tokens: Callable[[list[str]], list[int]] | None = None
    folder: str | None = None
    device: Any = "cpu"

    def encoder_of(self, modality: str) -> Callable[[list[Any]], Vectors]:
        """Return what encodes texts, or the files of another modality.

        Raises:
            InputError: When the model has no tower for it.
        """
        if modality == "text":
            return self.encode
        from sentemb.modalities.tower_encoder import load_tower

        if self.folder is None:
            raise InputError(f"A model in memory has no tower of {modality}s: name its folder.")
        tower = load_tower(locate(self.folder), cast("Any", modality), self.folder)
        return tower.to(self.device).encode

    def all(self) -> set[Encode]:
        """Return what encodes, each once."""
        return {self.encode, self.encode_queries, self.encode_documents}


def models_of(given: Models) -> list[Model]:
    """Return the models in the order named.

    A folder that holds ``seed-0``, ``seed-1``, …, as ``sentemb train --seeds`` writes them, stands
    for those; two or more such folders of one run, as a shell finds ``runs/x/seed-*``, for it.

    Raises:
        UsageError: When a model is named twice, or several objects have no name.
    """
    if isinstance(given, Mapping):
        return [Model(name, _seeds_in(one)) for name, one in given.items()]
    alone = isinstance(given, str | os.PathLike) or not isinstance(given, Sequence)
    each = [cast("One", given)] if alone else cast("Sequence[One]", given)
    seeds = [seed for one in each for seed in _seeds_in(one)]
    groups: dict[str, list[One]] = {}
    for seed in seeds:
        name = _shown(seed)
        is_seed = SEED.fullmatch(Path(name).name) and Path(name).is_dir()
        if is_seed:
            name = str(Path(name).parent)
        if seed in groups.get(name, []) or (name in groups and not is_seed):
            raise UsageError(f"'{seed if is_seed else name}' is named twice: name each model once.")
        groups.setdefault(name, []).append(seed)
    return [
        Model(name if len(group) > 1 else _shown(group[0]), group) for name, group in groups.items()
    ]


def load(model: One, pooling: "PoolingName | None" = None, device: str | None = None) -> Any:
    """Return the encoder of a name, or the model itself where it is not a name.

    Args:
        model: Its name, or the model.
        pooling: Another than the model's own; only of one that is named.
        device: Where to put one that is named; by default the GPU if there is one.

    Raises:
        InputError: When the model cannot be found or read, or is unsafe.
        UsageError: When another pooling is asked of a model that is loaded.
    """
    from sentemb.encoders import build_encoder
    from sentemb.encoders.device import present_device
    from sentemb.inference.torch_only import load_encoder

    if isinstance(model, str | os.PathLike):
        if pooling:
            return build_encoder(model, pooling=pooling, device=present_device(device))
        return load_encoder(model, device)
    model = model.model if isinstance(model, RunResult) else model
    if pooling:
        raise UsageError("pooling needs a model given by name: build the encoder with it instead.")
    if device:
        raise UsageError(
            "device needs a model given by name: move the loaded model to the device instead."
        )
    return model


@contextmanager
def opened(
    model: One,
    pooling: "PoolingName | None" = None,
    batch_tokens: int | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    prompt_name: str | None = None,
) -> Iterator[Opened]:
    """Load a model where it is named, and hold it ready to encode.

    Args:
        model: Its name, or the model.
        pooling: As of `load`.
        batch_tokens: Tokens of a forward; None for what suits the device.
        batch_size: Texts of a forward; None where tokens alone limit it.
        device: As of `load`.
        prompt_name: Of a prompt of the model; by default its default prompt.

    Raises:
        InputError: When the model cannot be found or read, or is unsafe.
        UsageError: When another pooling is asked of a model that is loaded, or there is no such
            prompt.
    """
    with phase("loading the libraries"):
        import torch

        from sentemb.encoders.prompts import prompt_given, prompt_of_side
        from sentemb.inference.embedder import Embedder
    encoder = load(model, pooling, device)
    if not (isinstance(encoder, torch.nn.Module) and hasattr(encoder, "tokenizer")):
        if prompt_name is not None:
            raise UsageError("prompt_name needs a model of sentence-transformers.")
        plain: Encode = lambda texts: _as_array(encoder.encode(texts))  # noqa: E731
        yield Opened(plain, plain, plain)
        return

    @cache
    def embedder_of(prompt: str) -> Embedder:
        return Embedder(cast("Any", encoder), batch_tokens, "fp32", prompt, batch_size)

    @cache
    def encode_with(prompt: str) -> Encode:
        def encode(texts: Sequence[str]) -> Vectors:
            with (
                embedder_of(prompt) as embedder,
                Progress("encoding", len(texts), "texts", delay=1) as progress,
            ):
                return embedder.encode(texts, progress.add)

        return encode

    given = prompt_given(encoder, None, prompt_name)

    def count_tokens(texts: list[str]) -> list[int]:
        tokens = embedder_of(given).tokenise(texts)
        return [len(tokens.ids[row]) for row in tokens.rows]

    yield Opened(
        encode_with(given),
        encode_with(prompt_of_side(encoder, "query")),
        encode_with(prompt_of_side(encoder, "document")),
        count_tokens,
        _folder_of(model),
        encoder.device,
    )


def _as_array(vectors: Any) -> Vectors:
    return np.asarray(vectors, dtype=np.float32)


def _folder_of(model: One) -> str | None:
    if isinstance(model, RunResult):
        return str(model.output)
    return os.fspath(model) if isinstance(model, str | os.PathLike) else None


def _shown(model: One) -> str:
    if isinstance(model, RunResult):
        return str(model.record.get("method") or model.output.name)
    is_name = isinstance(model, str | os.PathLike)
    return os.fspath(cast("str", model)) if is_name else type(model).__name__


def _seeds_in(model: One) -> list[One]:
    """Return the folders of seeds that a folder holds, or else the model alone."""
    folder = Path(model) if isinstance(model, str | os.PathLike) else None
    if folder is None:
        return [model]
    if not folder.is_dir() or any((folder / f).exists() for f in ("modules.json", "config.json")):
        return [model.rstrip("/") if isinstance(model, str) and len(model) > 1 else model]
    found = {path: SEED.fullmatch(path.name) for path in folder.iterdir() if path.is_dir()}
    seeds = sorted((int(match[1]), str(path)) for path, match in found.items() if match)
    return [path for _, path in seeds] or [model]
