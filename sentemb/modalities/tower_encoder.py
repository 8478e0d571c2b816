"""A tower that encodes files: pictures or sounds in, vectors out, by the job that encodes texts."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shutil import copyfile, copytree
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentemb.datasets.faults import Faults
from sentemb.datasets.source import Source, as_source
from sentemb.datasets.texts import TextRow
from sentemb.encoders.tokenising import TextCounts, Tokens
from sentemb.errors import InputError, TextError, UsageError
from sentemb.modalities.captioner import CAPTIONS, IN_MODEL
from sentemb.modalities.cells import MODALITIES, Modality, naming, reads_no_texts
from sentemb.modalities.readers import read_signal, require_reader, warn_of_cut
from sentemb.modalities.signal_rows import Content, RowContent, signal_rows
from sentemb.modalities.towers import CONFIG, Tower
from sentemb.types import Vectors

MADE_BY: dict[Modality, str] = {"picture": "clip", "sound": "bind"}
"""Method that trains a tower beside texts."""
AT_ONCE = 64
"""Rows of a forward."""


class TowerEncoder(nn.Module):
    """A tower as the job of `encode` takes an encoder.

    Args:
        tower: What it is.
        name: What messages call it.
    """

    max_seq_length = tokenizer = default_prompt_name = truncate_dim = None
    prompts: dict[str, str] = {}  # noqa: RUF012 -- it has none

    def __init__(self, tower: Tower, name: str) -> None:
        super().__init__()
        self.tower = tower.eval()
        self.name = name
        self.pending: dict[str, Content] = {}
        """What is to be decoded, by the key that stands for it as a text."""

    def __iter__(self) -> Iterator[Tower]:
        """Yield its one module, as of a `SentenceTransformer`."""
        yield self.tower

    def __getitem__(self, place: int) -> Tower:
        return [self.tower][place]

    def __len__(self) -> int:
        return 1

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.tower.device

    @property
    def modality(self) -> Modality:
        """What it reads."""
        return self.tower.config.modality

    def get_embedding_dimension(self) -> int:
        """Return how many numbers a vector has."""
        return self.tower.config.dim

    def save_pretrained(self, folder: str, create_model_card: bool = False) -> None:
        """Write a model folder that has this tower alone.

        Args:
            folder: Of the model.
            create_model_card: Not read; a run writes its own.
        """
        self.tower.save(Path(folder) / self.modality, self.tower.config.scale)

    def settings(self) -> str:
        """Say all that its vectors depend on beside its weights."""
        return repr(self.tower.config).replace(", model=None", "")  # as when towers had none

    def encode(self, contents: Sequence[Content | RowContent]) -> Vectors:
        """Return the vectors of files, or of what is in them, ``[rows, dim]``, of length 1.

        Raises:
            InputError: When one cannot be read; names its row, or else its place.
            UsageError: When it is one file, not a list.
        """
        if isinstance(contents, str | bytes | os.PathLike):
            raise UsageError("A list of files is needed, or of what is in them; got one alone.")
        found = [
            one if isinstance(one, RowContent) else RowContent(one, f"{self.modality}s", place)
            for place, one in enumerate(contents, start=1)
        ]
        parts = [np.empty((0, self.tower.config.dim), np.float32)]
        cut: list[bool] = []
        for start in range(0, len(found), AT_ONCE):
            rows = []
            for each in found[start : start + AT_ONCE]:
                with naming(each.source, each.number):
                    rows.append(read_signal(each.content, self.tower.config, cut))
            parts.append(self.of(rows))
        warn_of_cut(self.name, sum(cut), self.tower.config)
        return np.concatenate(parts)

    def of_source(
        self, source: Source, column: str | None = None
    ) -> tuple[list[dict[str, Any]], Vectors]:
        """Return the columns of a folder's or a table's rows, names first, and their vectors.

        Raises:
            InputError: When the source has no row, or one cannot be read; names the row.
        """
        require_reader(self.modality)
        found, parts, rows = [], [], []
        cut: list[bool] = []
        for number, content, columns in signal_rows(source, self.modality, column):
            with naming(source, number):
                rows.append(read_signal(content, self.tower.config, cut))
            found.append(columns)
            if len(rows) == AT_ONCE:
                parts.append(self.of(rows))
                rows = []
        warn_of_cut(as_source(source), sum(cut), self.tower.config)
        return found, np.concatenate([*parts, self.of(rows)])

    @torch.inference_mode()
    def of(self, rows: Sequence[NDArray[Any]]) -> Vectors:
        """Return the vectors of what was decoded."""
        parts = [np.empty((0, self.tower.config.dim), np.float32)]
        for start in range(0, len(rows), AT_ONCE):
            given = torch.from_numpy(np.stack(rows[start : start + AT_ONCE])).to(self.device)
            parts.append(self.tower(given).float().cpu().numpy())
        return np.concatenate(parts)

    def embedder(self) -> "TowerEmbedder":
        """Return what embeds the rows of `rows_of`."""
        return TowerEmbedder(self)

    def rows_of(
        self, source: Source, column: str | None = None, faults: Faults | None = None
    ) -> Iterator[TextRow]:
        """Yield a row for each file of a folder, or each row of a table; it is read when embedded.

        A row's text is the name of its file, or of its row, and a hash of what is in it, so that an
        encoding that is resumed notices another content.

        Raises:
            InputError: When the source has no row, or a row holds no file; names the row.
        """
        from hashlib import blake2b

        require_reader(self.modality)
        told = faults or Faults()
        config = self.tower.config
        decoded = int(np.prod(config.shape)) * np.dtype(config.dtype).itemsize
        rows = signal_rows(source, self.modality, column)
        for place, (number, content, columns) in enumerate(rows, start=1):
            with naming(source, number):
                data = content if isinstance(content, bytes) else _read(content)
            told.came_from(place, number)
            name = columns[next(iter(columns))]
            key = f"{name} {blake2b(data, digest_size=8).hexdigest()}"
            self.pending[key] = content
            held = len(content) if isinstance(content, bytes) else 0
            yield TextRow(key, columns, next(iter(columns)), held + decoded)


class TowerEmbedder:
    """Decodes and embeds rows, as `sentemb.inference.embedder.Embedder` does texts.

    Args:
        encoder: Knows what stands behind a row's key.
    """

    halved = 0

    def __init__(self, encoder: TowerEncoder) -> None:
        self.encoder = encoder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was changed."""

    def skip(self) -> None:
        """Forget what was read of rows that are not embedded here."""
        self.encoder.pending.clear()

    def tokenise(self, keys: Sequence[str]) -> Tokens:
        """Decode rows; their numbers stand in the place of tokens."""
        decoded: list[Any] = []
        cut: list[bool] = []
        for key in keys:
            try:
                content = self.encoder.pending[key]
                decoded.append(read_signal(content, self.encoder.tower.config, cut))
            except InputError as error:
                raise TextError(f"{error}.", key) from error
        self.encoder.pending.clear()
        none = [0] * len(keys)
        counts = TextCounts(cut, none, none, [False] * len(keys))
        return Tokens(list(keys), list(keys), decoded, counts, list(range(len(keys))))

    def embed(self, tokens: Tokens, done: Callable[[int], object] = lambda rows: None) -> Vectors:
        """Return the vectors of what was decoded."""
        vectors = self.encoder.of(tokens.ids)  # type: ignore[arg-type]
        done(len(vectors))
        return vectors


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read '{path}' ({error.strerror})") from error


def towers_in(folder: Path) -> list[Modality]:
    """Return what a model's folder has towers for."""
    return [one for one in MODALITIES if (folder / one / CONFIG).is_file()]


def copy_towers(model: Path, folder: Path) -> None:
    """Copy the towers of a model, and its captions, into the folder of another.

    Args:
        model: Its folder.
        folder: Where it has none.
    """
    names = [*towers_in(model), *[IN_MODEL] * (model / IN_MODEL / CAPTIONS).is_file()]
    for name in names:
        copytree(model / name, folder / name, copy_function=copyfile)


def load_tower(folder: str | os.PathLike[str], modality: Modality, name: str = "") -> TowerEncoder:
    """Return the tower of a model.

    Args:
        folder: Of the model, as `sentemb.train` wrote it.
        modality: What it is to read.
        name: What messages call the model.

    Raises:
        InputError: When the model has no such tower.
        UsageError: When there is no such modality.
    """
    if modality not in MODALITIES:
        raise UsageError(f"modality is one of {', '.join(MODALITIES)}; got {modality!r}.")
    path, name = Path(folder), name or os.fspath(folder)
    if not (path / modality / CONFIG).is_file():
        has = towers_in(path)
        texts = ["texts" if has else "texts alone"] * (not reads_no_texts(path))
        reads = " and ".join([*texts, *(f"{one}s" for one in has)])
        raise InputError(
            f"Model '{name}' reads {reads}, no {modality}s: name one that was trained on them, as "
            f"`train` with method {MADE_BY[modality]} makes it."
        )
    return TowerEncoder(Tower.load(path / modality), name)


def tower_to_start_from(model: object) -> TowerEncoder | None:
    """Return the tower of pictures of a model; None of the default model, which reads texts.

    Args:
        model: A folder, or what is trained where none is named.

    Raises:
        InputError: When it has no such tower.
        UsageError: When it is not the name of a folder.
    """
    if model in (None, "mini"):
        return None
    if not isinstance(model, str | os.PathLike):
        raise UsageError("A tower is continued from a model's folder: give its name as `model`.")
    return load_tower(model, "picture")
