"""An index as a folder: rows, vectors, a first pass, and the record that vouches for them."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.errors import InputError, reading
from sentemb.storage import replaced, sha256, whole_folder, write_json
from sentemb.tasks.approximate import FIRST_PASSES, FirstPass, Recall, nearly_nearest
from sentemb.tasks.lexical import Lexical
from sentemb.tasks.nearest import Ids, Products, nearest
from sentemb.types import Vectors
from sentemb.versions import versions

if TYPE_CHECKING:
    import pyarrow

    from sentemb.encoder import Encoder

RECORD, ROWS, VECTORS = "index.json", "rows.parquet", "vectors.npy"
FIRST_PASS = {"int8": "codes.npy", "binary": "bits.npy", "hnsw": "graph.usearch"}
OF_CHUNKS = ("document", "start", "end", "tokens")
"""Columns of an index of chunks: the row that each is of, its characters, how many tokens."""
SCHEMA = "sentemb.index/1"


@dataclass(frozen=True, repr=False, eq=False)
class Index:
    """Texts that can be searched; equal ones are one, with a count.

    Args:
        rows: All rows, with their columns.
        column: The column of the texts.
        vectors: Of the distinct texts in the order of their first rows, of length 1,
            ``[texts, dim]``.
        model: What made the vectors, by name.
        fingerprint: Hash of what made them.
        method: How they are searched.
        chunk: How texts were cut into chunks, each of which is a row; None where they were not.
        prompt: What was put before the texts; None of an index of an earlier version, which put the
            model's default prompt.
        inputs: What was added: source, rows and hash of each.
        first: The first pass of a search that is not exact.
        recall: What that finds.
        path: The folder; None of an index in memory.
        towers: Hash of the tower of each modality that some rows are of.
    """

    rows: "pyarrow.Table"
    column: str
    vectors: Vectors
    model: str
    fingerprint: str
    method: str = "exact"
    prompt: str | None = ""
    chunk: str | None = None
    inputs: Sequence[Mapping[str, Any]] = ()
    first: FirstPass | None = None
    recall: Mapping[str, Any] | None = None
    path: Path | None = None
    towers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Index({self.described()})"

    def described(self) -> str:
        """Say what is in the index, and what a search that is not exact finds."""
        recall = f", {Recall(**self.recall)}" if self.recall else ""
        rows = f"{len(self.rows):,} rows, {len(self.vectors):,} distinct texts"
        if self.chunk is not None:
            rows = f"{self.documents:,} rows in {len(self.vectors):,} chunks"
        return (
            f"{rows}, "
            f"{self.vectors.shape[1]} numbers each by {self.model}, {self.method} search{recall}"
        )

    @property
    def documents(self) -> int:
        """How many rows were cut into chunks."""
        return sum(int(one["rows"]) for one in self.inputs)

    @cached_property
    def _distinct(self) -> "pyarrow.DictionaryArray":
        import pyarrow

        column = self.rows.column(self.column).cast(pyarrow.large_string())
        return column.combine_chunks().dictionary_encode()

    @cached_property
    def texts(self) -> list[str]:
        """The distinct texts; chunks, each of which has its own vector, all."""
        if self.chunk is not None:
            chunks: list[str] = self.rows.column(self.column).to_pylist()
            return chunks
        texts: list[str] = self._distinct.dictionary.to_pylist()
        return texts

    @property
    def text_of_row(self) -> Ids:
        """The number of each row's text, ``[rows]``."""
        if self.chunk is not None:
            return np.arange(len(self.rows))
        return np.asarray(self._distinct.indices, dtype=np.int64)

    @cached_property
    def lexical(self) -> Lexical:
        """The texts, ranked by words; made when it is first asked for."""
        return Lexical(self.texts)

    def nearest(self, queries: Vectors, k: int, allowed: Ids | None = None) -> tuple[Products, Ids]:
        """Return scores and numbers of the nearest texts; among some of them always exactly."""
        if self.first is None or allowed is not None:
            return nearest(queries, self.vectors, k, rows=allowed)
        return nearly_nearest(self.first, queries, self.vectors, k)

    def is_of(self, encoder: "Encoder") -> bool:
        """Tell whether the model is the one that made the vectors, in its texts and its towers.

        Args:
            encoder: The model. A tower that it lacks is not compared: it encodes nothing.
        """
        from sentemb.encoding.fingerprint import fingerprint  # torch

        return self.fingerprint == encoder.fingerprint and all(
            self.towers[one] == fingerprint(encoder.tower(one))
            for one in (encoder.modalities() if self.towers else ())
            if one in self.towers
        )

    @property
    def record(self) -> dict[str, Any]:
        """What there is to know of the index, as JSON has it."""
        return {
            "rows": len(self.rows),
            "texts": len(self.vectors),
            "dim": self.vectors.shape[1],
            "column": self.column,
            "model": self.model,
            "fingerprint": self.fingerprint,
            "towers": dict(self.towers),
            "method": self.method,
            "prompt": self.prompt,
            "chunk": self.chunk,
            "recall": self.recall,
            "inputs": list(self.inputs),
        }

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Index":
        """Open an index, after its files were compared with their hashes.

        Raises:
            InputError: When it is not an index, or a file was damaged or is missing.
        """
        import pyarrow.parquet

        folder = Path(path)
        if not is_index(folder):
            raise InputError(
                f"'{folder}' is not an index of sentemb: make one with `sentemb index`."
            )
        known = _read_record(folder)
        for name, digest in known["files"].items():
            with reading():
                if not (folder / name).is_file() or sha256(folder / name) != digest:
                    raise _damaged(folder / name)
        method, file = known["method"], FIRST_PASS.get(known["method"])
        return cls(
            rows=pyarrow.parquet.read_table(folder / ROWS),
            column=known["column"],
            vectors=np.load(folder / VECTORS, mmap_mode="r"),
            model=known["model"],
            fingerprint=known["fingerprint"],
            method=method,
            prompt=known.get("prompt"),
            chunk=known.get("chunk"),
            inputs=known["inputs"],
            first=FIRST_PASSES[method].open(folder / file) if file else None,
            recall=known["recall"],
            path=folder,
            towers=known.get("towers", {}),
        )

    def save(self, path: Path, *, overwrite: bool) -> None:
        """Write the folder, whole or not at all.

        Raises:
            UsageError: When it exists and is not to be replaced.
            LockedError: When another process writes it.
        """
        import pyarrow.parquet

        with whole_folder(path, RECORD, overwrite=overwrite) as new:
            with replaced(new / ROWS) as file:
                pyarrow.parquet.write_table(self.rows, file)
            with replaced(new / VECTORS) as file:
                np.save(file, self.vectors)
            if self.first is not None:
                self.first.save(new / FIRST_PASS[self.method])
            files = {one.name: sha256(one) for one in sorted(new.iterdir())}
            how = {"schema": SCHEMA, "versions": versions(), **self.record, "files": files}
            write_json(new / RECORD, {**how, "check": _check(how)})


def is_index(path: Path) -> bool:
    """Tell whether a folder holds an index, whole or damaged."""
    return (path / RECORD).is_file()


def _read_record(folder: Path) -> dict[str, Any]:
    with reading():
        text = (folder / RECORD).read_text(encoding="utf-8", errors="replace")
    try:
        known: dict[str, Any] = json.loads(text)
        if known["schema"] == SCHEMA and known.pop("check") == _check(known):
            return known
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(folder / RECORD) from error
    raise _damaged(folder / RECORD)


def _check(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _damaged(path: Path) -> InputError:
    return InputError(
        f"'{path}' was damaged or removed after it was written: make the index again, and check "
        "the disk."
    )
