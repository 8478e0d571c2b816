"""Views by name: ``feature-cutoff:0.2``, ``eda:0.1,synonyms=wordnet``, ``crop + shuffle``."""

from functools import partial
from typing import TYPE_CHECKING, Any

from .words import make, read, unknown

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.views import View

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
    from sentemb.views import View

    made = {}
    for stage, (class_name, part) in _parts(words).items():
        synonyms = partial(_synonyms, part.partition(":")[0], encoder)
        made[stage] = make("sentemb.views", class_name, part, synonyms=synonyms)
    return View(**made)


def check_view(words: str) -> None:
    """Read the words of a view without making it.

    Raises:
        UsageError: When a name or option is unknown, or two parts change the same stage.
    """
    for class_name, part in _parts(words).values():
        values = read("sentemb.views", class_name, part)
        if "synonyms" in values:
            _check_synonyms(part.partition(":")[0], values["synonyms"])


def _parts(words: str) -> dict[str, tuple[str, str]]:
    """Return the class and the words of what changes each stage."""
    from sentemb.errors import UsageError

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
    from sentemb.errors import UsageError, nearest

    if written not in SYNONYMS:
        raise UsageError(
            f"'{name}': synonyms are {' or '.join(SYNONYMS)}, got '{written}'."
            + nearest(written, list(SYNONYMS))
        )
