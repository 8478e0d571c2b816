"""Few-shot classification as SetFit does it: contrast drawn pairs, then fit a head."""

import copy
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError
from sentemb.types import Vectors
from sentemb.values import require_at_least, require_kinds_of_fields

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.encoder import Encoder
    from sentemb.tasks.vectors import AnyEncoder

Rows = NDArray[np.int64]
Numbers = NDArray[np.float64]
CITATION = "Tunstall et al., 2022, Efficient Few-Shot Learning Without Prompts (arXiv:2209.11055)"


@dataclass(frozen=True)
class FewShotSettings:
    """How an encoder is trained on a few examples; by default as SetFit does.

    Args:
        epochs: Passes over as many drawn pairs as SetFit makes of the examples; 0 leaves the
            encoder as it is and fits the head alone.
        batch_size: Pairs a step.
        learning_rate: Peak of the linear decay.
        max_length: Tokens a text is truncated to in training.
        seed: Of the drawn pairs, their order, and dropout.

    Raises:
        UsageError: When a value is of another kind, or out of its range.
    """

    epochs: float = 1.0
    batch_size: int = 16
    learning_rate: float = 2e-5
    max_length: int = 128
    seed: int = 42

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        if not (self.epochs >= 0 and math.isfinite(self.epochs)):
            raise UsageError(f"epochs must be at least 0, got {self.epochs:g}.")
        require_at_least(2, batch_size=self.batch_size)


def pairs_of_an_epoch(sizes: Sequence[int]) -> int:
    r"""Return how many pairs SetFit makes of examples, by how many each label has.

    Positives are the pairs of one label, an example with itself included,
    :math:`\sum n(n+1)/2`; negatives those of two labels. The fewer are repeated.

    Example:
        >>> [pairs_of_an_epoch([8] * labels) for labels in (2, 3, 6)]
        [144, 384, 1920]
    """
    positives = sum(n * (n + 1) // 2 for n in sizes)
    negatives = (sum(sizes) ** 2 - sum(n * n for n in sizes)) // 2
    return 2 * max(positives, negatives)


def draw_pairs(labels: Sequence[int], count: int, seed: int) -> tuple[Rows, Rows, Numbers]:
    """Draw pairs of rows, half of one label and half of two; each such pair is as likely.

    A row is its own positive only where its label has no other row: dropout then tells the two
    views apart.

    Returns:
        The first rows, the second rows, and 1 for each pair of one label, 0 for the others.
    """
    generator = np.random.default_rng(seed)
    order = np.argsort(labels, kind="stable")
    _, place, sizes = np.unique(np.asarray(labels)[order], return_inverse=True, return_counts=True)
    starts, own = (sizes.cumsum() - sizes)[place], sizes[place]
    near, far = np.maximum(own - 1, 1), len(order) - own
    first = np.concatenate(
        [
            generator.choice(len(order), size, p=weights / weights.sum())
            for size, weights in ((count - count // 2, near), (count // 2, far))
        ]
    )
    together = np.arange(count) < count - count // 2
    step = generator.integers(np.where(together, near[first], far[first]))
    start, size = starts[first], own[first]
    within = start + (first - start + 1 + step) % size
    second = np.where(together, within, step + size * (step >= start))
    return order[first], order[second], together.astype(np.float64)


def contrast(
    model: "AnyEncoder",
    examples: "TrainingData",
    settings: FewShotSettings,
    save: str | os.PathLike[str] | None = None,
    device: str | None = None,
) -> "Encoder":
    """Train an encoder until examples of one label are near and others are not.

    The loss is half of SetFit's mean squared difference of cosine and 1 or 0, but that a negative
    cosine of two labels is left as it is.

    Args:
        model: What is trained; an object is copied.
        examples: Labelled texts.
        settings: How.
        save: A folder for the trained encoder; by default it is kept in memory alone.
        device: Where a model that is named is trained.

    Raises:
        InputError: When the model is not a transformer, or the examples cannot be separated.

    Source: Tunstall et al., 2022 (arXiv:2209.11055). Deviations: pairs are drawn, not listed, and
        a text is never paired with itself.
    """
    from datasets import Dataset

    from sentemb.datasets import TrainingData
    from sentemb.encoder import Encoder, load
    from sentemb.encoders.trainable import require_transformer
    from sentemb.losses import Contrastive
    from sentemb.method import Method
    from sentemb.runs.run_result import Provenance
    from sentemb.training import Settings, train
    from sentemb.twins import Siamese
    from sentemb.views import View

    loaded = load(model, device)
    encoder = loaded.as_sentence_transformer()
    if not isinstance(model, str | os.PathLike):
        encoder = copy.deepcopy(encoder)
    require_transformer(encoder, loaded.name, "few-shot training")
    texts, labels = examples.rows["text"][:], examples.rows["label"][:]
    pairs = math.ceil(settings.epochs * pairs_of_an_epoch(np.bincount(labels).tolist()))
    first, second, together = draw_pairs(labels, pairs, settings.seed)
    rows = {"sentence1": [texts[row] for row in first], "sentence2": [texts[row] for row in second]}
    method = Method(
        views=(View("sentence1"), View("sentence2")),
        twin=Siamese(encoder),
        loss=Contrastive(margin=1.0),
    )
    run = train(
        method,
        TrainingData(Dataset.from_dict(rows | {"label": together.tolist()}), examples.source, 0),
        None if save is None else Path(save),
        Settings(
            batch_size=min(settings.batch_size, pairs),
            learning_rate=settings.learning_rate,
            max_length=min(settings.max_length, loaded.max_length or settings.max_length),
            warmup=0.1,
            select="last",
            seed=settings.seed,
        ),
        provenance=Provenance(model=loaded.name, data=examples.source, citation=CITATION),
    )
    return Encoder(run.model.eval(), loaded.name)


def fit_head(vectors: Vectors, labels: Sequence[int]) -> Any:
    """Fit scikit-learn's logistic regression with its defaults, as SetFit's head is."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000).fit(vectors, labels)
