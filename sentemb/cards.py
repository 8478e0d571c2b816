"""The card of every model that is made here: metadata for the hub, and how the model was made."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.bundled import BUNDLED_ENCODERS, bundled
from sentemb.inert import cell
from sentemb.storage import replaced

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

CARD = "README.md"
SIMILARITY = """{import_line}

model = {load}("{name}")
embeddings = model.encode(["A man is eating.", "Someone has a meal.", "It rains."])
print({similarity})"""
"""The example of an encoder, whichever class it is of."""


@dataclass(frozen=True)
class Score:
    """A number for the hub's table of results.

    Args:
        task: As the hub names it, as ``semantic-similarity``.
        dataset: What was scored.
        metric: As the hub names it, as ``spearman_cosine``.
        value: A fraction, not a percentage.
    """

    task: str
    dataset: str
    metric: str
    value: float


@dataclass(frozen=True)
class Card:
    """What a card says; names of users in it are written inert, but for the notes, which hold none.

    Args:
        name: Of the model, as its folder.
        what: The model in a sentence or two.
        usage: Python that uses it; ``{name}`` stands for the name.
        how: How it was made, a row of a table each.
        tables: Scores; the first row of each is its head.
        notes: What else a reader has to know.
        base_model: A bundled encoder, hub id or folder that it was made from.
        datasets: What it was trained on; of a file its name alone.
        scores: For the hub.
        versions: Of packages.
        library: That loads it.
        pipeline: Its kind, as the hub names it.
        tags: Further ones.
    """

    name: str
    what: str
    usage: str
    how: Mapping[str, Any]
    tables: Sequence[Sequence[Sequence[Any]]] = ()
    notes: Sequence[str] = ()
    base_model: str | None = None
    datasets: Sequence[str] = ()
    scores: Sequence[Score] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    library: str = "sentence-transformers"
    pipeline: str = "sentence-similarity"
    tags: Sequence[str] = ()


def usage_of_encoder(
    import_line: str = "from sentence_transformers import SentenceTransformer",
    load: str = "SentenceTransformer",
    similarity: str = "model.similarity(embeddings, embeddings)",
) -> str:
    """Return an example that compares sentences, for `Card.usage`."""
    return SIMILARITY.format(
        import_line=import_line, load=load, similarity=similarity, name="{name}"
    )


def public_name(source: str) -> str:
    """Name a model or data set without a folder of this machine; hub ids stay.

    Example:
        >>> public_name("/home/me/data/train.tsv"), public_name("owner/name")
        ('train.tsv', 'owner/name')
    """
    is_id = re.fullmatch(r"[\w.-]+/[\w.-]+", source) and not source.startswith(".")
    if is_id and not os.path.exists(source) and not Path(source).suffix:
        return source
    return Path(source).name or source


def write_card(folder: Path, card: Card) -> None:
    """Write the card of a model into its folder."""
    from huggingface_hub import ModelCard

    made = ModelCard(f"---\n{_metadata(card).to_yaml()}\n---\n\n{_body(card)}")
    with replaced(folder / CARD) as file:
        file.write(str(made).encode())


def _metadata(card: Card) -> "ModelCardData":
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=one.task,
            dataset_type=_plain(one.dataset),
            dataset_name=_plain(one.dataset),
            metric_type=one.metric,
            metric_value=round(one.value, 6),
        )
        for one in card.scores
    ]
    name = _plain(card.name)
    tags = dict.fromkeys([card.library, "sentemb", *map(_plain, card.tags)])
    datasets = [_plain(public_name(one)) for one in card.datasets]
    return ModelCardData(
        base_model=_plain(public_name(card.base_model)) if card.base_model else None,
        datasets=list(dict.fromkeys(datasets)) or None,
        eval_results=results or None,
        model_name=name if results else None,
        library_name=card.library,
        pipeline_tag=card.pipeline,
        tags=list(tags),
        **_inherited(card.base_model),
    )


def _inherited(base_model: str | None) -> dict[str, Any]:
    """Return licence and language where the card of a base model's folder states them."""
    from huggingface_hub import ModelCard

    is_bundled = base_model in BUNDLED_ENCODERS
    path = (bundled(str(base_model)) if is_bundled else Path(str(base_model))) / CARD
    try:
        text = path.read_text(encoding="utf-8")
        if not text.startswith("---"):
            return {}
        stated = ModelCard(text, ignore_metadata_errors=True).data
    except (OSError, ValueError):
        return {}
    return {k: stated.get(k) for k in ("license", "language") if stated.get(k)}


def _body(card: Card) -> str:
    name = _plain(card.name)
    parts = [
        f"# {name}",
        cell(card.what),
        f"```python\n{card.usage.format(name=name)}\n```",
        "## How it was made",
        _table([("", ""), *card.how.items()]),
        *(["## Scores"] if card.tables else []),
        *map(_table, card.tables),
        *card.notes,
    ]
    if card.versions:
        shown = ", ".join(f"{package} {number}" for package, number in card.versions.items())
        parts.append(f"Versions: {cell(shown)}.")
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(cell(str(value)) for value in row) + " |" for row in rows]
    lines[0] = lines[0].replace("|  |  |", "| | |")
    lines.insert(1, "|---" * len(rows[0]) + "|")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Write a name so that it stays one in Markdown, YAML and a string of Python."""
    return cell(text).replace('"', "'")
