"""An index as a folder: rows, vectors, a first pass, and the record that vouches for them."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

RECORD, ROWS, VECTORS = "index.json", "rows.parquet", "vectors.npy"
FIRST_PASS = {"int8": "codes.npy", "binary": "bits.npy", "hnsw": "graph.usearch"}
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
        inputs: What was added: source, rows and hash of each.
        first: The first pass of a search that is not exact.
        recall: What that finds.
        path: The folder; None of an index in memory.
    """

    rows: "pyarrow.Table"
    column: str
    vectors: Vectors
    model: str
    fingerprint: str
    method: str = "exact"
    inputs: Sequence[Mapping[str, Any]] = ()
    first: FirstPass | None = None
    recall: Mapping[str, Any] | None = None
    path: Path | None = None

    def __repr__(self) -> str:
        return f"Index({self.described()})"

    def described(self) -> str:
        """Say what is in the index, and what a search that is not exact finds."""
        recall = f", {Recall(**self.recall)}" if self.recall else ""
        return (
            f"{len(self.rows):,} rows, {len(self.vectors):,} distinct texts, "
            f"{self.vectors.shape[1]} numbers each by {self.model}, {self.method} search{recall}"
        )

    @cached_property
    def _distinct(self) -> "pyarrow.DictionaryArray":
        import pyarrow

        column = self.rows.column(self.column).cast(pyarrow.large_string())
        return column.combine_chunks().dictionary_encode()

    @cached_property
    def texts(self) -> list[str]:
        """The distinct texts."""
        texts: list[str] = self._distinct.dictionary.to_pylist()
        return texts

    @property
    def text_of_row(self) -> Ids:
        """The number of each row's text, ``[rows]``."""
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
            "method": self.method,
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
            inputs=known["inputs"],
            first=FIRST_PASSES[method].open(folder / file) if file else None,
            recall=known["recall"],
            path=folder,
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
