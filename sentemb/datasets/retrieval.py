"""Queries, documents, and which belong together."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sentemb.datasets.files import read_rows, text_of
from sentemb.datasets.sts import require, sentence_of, task_name
from sentemb.errors import InputError
from sentemb.evaluation import Retrieval

FORMS = ("", ".gz", ".zst")
QRELS = ("query-id", "corpus-id", "score")


def read_retrieval(source: str | os.PathLike[str], name: str | None = None) -> Retrieval:
    """Read a folder in BEIR's form, or a table of questions and answers.

    Args:
        source: A folder with ``corpus.jsonl`` (``_id, title, text``), ``queries.jsonl`` (``_id,
            text``), each also .gz, and ``qrels/test.tsv`` (``query-id, corpus-id, score``); or a
            file with the columns ``qtext, atext, label``, as TREC-QA's, of which every distinct
            answer is a document.
        name: What to call it; by default as the folder or file.

    Raises:
        InputError: When a file is missing or empty, an id stands twice or is unknown, or a grade
            is no number; names the row.
    """
    path = Path(source)
    if not path.is_dir():
        return _read_answers(path, name or task_name(path))
    corpus_file, queries_file, qrels = retrieval_files(path)
    corpus, queries = _texts(corpus_file), _texts(queries_file)
    return Retrieval(name or path.name, queries, corpus, _relevant(qrels, queries, corpus))


def retrieval_files(folder: Path) -> list[Path]:
    """Return corpus, queries and qrels of a folder in BEIR's form, compressed or not.

    Raises:
        InputError: When one is missing.
    """
    return [_file(folder, name) for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")]


def _file(folder: Path, name: str) -> Path:
    for form in FORMS:
        if (found := folder / f"{name}{form}").is_file():
            return found
    raise InputError(
        f"{folder} has no {name}; a folder in BEIR's form has corpus.jsonl, queries.jsonl and "
        "qrels/test.tsv."
    )


def _texts(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, row in read_rows(path):
        identity = row.get("_id")
        if not isinstance(identity, str | int) or identity == "":
            raise InputError(f"{path}, row {number} has no _id.")
        if str(identity) in texts:
            raise InputError(f"{path}, row {number}: _id '{identity}' stands there twice.")
        parts = (text_of(row, column, path, number) for column in ("title", "text"))
        texts[str(identity)] = " ".join(part for part in parts if part).strip()
    return texts


def _relevant(
    path: Path, queries: dict[str, str], corpus: dict[str, str]
) -> dict[str, dict[str, float]]:
    relevant: dict[str, dict[str, float]] = defaultdict(dict)
    for number, row in _with_columns(path, QRELS, "qrels"):
        query, document = str(row["query-id"]), str(row["corpus-id"])
        for identity, known, where in ((query, queries, "query"), (document, corpus, "document")):
            if identity not in known:
                raise InputError(
                    f"{path}, row {number}: no {where} has the id '{identity}'; "
                    f"there are {len(known):,}."
                )
        if (grade := _grade(row["score"], path, number)) > 0:
            relevant[query][document] = grade
    return dict(relevant)


def _grade(value: Any, path: Path, number: int) -> float:
    try:
        grade = float(value)
    except (TypeError, ValueError):
        grade = float("nan")
    if not abs(grade) < float("inf"):
        raise InputError(f"{path}, row {number}: {value!r} is no grade; a number is needed.")
    return grade


def _read_answers(path: Path, name: str) -> Retrieval:
    queries: dict[str, str] = {}
    corpus: dict[str, str] = {}
    relevant: dict[str, dict[str, float]] = defaultdict(dict)
    for number, row in _with_columns(path, ("qtext", "atext", "label"), "questions and answers"):
        question = sentence_of(row, "qtext", path, number)
        answer = sentence_of(row, "atext", path, number)
        queries[question], corpus[answer] = question, answer
        if (grade := _grade(row["label"], path, number)) > 0:
            relevant[question][answer] = grade
    return Retrieval(name, queries, corpus, dict(relevant))


def _with_columns(
    path: Path, columns: tuple[str, ...], what: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    for position, (number, row) in enumerate(read_rows(path)):
        if position == 0:
            require(path, list(row), columns, what)
        yield number, row
