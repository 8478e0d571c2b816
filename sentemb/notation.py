"""The language of losses and views: words into objects, and mistakes found without torch.

Losses and views are ``NAME``, ``NAME:VALUE`` (the first option) or ``NAME:VALUE,option=value``.
``A + 0.1*B`` is a weighted sum of losses, ``A + B`` a view that does both.
"""

import ast
import functools
import inspect
import logging
import math
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from sentemb import signatures
from sentemb.errors import UsageError, nearest, unknown

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.losses import Loss
    from sentemb.views import View

    AnyLoss = str | Loss
    AnyView = str | View | Callable[[SentenceTransformer], View]

logger = logging.getLogger("sentemb")
MADE_OF_LOSSES = ("Sum", "EachSentence", "Matryoshka", "MaskSimilar", "Guided")
NAMES = {
    "FlatNCEOneWay": "flatnce-one-way",
    "InfoNCEWithinViews": "infonce-within-views",
    "ListNet": "listnet",
    "MSEDistillation": "mse-distillation",
    "MarginMSE": "margin-mse",
    "RDrop": "r-drop",
    "SimilarityKL": "similarity-kl",
    "SimilarityMSE": "similarity-mse",
    "SupConIn": "supcon-in",
    "SupConOut": "supcon-out",
}
"""Of the losses whose names do not follow from those of their classes."""


def name_of(loss: str) -> str:
    """Return the name of a loss: ``SymmetricInfoNCE`` is symmetric-infonce."""
    return NAMES.get(loss) or re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "-", loss).lower()


LOSSES = {
    name_of(loss): loss
    for loss in signatures.imported("sentemb.losses")
    if loss not in (*MADE_OF_LOSSES, "Loss", "RowLoss", "Term")
}
WITHOUT_WEIGHT = ("hard-negative-weight=1", "hard-negative-weight=1.0")
STAGES = {
    "edit": {
        "crop": "Crop",
        "eda": "EDA",
        "negate": "Negate",
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
EXAMPLE = "infonce+0.1*dimension-wise"


def as_loss(loss: "AnyLoss") -> "Loss":
    """Return a loss that is given as an object, or in words.

    Raises:
        UsageError: When a name or an option is unknown, or a value is out of range.

    Example:
        >>> as_loss("infonce:0.1")
        InfoNCE(temperature=0.1)
    """
    return make_loss(loss) if isinstance(loss, str) else loss


def as_view(view: "AnyView") -> "View | Callable[[SentenceTransformer], View]":
    """Return a view that is given as an object, or in words; those need the encoder.

    Raises:
        UsageError: When a name or an option is unknown, or two parts change the same stage.
    """
    if not isinstance(view, str):
        return view
    check_view(view)
    return partial(make_view, view)


def make_loss(words: str) -> "Loss":
    """Make a loss from its words; ``A + 0.1*B`` is a weighted sum.

    Raises:
        UsageError: When a name or an option is unknown, or a value is out of range.
    """
    weights, names = zip(*_terms(words), strict=True)
    terms: tuple[Loss, ...] = tuple(
        _make("sentemb.losses", LOSSES[_name(term)], _renamed(term)) for term in names
    )
    if len(terms) == 1 and weights == (1.0,):
        return terms[0]
    from sentemb.losses import Sum

    return Sum(terms, weights)


def check_loss(words: str) -> None:
    """Read the words of a loss without making it.

    Raises:
        UsageError: When a name or an option is unknown.
    """
    for _, term in _terms(words):
        _read("sentemb.losses", LOSSES[_name(term)], _renamed(term))


def numbers_of_loss(words: str) -> list[inspect.Parameter]:
    """Return the numbers that the words of a loss can set; a sum has none."""
    name = words.partition(":")[0].strip()
    if name not in LOSSES:
        check_loss(words)
        return []
    parameters = options_of("sentemb.losses", LOSSES[name])
    return [p for p in parameters if isinstance(p.default, int | float)]


def set_in_loss(words: str) -> set[str]:
    """Return the options that the words of a loss, or of any term of a sum, set."""
    terms = (term for _, term in _terms(words))
    return {
        option
        for term in terms
        for option in _read("sentemb.losses", LOSSES[_name(term)], _renamed(term))
    }


def read_values(option: inspect.Parameter, written: str) -> list[Any]:
    """Read ``0.05,0.1,0.2``.

    Raises:
        UsageError: When one is none of the option's, or comes twice.
    """
    values = [read_value(option, word.strip()) for word in written.split(",")]
    if len(set(values)) < len(values):
        raise UsageError(f"`values` gives a value twice: '{written}'.")
    return values


def read_value(option: inspect.Parameter, written: str) -> Any:
    """Read one value.

    Raises:
        UsageError: When it is none of this option's.
    """
    flag, kind = option.name.replace("_", "-"), option.annotation
    if get_origin(kind) is Literal or kind is bool:
        allowed = get_args(kind) or ("yes", "no")
        if written not in allowed:
            raise UsageError(
                f"{flag} takes one of {', '.join(allowed)}; got '{written}'."
                + nearest(written, list(allowed))
            )
        return written == "yes" if kind is bool else written
    try:
        return kind(written)
    except ValueError:
        words = "whole numbers" if kind is int else "numbers"
        raise UsageError(f"{flag} takes {words}; got '{written}'.") from None


def make_view(words: str, encoder: "SentenceTransformer") -> "View":
    """Make a view from its words; ``crop:0.2+shuffle`` is both, one after the other.

    Raises:
        UsageError: When a name or option is unknown, a value is out of range, or two parts change
            the same stage.
    """
    from sentemb.views import View

    made = {}
    for stage, (class_name, part) in _parts(words).items():
        synonyms = partial(_synonyms, part.partition(":")[0], encoder)
        made[stage] = _make("sentemb.views", class_name, part, synonyms=synonyms)
    return View(**made)


def check_view(words: str) -> None:
    """Read the words of a view without making it.

    Raises:
        UsageError: When a name or option is unknown, or two parts change the same stage.
    """
    for class_name, part in _parts(words).values():
        values = _read("sentemb.views", class_name, part)
        if "synonyms" in values:
            _check_synonyms(part.partition(":")[0], values["synonyms"])


def words_of(shown: str) -> str:
    """Return the words of a loss or view for its ``repr``, as ``run.json`` has it; words as such.

    Example:
        >>> words_of("View(column='text', edit=Crop(rate=0.2), order=TokenShuffle())")
        'crop:rate=0.2+shuffle'
        >>> words_of("Sum(terms=(InfoNCE(temperature=0.05), VICReg()), weights=(1.0, 0.1))")
        '1.0*infonce:temperature=0.05+0.1*vicreg'

    Raises:
        UsageError: When it was made in Python of parts that have no name here.
    """
    if "(" not in shown:
        return shown
    try:
        return _words_of(ast.parse(shown, mode="eval").body)
    except (SyntaxError, LookupError, ValueError, AttributeError):
        raise UsageError(
            f"'{shown}' cannot be written on the command line: make it in Python."
        ) from None


def _words_of(node: Any) -> str:
    given = {one.arg: one.value for one in node.keywords}
    if node.func.id == "View":
        parts = [_words_of(one) for one in given.values() if isinstance(one, ast.Call)]
        return "+".join(parts) or CLEAN
    if node.func.id == "Sum":
        terms, weights = (given[name].elts for name in ("terms", "weights"))
        pairs = zip(weights, terms, strict=True)
        return "+".join(f"{ast.literal_eval(w)}*{_words_of(term)}" for w, term in pairs)
    names = {kind: name for members in STAGES.values() for name, kind in members.items()}
    names |= {kind: name for name, kind in LOSSES.items()}
    options = [f"{name.replace('_', '-')}={_written(value)}" for name, value in given.items()]
    return ":".join([names[node.func.id], ",".join(options)] if options else [names[node.func.id]])


def _written(value: Any) -> str:
    if isinstance(value, ast.Call):
        return {"EmbeddingNeighbours": SYNONYMS[0], "WordNet": SYNONYMS[1]}[ast.unparse(value.func)]
    plain = ast.literal_eval(value)
    return str(plain) if not isinstance(plain, bool) else ("yes" if plain else "no")


def options_of(module: str, class_name: str) -> list[inspect.Parameter]:
    """Return the parameters that words can set, the one that needs no name first."""
    parameters = signatures.parameters(module, class_name)
    return sorted(parameters, key=lambda parameter: parameter.name == "synonyms")


def _terms(words: str) -> list[tuple[float, str]]:
    """Return the weight and the words of each term."""
    written = [term.strip() for term in words.split("+")]
    if not all(written) or any(term.endswith("*") for term in written):
        raise UsageError(f"Loss '{words}': the name of a loss is missing; write it as {EXAMPLE}.")
    return [_weighted(term) for term in written]


def _weighted(term: str) -> tuple[float, str]:
    weight, star, name = term.rpartition("*")
    if not star:
        return 1.0, name
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise UsageError(
            f"Loss '{term}': '{weight}' is not a weight above 0; write it as 0.1*{name}."
        )
    return number, name.strip()


@functools.cache
def _renamed(words: str) -> str:
    """Return words with the present name of a loss, where they have one of version 0.1.

    What is trained then is not what the name says now, so that is warned of, once.
    """
    name, _, written = words.partition(":")
    if name != "infonce" or "hard-negative-weight=" not in written:
        return words
    others = [o for o in written.split(",") if o not in WITHOUT_WEIGHT]
    weighted = len(others) == len(written.split(","))
    meant = "weighted-infonce" if weighted else "infonce"
    now = f"{meant}:{','.join(others)}" if others else meant
    logger.warning("%s is read as %s: the weight is an option of weighted-infonce.", words, now)
    return now


def _name(words: str) -> str:
    name = _renamed(words).partition(":")[0]
    if name not in LOSSES:
        raise UsageError(unknown("loss", name, list(LOSSES)))
    return name


def _parts(words: str) -> dict[str, tuple[str, str]]:
    """Return the class and the words of what changes each stage."""
    names = {name: stage for stage, members in STAGES.items() for name in members}
    parts: dict[str, tuple[str, str]] = {}
    for part in map(str.strip, words.split("+")):
        if part == CLEAN:
            continue
        name, options, _ = part.partition(":")
        if name == CLEAN and options:
            raise UsageError(f"View '{CLEAN}' takes no option, got '{part}'.")
        stage = names.get(name)
        if stage is None:
            raise UsageError(unknown("view", name, [CLEAN, *names]))
        if stage in parts:
            raise UsageError(
                f"View '{words}': '{name}' and another part both change the same stage; one view "
                "takes one of each: word edit, sub-word edit, shuffle, perturbation."
            )
        parts[stage] = STAGES[stage][name], part
    return parts


def _synonyms(name: str, encoder: "SentenceTransformer", written: str | None) -> Any:
    from sentemb.encoders import EmbeddingNeighbours
    from sentemb.views import WordNet

    written = written or SYNONYMS[0]
    _check_synonyms(name, written)
    return WordNet() if written == "wordnet" else EmbeddingNeighbours(encoder)


def _check_synonyms(name: str, written: str) -> None:
    if written not in SYNONYMS:
        raise UsageError(
            f"'{name}': synonyms are {' or '.join(SYNONYMS)}, got '{written}'."
            + nearest(written, list(SYNONYMS))
        )


def _make(module: str, class_name: str, words: str, **given: Any) -> Any:
    """Make an object of a class from its words.

    Args:
        module: Where the class is.
        class_name: Its constructor's parameters are the options; the first needs no name.
        words: As typed.
        given: Values of options that words cannot hold as they are, from what was written or None.

    Raises:
        UsageError: When an option is unknown or given twice, or a value is out of range.
    """
    values = _read(module, class_name, words)
    options = [p.name for p in options_of(module, class_name)]
    for name, made in given.items():
        if name in options:
            values[name] = made(values.get(name))
    try:
        return getattr(import_module(module), class_name)(**values)
    except UsageError as error:  # its options are those of the words, not of the command
        reason = str(error)
        for name in options:
            reason = re.sub(rf"\b{name}\b", name.replace("_", "-"), reason)
        raise UsageError(f"'{words}': {reason}") from None


def _read(module: str, class_name: str, words: str) -> dict[str, Any]:
    """Read the options in words, without importing the class.

    Raises:
        UsageError: When an option is unknown or given twice, or a value of another kind.
    """
    allowed = {p.name.replace("_", "-"): p for p in options_of(module, class_name)}
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
    return values


def _value(name: str, option: inspect.Parameter, written: str) -> Any:
    if isinstance(option.default, bool):
        if written not in ("yes", "no"):
            raise UsageError(f"'{name}': {option.name} takes yes or no, got '{written}'.")
        return written == "yes"
    if not isinstance(option.default, int | float):
        return written
    number = type(option.default)
    try:
        return number(written)
    except ValueError:
        kind = "a whole number" if number is int else "a number"
        raise UsageError(f"'{name}': {option.name} takes {kind}, got '{written}'.") from None
