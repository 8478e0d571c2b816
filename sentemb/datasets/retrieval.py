"""Queries, documents, and which belong together."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sentemb.datasets.files import read_rows, text_of
from sentemb.datasets.sts import require, sentence_of, task_name
from sentemb.errors import InputError
from sentemb.evaluation import Retrieval
from sentemb.evaluation.retrieval import same_text

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
        InputError: When a file is missing or empty, an id stands twice, a query is unknown or all
            documents are, or a grade is not a number; names the row.
    """
    path = Path(source)
    if not path.is_dir():
        return _read_answers(path, name or task_name(path))
    corpus_file, queries_file, qrels = retrieval_files(path)
    titled, queries = _texts(corpus_file), _texts(queries_file)
    corpus = {identity: document.whole for identity, document in titled.items()}
    relevant, unknown = _relevant(qrels, queries, corpus)
    asked = {identity: query.whole for identity, query in queries.items()}
    own = [identity for identity, text in asked.items() if _is(text, titled.get(identity))]
    return Retrieval(name or path.name, asked, corpus, relevant, own, unknown)


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


class _Document(NamedTuple):
    """A text of a collection, with its title and without."""

    whole: str
    text: str


def _is(query: str, document: _Document | None) -> bool:
    """Say whether a query is the text of a document; its title may stand before it."""
    return document is not None and any(same_text(query, form) for form in document)


def _texts(path: Path) -> dict[str, _Document]:
    texts: dict[str, _Document] = {}
    for number, row in read_rows(path):
        identity = row.get("_id")
        if not isinstance(identity, str | int) or identity == "":
            raise InputError(f"{path}, row {number} has no _id.")
        if str(identity) in texts:
            raise InputError(f"{path}, row {number}: _id '{identity}' occurs twice.")
        title, text = (text_of(row, column, path, number) for column in ("title", "text"))
        whole = " ".join(part for part in (title, text) if part).strip()
        texts[str(identity)] = _Document(whole, text)
    return texts


def _relevant(
    path: Path, queries: Collection[str], corpus: Collection[str]
) -> tuple[dict[str, dict[str, float]], int]:
    """Return the grades of each query's relevant documents, and how many rows name unknown ones."""
    relevant: dict[str, dict[str, float]] = defaultdict(dict)
    unknown: list[tuple[int, str]] = []
    known = 0
    for number, row in _with_columns(path, QRELS, "qrels"):
        query, document = str(row["query-id"]), str(row["corpus-id"])
        if query not in queries:
            raise _unknown(path, number, "query", query, queries)
        if document in corpus:
            known += 1
        else:
            unknown.append((number, document))
        if (grade := _grade(row["score"], path, number)) > 0:
            relevant[query][document] = grade
    if unknown and not known:
        raise _unknown(path, unknown[0][0], "document", unknown[0][1], corpus)
    return dict(relevant), len(unknown)


def _unknown(
    path: Path, number: int, what: str, identity: str, known: Collection[str]
) -> InputError:
    return InputError(
        f"{path}, row {number}: no {what} has the id '{identity}'; there are {len(known):,}."
    )


def _grade(value: Any, path: Path, number: int) -> float:
    try:
        grade = float(value)
    except (TypeError, ValueError):
        grade = float("nan")
    if not abs(grade) < float("inf"):
        raise InputError(f"{path}, row {number}: {value!r} is not a grade; a number is needed.")
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
    return Retrieval(name, queries, corpus, dict(relevant), not_ranked=())


def _with_columns(
    path: Path, columns: tuple[str, ...], what: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    for position, (number, row) in enumerate(read_rows(path)):
        if position == 0:
            require(path, list(row), columns, what)
        yield number, row
