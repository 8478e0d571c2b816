"""`load`: a model to encode with, fast, from a notebook as from the command line."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sentemb.bars import Progress
from sentemb.datasets.faults import Errors, Faults
from sentemb.datasets.in_memory import Container, InMemory
from sentemb.datasets.source import as_source
from sentemb.datasets.texts import read_text_rows, read_texts
from sentemb.deployment import FAST, faster
from sentemb.encoders.build import build_encoder, model_name, require_sentence_transformer
from sentemb.encoders.device import present_device
from sentemb.encoders.lora import merged, save_merged
from sentemb.encoders.prompts import Side, prompt_given, prompt_of_side
from sentemb.encoding.encode import encode_file
from sentemb.encoding.fingerprint import fingerprint
from sentemb.encoding.options import Empty, EncodeOptions
from sentemb.encoding.output_file import default_output
from sentemb.encoding.shards import Shard
from sentemb.encoding.summary import EncodeSummary
from sentemb.encoding.writers import SHOWS_TEXTS
from sentemb.errors import InputError, UsageError
from sentemb.inference.embedder import Embedder
from sentemb.inference.shaping import require_dims, shaped
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.inference.torch_only import load_encoder, width_of
from sentemb.locate import locate
from sentemb.modalities.cells import Modality, modality_of, reads_no_texts
from sentemb.modalities.readers import warn_of_cut
from sentemb.modalities.tower_encoder import TowerEncoder, copy_towers, load_tower, towers_in
from sentemb.storage import whole_folder
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WINDOW = 2**14
"""Distinct texts that are held in tokens at once."""


def load(
    model: "str | os.PathLike[str] | SentenceTransformer | Encoder",
    device: str | None = None,
    fast: FAST | None = None,
) -> "Encoder":
    """Load a model to encode with.

    BERT models of stock modules are run by torch alone, which starts in half the time; any other
    model is run by sentence-transformers. Padding is left out where the vectors stay the same.

    Args:
        model: A bundled encoder (``mini``, ``mini-sentemb``), a folder, a hub id, or a
            `SentenceTransformer`.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; by default the GPU if there is one. Only
            of a model that is named.
        fast: Load a ``static`` or an ``int8`` export of it, see `sentemb.deployment.faster`. Only
            of a model that is named.

    Raises:
        InputError: When the model cannot be found or read, or is unsafe; see `sentemb.safety`.
        UsageError: When it is none of these, or this machine has no such device.

    Example:
        >>> load("mini-sentemb").encode(["A sentence.", "Another one."]).shape
        (2, 192)
    """
    if fast is not None:
        if not isinstance(model, str | os.PathLike):
            raise UsageError("fast needs a model given by name: give a folder or a hub id.")
        model = faster(model, fast)
    if isinstance(model, str | os.PathLike):
        if reads_no_texts(model):
            tower = load_tower(model, towers_in(Path(model))[0])
            return Encoder(tower.to(present_device(device)), os.fspath(model))
        return Encoder(load_encoder(model, device), os.fspath(model), model)
    if device is not None:
        raise UsageError(
            "device needs a model given by name: move the loaded model to the device instead."
        )
    if isinstance(model, Encoder):
        return model
    require_sentence_transformer(model)
    return Encoder(model, model_name(model))


class Encoder:
    """A model that turns texts into vectors; `load` makes one.

    Args:
        encoder: A sentence-transformers model, or one loaded without that library.
        name: What it was loaded as.
        model: The folder or the hub id that it was loaded from; None of an object.

    Attributes:
        name: What it was loaded as.
    """

    def __init__(
        self,
        encoder: "TokenEncoder | SentenceTransformer | TowerEncoder",
        name: str,
        model: str | os.PathLike[str] | None = None,
    ) -> None:
        self.name = name
        self._model = model
        self._encoder = encoder
        self._embedder: tuple[tuple[object, ...], Embedder] | None = None
        self._towers: dict[Modality, TowerEncoder] = {}

    def __repr__(self) -> str:
        return (
            f"Encoder({self.name!r}, dim={self.dim}, max_length={self.max_length}, "
            f"device={str(self._encoder.device)!r})"
        )

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        known = width_of(self._encoder)
        return known if known is not None else self.encode("").shape[0]

    @property
    def max_length(self) -> int | None:
        """Tokens that a text is cut to; None where it is not cut."""
        return self._encoder.max_seq_length

    @property
    def fingerprint(self) -> str:
        """Hash of all that its vectors depend on: weights, settings and tokenizer."""
        return fingerprint(self._encoder)

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        precision: str = "fp32",
        dims: int | None = None,
        normalize: bool = False,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        progress: bool | None = None,
    ) -> Vectors:
        """Return the vectors of texts, ``[texts, dim]`` in float32; of one text, ``[dim]``.

        Each distinct text is encoded once. The vectors are those of sentence-transformers, up to
        rounding.

        Args:
            texts: Any number of texts, also none; or one text alone.
            precision: What the model computes in: ``fp32``; or ``fp16`` or ``bf16``, which is
                faster on a GPU, at about three digits.
            dims: Keep the first so many numbers of each vector, as a Matryoshka model allows.
            normalize: Scale each vector to length 1, after ``dims``; one of zeros stays as it is.
            batch_tokens: Tokens of a forward; by default 512 on a CPU, by free memory on a GPU.
            batch_size: Texts of a forward, in place of tokens; with ``batch_tokens``, both count.
            prompt: What is put before each text; by default the model's own default prompt.
            prompt_name: Put the prompt before each text that the model has under this name.
            progress: Show how far it is; by default on a terminal and in a notebook, unless
                ``TQDM_DISABLE`` is set.

        Raises:
            InputError: When something is not a text, or the model cannot take it.
            UsageError: When the precision is another, or the device cannot compute in it; when a
                vector has fewer numbers than ``dims``; when there is no prompt of the name.
            OutOfMemoryError: When memory does not suffice for one text.

        Example:
            >>> encoder = load("mini-sentemb")
            >>> encoder.encode("A sentence.").shape, encoder.encode([]).shape
            ((192,), (0, 192))
        """
        self._require_texts()
        prompt = prompt_given(self._encoder, prompt, prompt_name)
        if isinstance(texts, str):
            how: dict[str, Any] = {"precision": precision, "prompt": prompt, "progress": progress}
            how |= {"batch_tokens": batch_tokens, "batch_size": batch_size}
            how |= {"dims": dims, "normalize": normalize}
            one: Vectors = self.encode([texts], **how)[0]
            return one
        rows = list(texts)
        wrong = next(
            (number for number, text in enumerate(rows) if not isinstance(text, str)), None
        )
        if wrong is not None:
            raise InputError(f"texts[{wrong}] is {rows[wrong]!r}; a text is needed.")
        require_dims(dims, width_of(self._encoder))
        if not rows:
            return np.empty((0, dims or self.dim), dtype=np.float32)
        place = {text: at for at, text in enumerate(dict.fromkeys(rows))}
        distinct = list(place)
        embedder = self._embedder_for(batch_tokens, precision, prompt, batch_size)
        delay = 0 if progress else 1
        shown = Progress("encoding", len(distinct), "texts", shown=progress, delay=delay)
        with embedder, shown:
            vectors = np.concatenate(
                [
                    shaped(
                        embedder.encode(distinct[start : start + WINDOW], shown.add),
                        dims,
                        normalize=normalize,
                    )
                    for start in range(0, len(distinct), WINDOW)
                ]
            )
        return vectors if len(place) == len(rows) else vectors[[place[text] for text in rows]]

    def _require_texts(self) -> None:
        """Raise where the model is a tower.

        Raises:
            InputError: Says what it reads.
        """
        if isinstance(self._encoder, TowerEncoder):
            raise InputError(
                f"Model '{self.name}' reads {self._encoder.modality}s, no texts: give a model that "
                "was trained on both, as `train` with method clip makes it."
            )

    def prompt_of(self, side: Side, name: str | None = None) -> str:
        """Return what the model wants before queries, or before the documents that they find.

        Args:
            side: ``query`` or ``document``: the model's prompt of this name, for a document also
                ``passage`` or ``corpus``; without one its default prompt.
            name: Of another prompt.

        Raises:
            UsageError: When the model has no prompt of that name.
        """
        return prompt_of_side(self._encoder, side, name)

    def encode_file(
        self,
        data: "str | os.PathLike[str] | Container",
        output: str | os.PathLike[str] | None = None,
        *,
        column: str = "text",
        errors: Errors = "replace",
        empty: Empty = "encode",
        shard: str | None = None,
        dims: int | None = None,
        normalize: bool = False,
        keep_columns: bool = False,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        precision: str = "fp32",
        prompt: str | None = None,
        prompt_name: str | None = None,
        chunk: str | None = None,
        modality: Modality | None = None,
        overwrite: bool = False,
        progress: bool | None = None,
    ) -> EncodeSummary:
        """Write a vector for every row of a file, in order, as ``sentemb encode`` does.

        An interrupted call continues when it is called again with the same arguments.

        Args:
            data: A file, a hub data set, or rows in memory.
            output: A file ending in .npy, .jsonl, .parquet, .csv or .safetensors, whose folder is
                made; by default the input's name with .npy.
            column: The column of the texts.
            errors: For a row that is not UTF-8: ``replace``, ``skip`` or ``strict``.
            empty: What a row without text gets: ``encode``, ``nan`` or ``error``.
            shard: ``I/N`` encodes every N-th window; `sentemb.encoding.merge` joins the shards.
            dims: As in `encode`.
            normalize: As in `encode`.
            keep_columns: Write all columns of the input beside the vectors, in the place of
                ``text`` alone; to .parquet, .jsonl or .csv.
            batch_tokens: As in `encode`.
            batch_size: As in `encode`.
            precision: As in `encode`.
            prompt: As in `encode`.
            prompt_name: As in `encode`.
            chunk: A vector for each chunk of a text, as ``tokens=256,overlap=32``; with ``,late``
                behind it, each text is read whole first, see `sentemb.encoders.chunking.Chunk`.
            modality: ``picture`` or ``sound``: what the rows hold, by names of files or as bytes,
                in the place of texts. By default a folder's own. See `sentemb.Encoder.tower`.
            overwrite: Replace the output, and a job that was begun otherwise.
            progress: As in `encode`.

        Raises:
            UsageError: When the output has no name or exists, or an option is not allowed.
            InputError: When the file cannot be read; names the row.
        """
        source = as_source(data)
        if output is None and isinstance(source, InMemory):
            raise UsageError("Rows in memory need an output: give a file name.")
        if output is None:
            output = default_output(str(source))
        part = Shard.parse(shard) if shard is not None else Shard()
        options = EncodeOptions(
            batch_tokens=batch_tokens,
            batch_size=batch_size,
            precision=precision,
            empty=empty,
            dims=dims,
            normalize=normalize,
            keep_columns=keep_columns,
            prompt=prompt,
            prompt_name=prompt_name,
            chunk=chunk,
            shard=part,
        )
        faults = Faults(errors)
        if (found := modality or modality_of(source)) is not None:
            tower = self.tower(found)
            of_texts = prompt, prompt_name, chunk, batch_tokens, batch_size
            if any(given is not None for given in of_texts) or precision != "fp32":
                raise UsageError(
                    f"Prompts, chunks, batch_tokens, batch_size and precision are of texts, not of "
                    f"a {found}: leave them out."
                )
            shows = Path(output).suffix in SHOWS_TEXTS
            options = replace(options, keep_columns=keep_columns or shows)
            rows = tower.rows_of(source, None if column == "text" else column, faults)
            with Progress("encoding", None, "rows", shown=progress) as told:
                made = encode_file(tower, rows, Path(output), options, overwrite, told, faults)
            warn_of_cut(source, made.truncated_rows or 0, tower.tower.config)
            return made
        read: Callable[..., Iterator[Any]] = read_text_rows if keep_columns else read_texts
        self._require_texts()
        texts = read(source, column, faults)
        with Progress("encoding", None, "rows", shown=progress) as told:
            return encode_file(self._encoder, texts, Path(output), options, overwrite, told, faults)

    def tower(self, modality: Modality = "picture") -> TowerEncoder:
        """Return what encodes pictures or sounds into the space of the texts.

        Its ``encode`` takes files, or what is in them.

        Args:
            modality: ``picture`` or ``sound``.

        Raises:
            InputError: When the model was not trained on them.
        """
        if isinstance(self._encoder, TowerEncoder) and self._encoder.modality == modality:
            return self._encoder
        if modality not in self._towers:
            self._towers[modality] = load_tower(self._folder, modality, self.name)
        return self._towers[modality].to(self._encoder.device)

    def modalities(self) -> list[Modality]:
        """Return what it reads beside texts: ``picture``, ``sound``."""
        return towers_in(self._folder)

    @cached_property
    def _folder(self) -> Path:
        """Where its towers are, if it has some; an object may have been loaded from there."""
        folder, is_named = Path(self.name), self._model is not None
        if isinstance(self._encoder, TowerEncoder) or not (is_named or towers_in(folder)):
            return folder
        return Path(locate(self._model or self.name))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as a plain sentence-transformers folder, whole or not at all.

        The towers of a model that was loaded by its name are copied beside it.

        Raises:
            UsageError: When the folder is not empty.
        """
        folder = Path(path)
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"Folder '{folder}' is not empty: give another.")
        with whole_folder(folder, "modules.json") as new:
            save_merged(self.as_sentence_transformer(), new)
            if self._model is not None:
                copy_towers(self._folder, new)

    def as_sentence_transformer(self) -> "SentenceTransformer":
        """Return the model as sentence-transformers has it, with everything that it can do.

        Raises:
            InputError: When it reads no texts.
        """
        self._require_texts()
        if isinstance(self._encoder, TokenEncoder):
            self._encoder = build_encoder(self.name, device=str(self._encoder.device))
        return cast("SentenceTransformer", self._encoder)

    def push_to_hub(self, *args: Any, **options: Any) -> Any:
        """Upload the model as `SentenceTransformer.push_to_hub` does, whose arguments it takes.

        The towers of a model that was loaded by its name go with it; a card is then not made.
        """
        encoder = self.as_sentence_transformer()
        if self._model is None or not self.modalities():
            with merged(encoder):
                return encoder.push_to_hub(*args, **options)
        with TemporaryDirectory(prefix="sentemb-") as folder:
            self.save(folder)
            return encoder.push_to_hub(*args, **{"local_model_path": folder} | options)

    def _embedder_for(self, *options: Any) -> Embedder:
        """Return the last embedder where the options are those of the last call."""
        key = (*options, self._encoder, self.max_length, self._encoder.device)
        if self._embedder is None or self._embedder[0] != key:
            self._embedder = key, Embedder(cast(Any, self._encoder), *options)
        return self._embedder[1]
