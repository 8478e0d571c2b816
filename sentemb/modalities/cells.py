"""Which columns of a table hold pictures and texts, and what their cells hold."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from sentemb.datasets.source import Source, read_source
from sentemb.errors import InputError, UsageError, nearest

T = TypeVar("T")
logger = logging.getLogger("sentemb")

Modality = Literal["picture", "sound"]
MODALITIES: tuple[Modality, ...] = ("picture", "sound")
PICTURES = ("image", "picture", "file_name", "path")
SOUNDS = ("sound", "audio", "logmel", "file_name", "path")
CELLS: dict[Modality, tuple[str, ...]] = {"picture": PICTURES, "sound": SOUNDS}
SUFFIXES_OF: dict[Modality, tuple[str, ...]] = {
    "picture": (".png", ".jpg", ".jpeg", ".webp"),
    "sound": (".wav", ".flac"),
}
"""Of files that are read."""
FILE_NAMES = ("file_name", "path")
OTHERS = ("id", "code", "name", "caption", "text", "title")
"""Columns that name a row whose picture or sound is no file, the first preferred."""
TEXTS = ("caption", "text", "title", "sentence")
"""Names of the columns, the first preferred."""
SPLIT = "split"
TRAIN = "train"
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""Files that say which picture of a folder has which text, as ``datasets`` has it."""


def metadata_of(source: Source) -> Source:
    """Return the table of a folder of pictures; anything else as it is.

    Raises:
        InputError: When the folder has none.
    """
    if not isinstance(source, str | os.PathLike) or not Path(source).is_dir():
        return source
    files = [Path(source) / name for name in METADATA]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise InputError(
            f"{source} is a folder without {' or '.join(METADATA)}, so its pictures have no texts: "
            "give a table with a column of file names, and one of texts."
        )
    return found


def columns_of_modalities(
    source: object, present: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> dict[str, Modality]:
    """Return the columns that hold pictures or sounds, one of each.

    ``file_name`` and ``path`` may name anything: they are looked at where they name a picture or a
    sound in one of some rows, and in the table of a folder.

    Args:
        source: Of the rows.
        present: Its columns.
        rows: Its first rows.
    """
    found: dict[Modality, str] = {}
    for modality in MODALITIES:
        names = [name for name in CELLS[modality] if name in present and name not in FILE_NAMES]
        if names:
            found[modality] = names[0]
    name = next((name for name in FILE_NAMES if name in present), None)
    if name is not None and not found:
        kind = next((one for row in rows if (one := modality_of_file(row.get(name)))), None)
        path = Path(source) if isinstance(source, str | os.PathLike) else Path("-")
        if kind is None and (path.is_dir() or path.name in METADATA):
            kind = "picture"
        found |= {} if kind is None else {kind: name}
    return {name: modality for modality, name in found.items()}


def modality_of_file(name: object) -> Modality | None:
    """Return what a file is, by the end of its name; None of anything else.

    Example:
        >>> modality_of_file("a.PNG"), modality_of_file("a.txt"), modality_of_file(None)
        ('picture', None, None)
    """
    ending = Path(str(name)).suffix.lower()
    return next((one for one in MODALITIES if ending in SUFFIXES_OF[one]), None)


def is_held(split: object) -> bool:
    """Tell whether a row is measured on, not trained on, by its column ``split``."""
    return split not in (None, TRAIN)


def to_measure(train: list[T], held: list[T], source: object) -> list[T]:
    """Return the rows of another split than ``train`` where there are some, or else all.

    Args:
        train: Rows of ``train``, or without a split.
        held: Rows of another split.
        source: Of the rows, for the log.
    """
    if held and train:
        logger.info("%s: %s rows of the split 'train' left out", source, f"{len(train):,}")
    return held or train


def texts_of_cell(value: object) -> list[str]:
    """Return the texts of a cell that holds one or a list of them; what is missing is left out.

    Example:
        >>> texts_of_cell(["a bird", None, " "]), texts_of_cell(7), texts_of_cell(float("nan"))
        (['a bird'], ['7'], [])
    """
    each = value if isinstance(value, list) else [value]
    texts = [str(one).strip() for one in each if one is not None and one == one]
    return [text for text in texts if text]


class CaptionedRow(NamedTuple):
    """A row of a table.

    Args:
        number: Counted as the reader of the file does.
        contents: Of each modality, a file or bytes.
        texts: One or several, none blank; a single "" where they are not read.
        split: What its column ``split`` says.
        blank: How many texts of a list are missing or blank.
    """

    number: int
    contents: list[Path | bytes]
    texts: list[str]
    split: str | None
    blank: int


def captioned_rows(
    source: Source,
    modalities: Sequence[Modality],
    columns: Sequence[str] | None = None,
    *,
    has_texts: bool = True,
) -> Iterator[CaptionedRow]:
    """Yield the rows of a table.

    Args:
        source: A file of any format, or a hub data set.
        modalities: What it has columns of, beside the column of texts.
        columns: Names of the columns, where they are others.
        has_texts: Whether it has a column of texts too.

    Raises:
        InputError: When there are no such columns, or a row lacks one of them; names the row.
    """
    present, rows = read_source(source)
    found_names = captioned_columns(source, present, modalities, columns, has_texts=has_texts)
    names, text = found_names[: len(modalities)], found_names[-1]
    folder = Path(os.fspath(source)).parent if isinstance(source, str | os.PathLike) else Path()
    for number, row in rows:
        texts = texts_of_cell(row.get(text)) if has_texts else [""]
        if has_texts and isinstance(row.get(text), bytes | dict):
            raise InputError(f"{source}, row {number}: column '{text}' holds bytes, not a text.")
        if not texts:
            raise InputError(f"{source}, row {number}: column '{text}' has no text.")
        with naming(source, number):
            found = [
                cell_of(row.get(name), folder, name, modality)
                for name, modality in zip(names, modalities, strict=True)
            ]
        split = None if row.get(SPLIT) is None else str(row[SPLIT])
        given = row.get(text) if has_texts else None
        blank = len(given) - len(texts) if isinstance(given, list) else 0
        yield CaptionedRow(number, found, texts, split, blank)


def captioned_columns(
    source: object,
    present: Sequence[str],
    modalities: Sequence[Modality],
    columns: Sequence[str] | None = None,
    *,
    has_texts: bool = True,
) -> list[str]:
    """Return the names of the columns of modalities, and last of texts, where it has some.

    Raises:
        InputError: When one is not there.
    """
    what = ", ".join([*(f"{one}s" for one in modalities), *["texts"] * has_texts])
    if columns is not None:
        if len(columns) != len(modalities) + has_texts:
            raise InputError(f"`columns` name those of {what}; got {', '.join(columns)}.")
        for name in columns:
            if name not in present:
                raise InputError(
                    f"{source} has no column '{name}'; it has {', '.join(present)}."
                    + nearest(name, list(present))
                )
        return list(columns)
    roles = [*(CELLS[modality] for modality in modalities), *[TEXTS] * has_texts]
    found = [next((name for name in role if name in present), None) for role in roles]
    named = [name for name in found if name is not None]
    if len(named) < len(roles):
        wanted = " and ".join(f"one of {', '.join(role)}" for role in roles)
        raise InputError(
            f"{source} has the columns {', '.join(present)}; needed are {wanted}. Name yours of "
            f"{what}, in that order, as `columns`."
        )
    return named


def bound_to_pictures(present: Sequence[str]) -> tuple[list[Modality], bool]:
    """Return what is read of a data set of pictures beside others: modalities, whether texts.

    Sounds are read where there is a column of them, else texts.

    Args:
        present: Its columns.
    """
    sounds = [name for name in SOUNDS if name in present and name not in FILE_NAMES]
    has_texts = not sounds or any(name in present for name in TEXTS)
    return ["picture", "sound"] if sounds else ["picture"], has_texts


def bound_by_columns(
    columns: Sequence[str], first: Mapping[str, Any]
) -> tuple[list[Modality], bool]:
    """Return what `bound_to_pictures` does, where columns are named: of pictures, sounds, texts.

    Of two, the second is of sounds if its name says so, or its first cell.

    Args:
        columns: Their names.
        first: The first row.
    """
    if len(columns) > 2:
        return ["picture", "sound"], True
    modalities, has_texts = bound_to_pictures(columns)
    cell = first.get(columns[-1])
    if isinstance(cell, dict):
        cell = cell.get("bytes") or cell.get("path")
    if isinstance(cell, bytes) or str(cell).lower().endswith(SUFFIXES_OF["sound"]):
        modalities, has_texts = ["picture", "sound"], False
    return modalities, has_texts


def cell_of(
    value: object, folder: Path, column: str, modality: Modality = "picture"
) -> Path | bytes:
    """Return what a cell holds: bytes of a picture or a sound, or a path from the table's folder.

    Raises:
        InputError: When it holds neither, or there is no such file.
    """
    if isinstance(value, dict):  # as datasets keeps pictures
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"column '{column}' has no {modality}")
    path = folder / value
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # no name of a file at all
        is_file = False
    if not is_file:
        raise InputError(f"there is no file '{value[:60]}'")
    if path.suffix.lower() not in (suffixes := SUFFIXES_OF[modality]):
        raise InputError(f"'{value}' is none of {', '.join(suffixes)}")
    return path


def reads_no_texts(model: str | os.PathLike[str]) -> bool:
    """Tell whether a folder holds towers alone, as `train` with method simclr-pictures makes it."""
    if not os.path.isdir(model):  # of a name that no file can have, too
        return False
    folder = Path(model)
    towers = any((folder / one / "tower.json").is_file() for one in MODALITIES)
    return towers and not any((folder / name).is_file() for name in ("modules.json", "config.json"))


def files_of(folder: Path, modality: Modality) -> list[Path]:
    """Return the files of a folder, and of folders in it, that are named as pictures or sounds."""
    suffixes = SUFFIXES_OF[modality]
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes and p.is_file())


def modality_of(source: object) -> Modality | None:
    """Return what a folder holds, by the names of its files; None of anything else.

    Raises:
        UsageError: When it holds pictures and sounds.
    """
    if not (isinstance(source, str | os.PathLike) and Path(source).is_dir()):
        return None
    found = {one: len(files) for one in MODALITIES if (files := files_of(Path(source), one))}
    if len(found) > 1:
        held = " and ".join(f"files of {one}s ({files:,})" for one, files in found.items())
        raise UsageError(
            f"Folder '{source}' holds {held}: name which are meant as `modality`, or give a folder "
            "that has one kind."
        )
    return next(iter(found), None)


@contextmanager
def naming(source: object, number: int) -> Iterator[None]:
    """Put the source and the row in front of what is wrong with a picture or a sound.

    Raises:
        InputError: Names the row.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{source}, row {number}: {error}.") from error
