"""Views and losses by name: ``feature-cutoff:0.2``, ``eda:0.1,synonyms=wordnet``, ``ntxent``."""

from dataclasses import Field, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .recipes import argument_helps

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.losses import Term
    from sentemb.views import View

LOSSES = {
    "infonce": "InfoNCE",
    "ntxent": "NTXent",
    "flatnce": "FlatNCE",
    "flatnce-one-way": "FlatNCEOneWay",
}
STAGES = {
    "edit": {
        "crop": "Crop",
        "eda": "EDA",
        "random-deletion": "RandomDeletion",
        "random-insertion": "RandomInsertion",
        "random-swap": "RandomSwap",
        "synonym-replacement": "SynonymReplacement",
        "word-dropout": "WordDropout",
        "word-repetition": "WordRepetition",
    },
    "edit_tokens": {
        "subword-crop": "SubwordCrop",
        "subword-dropout": "SubwordDropout",
        "subword-repetition": "SubwordRepetition",
    },
    "order": {"shuffle": "TokenShuffle"},
    "perturb": {
        "adversarial": "Adversarial",
        "embedding-dropout": "EmbeddingDropout",
        "feature-cutoff": "FeatureCutoff",
        "gaussian-noise": "GaussianNoise",
        "span-cutoff": "SpanCutoff",
        "supervised-adversarial": "SupervisedAdversarial",
        "token-cutoff": "TokenCutoff",
    },
}
CLEAN = "clean"
SYNONYMS = ("neighbours", "wordnet")


def make_view(words: str, encoder: "SentenceTransformer") -> "View":
    """Make a view from its words; ``crop:0.2+shuffle`` is both, one after the other.

    Raises:
        UsageError: When a name or option is unknown, a value is out of range, or two parts change
            the same stage.
    """
    from sentemb.errors import UsageError
    from sentemb.views import View

    names = {name: stage for stage, members in STAGES.items() for name in members}
    parts: dict[str, Any] = {}
    for part in words.split("+"):
        if part == CLEAN:
            continue
        name, options, _ = part.partition(":")
        if name == CLEAN and options:
            raise UsageError(f"View '{CLEAN}' takes no option, got '{part}'.")
        stage = names.get(name)
        if stage is None:
            raise UsageError(_unknown("view", name, [CLEAN, *names]))
        if stage in parts:
            raise UsageError(
                f"View '{words}': '{name}' and another part both change the same stage; one view "
                "takes one of each: word edit, sub-word edit, shuffle, perturbation."
            )
        parts[stage] = _make("sentemb.views", STAGES[stage][name], part, encoder)
    return View(**parts)


def make_loss(words: str) -> "Term":
    """Make a loss from its words.

    Raises:
        UsageError: When the name or an option is unknown, or a value is out of range.
    """
    from sentemb.errors import UsageError

    name = words.partition(":")[0]
    if name not in LOSSES:
        raise UsageError(_unknown("loss", name, list(LOSSES)))
    loss: Term = _make("sentemb.losses", LOSSES[name], words, None)
    return loss


def options_of(module: str, class_name: str) -> list["Field[Any]"]:
    """Return the fields that words can set, the one that needs no name first."""
    described = fields(getattr(import_module(module), class_name))
    return sorted(described, key=lambda field: field.name == "synonyms")


def helps_of(module: str, class_name: str) -> dict[str, str]:
    """Return what the docstring says of each field."""
    return argument_helps(getattr(import_module(module), class_name))


def _make(module: str, class_name: str, words: str, encoder: "SentenceTransformer | None") -> Any:
    from sentemb.errors import UsageError, nearest

    allowed = {field.name.replace("_", "-"): field for field in options_of(module, class_name)}
    name, _, written = words.partition(":")
    values: dict[str, Any] = {}
    for position, item in enumerate(written.split(",") if written else []):
        key, equals, value = item.partition("=")
        if not allowed:
            raise UsageError(f"'{name}' takes no option, got '{words}'.")
        if not equals:
            key, value = next(iter(allowed), "") if position == 0 else item, key
        if key not in allowed or (position > 0 and not equals):
            raise UsageError(
                f"'{name}' has no option '{key}'; it takes {', '.join(allowed)}, as "
                f"{name}:OPTION=VALUE.{nearest(key, list(allowed))}"
            )
        if allowed[key].name in values:
            raise UsageError(f"'{name}': {key} is given twice.")
        values[allowed[key].name] = _value(name, allowed[key], value)
    if "synonyms" in allowed:
        values["synonyms"] = _synonyms(name, values.get("synonyms", SYNONYMS[0]), encoder)
    return getattr(import_module(module), class_name)(**values)


def _value(name: str, field: "Field[Any]", written: str) -> Any:
    from sentemb.errors import UsageError

    if isinstance(field.default, bool):
        if written not in ("yes", "no"):
            raise UsageError(f"'{name}': {field.name} takes yes or no, got '{written}'.")
        return written == "yes"
    if not isinstance(field.default, float):
        return written
    try:
        return float(written)
    except ValueError:
        raise UsageError(f"'{name}': {field.name} takes a number, got '{written}'.") from None


def _synonyms(name: str, written: str, encoder: "SentenceTransformer | None") -> Any:
    from sentemb.encoders import EmbeddingNeighbours
    from sentemb.errors import UsageError, nearest
    from sentemb.views import WordNet

    if written not in SYNONYMS or encoder is None:
        raise UsageError(
            f"'{name}': synonyms are {' or '.join(SYNONYMS)}, got '{written}'."
            + nearest(written, list(SYNONYMS))
        )
    return WordNet() if written == "wordnet" else EmbeddingNeighbours(encoder)


def _unknown(kind: str, name: str, allowed: list[str]) -> str:
    from sentemb.errors import nearest

    return f"Unknown {kind} '{name}'; allowed: {', '.join(allowed)}.{nearest(name, allowed)}"
