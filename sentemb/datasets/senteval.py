"""The files of SentEval, as its download script leaves them."""

from collections.abc import Sequence
from pathlib import Path

from sentemb.datasets.headerless import read_fields, read_lines
from sentemb.datasets.labelled import labelled_of
from sentemb.datasets.source import read_source
from sentemb.datasets.sts import Graded, graded_pair, sts_of
from sentemb.errors import InputError
from sentemb.evaluation import STS, Labelled


def read_sts_year(name: str, subsets: Sequence[tuple[str, Path, Path]]) -> STS:
    """Read one of STS12–16.

    Args:
        name: What to call it.
        subsets: Of each its name, the file of pairs (``STS.input.…``) and the file of scores
            (``STS.gs.…``), an empty line where there is none.

    Raises:
        InputError: When the files are not of one length, or a row is not a pair; names it.
    """
    return sts_of(name, [row for subset in subsets for row in _subset(*subset)])


def _subset(name: str, pairs: Path, scores: Path) -> list[Graded]:
    first, second = ([line for _, line in read_lines(path)] for path in (pairs, scores))
    if len(first) != len(second):
        raise InputError(
            f"{pairs} has {len(first)} rows and {scores} {len(second)}: they must be of one length."
        )
    columns = ("sentence1", "sentence2")
    return [
        graded_pair({**row, "score": second[number - 1], "subset": name}, pairs, number)
        for number, row in read_fields(pairs, columns)
    ]


def read_stsb(name: str, path: Path) -> STS:
    """Read a file of STS-B: its fields 5 to 7 are score and sentences, without csv quoting."""
    columns = (None, None, None, None, "score", "sentence1", "sentence2")
    return sts_of(name, [graded_pair(row, path, n) for n, row in read_fields(path, columns)])


def read_sick(name: str, path: Path) -> STS:
    """Read a file of SICK for relatedness."""
    columns = (None, "sentence1", "sentence2", "score")
    rows = list(read_fields(path, columns))[1:]
    return sts_of(name, [graded_pair(row, path, number) for number, row in rows])


def read_by_file(*paths: Path) -> Labelled:
    """Read MR, CR, SUBJ or MPQA: a text a line, a file a label.

    A blank line is a row with a full stop, as in SentEval; CR has four. A file that is not UTF-8 is
    Latin-1, as SentEval's are.
    """
    rows = [(text or ".", path.name) for path in paths for text in _texts(path)]
    return Labelled([text for text, _ in rows], [label for _, label in rows])


def read_trec(path: Path) -> Labelled:
    """Read TREC's questions, ``COARSE:fine question``; the six coarse labels are used.

    Raises:
        InputError: When a row has no such label; names it.
    """
    texts, labels = [], []
    for number, line in enumerate(_texts(path), start=1):
        label, colon, rest = line.partition(":")
        question = rest.partition(" ")[2]
        if not colon or not question:
            raise InputError(f"{path}, row {number}: {line[:40]!r} is not a 'LABEL:sub question'.")
        texts.append(question)
        labels.append(label)
    return Labelled(texts, labels)


def read_sst2(path: Path) -> Labelled:
    """Read SST2 without a header, ``sentence, label``."""
    return labelled_of(read_fields(path, ("text", "label")), ["text"], path)


def read_glue_sst2(path: Path) -> Labelled:
    """Read SST-2 of GLUE, with a header."""
    return labelled_of(read_source(path)[1], ["sentence"], path)


def read_mrpc(path: Path) -> Labelled:
    """Read a file of MRPC, SentEval's or GLUE's: label, two ids and two sentences a row."""
    columns = ("label", None, None, "sentence1", "sentence2")
    rows = list(read_fields(path, columns))[1:]
    return labelled_of(rows, ["sentence1", "sentence2"], path)


def _texts(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(f"No file '{path}'.")
    data = path.read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return [line.strip() for line in text.removesuffix("\n").split("\n")]
