"""Score a model, all its seeds, on all tasks."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.encoders import build_encoder
from sentemb.evaluation import Outcome
from sentemb.evaluation.cache import EncodeCache
from sentemb.evaluation.disclosure import Disclosure, disclose
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from sentemb.locate import locate

from . import console

if TYPE_CHECKING:
    from .evaluate_models import Model
    from .evaluate_tasks import Tasks


@dataclass(frozen=True)
class Scored:
    """What came of a model.

    Args:
        model: The model.
        disclosed: Which labels it has seen.
        outcomes: For each seed, the outcome of each task by its name.
    """

    model: "Model"
    disclosed: Disclosure
    outcomes: Sequence[dict[str, Outcome]]


def score(model: "Model", tasks: "Tasks", pooling: str | None, batch_tokens: int | None) -> Scored:
    """Load each seed of a model and score it; each unique sentence is encoded once."""
    disclosed = disclose(Path(locate(model.places[0])))
    outcomes = [_outcomes(place, tasks, pooling, batch_tokens) for place in model.places]
    return Scored(model, disclosed, outcomes)


def _outcomes(
    place: str, tasks: "Tasks", pooling: str | None, batch_tokens: int | None
) -> dict[str, Outcome]:
    chosen: Any = pooling
    encoder = build_encoder(place, pooling=chosen) if pooling else load_encoder(place)
    found = {}
    with Embedder(encoder, batch_tokens) as embedder:
        encode = EncodeCache(embedder.encode)
        for one in tasks.chosen:
            started = time.monotonic()
            found[one.task.name] = one.task.outcome(encode)
            if (took := time.monotonic() - started) >= 10:
                console.log(f"{place}: {one.task.name} took {took:.0f} s")
    return found
