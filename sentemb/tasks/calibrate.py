"""`calibrate`: the cosine from which on two texts are the same, and how often that is wrong."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.in_memory import Container
from sentemb.datasets.labelled import PAIRS, pair_classification_of
from sentemb.datasets.roles import columns_of
from sentemb.datasets.source import Source, as_source, read_source
from sentemb.datasets.sts import COLUMNS, graded_pair, read_roles
from sentemb.errors import InputError, UsageError
from sentemb.evaluation.cosines import cosine_of_pairs, encoded_once
from sentemb.tasks.bounds import conformal, lowest_of_grid, strict_to_lenient
from sentemb.tasks.threshold import Bound, Rate, Threshold
from sentemb.tasks.vectors import Embedded, embedded
from sentemb.values import require_kind

if TYPE_CHECKING:
    from sentemb.tasks.vectors import AnyEncoder


@dataclass(frozen=True)
class _Scored:
    """Cosines of pairs.

    Args:
        scores: One a pair.
        same: Whether each belongs together; None for random pairs.
        model: Whose cosines they are.
    """

    scores: NDArray[np.float64]
    same: NDArray[np.bool_] | None
    model: str


def calibrate(
    data: "str | os.PathLike[str] | Container | Embedded",
    model: "AnyEncoder" = "mini-sentemb",
    *,
    rate: Rate = "fpr",
    at_most: float = 0.01,
    confidence: float = 0.95,
    method: Bound = "clopper-pearson",
    same_from: float = 4.0,
    different_to: float = 2.0,
    duplicate_share: float = 1e-4,
    column: str = "text",
    seed: int = 0,
    device: str | None = None,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Threshold:
    """Find the lowest cosine that wrongly joins few texts, with a bound on how many.

    From labelled pairs the bound is on pairs as hard as the labelled ones. From texts alone it is
    on random pairs of them, which says nothing about near misses, as a "not" or another number:
    `dedup` keeps those apart by rule.

    Args:
        data: Pairs with a label (``sentence1``, ``sentence2``, ``label`` 1 or 0) or a ``score``; or
            texts of any kind that `encode` reads, of which random pairs are drawn, each text once.
        model: A bundled encoder, a folder, a hub id, a `SentenceTransformer` or an `Encoder`.
        rate: What is bounded. ``fpr``: the share of different pairs that reach the threshold.
            ``fdr``: the share of different pairs among those that reach it; it depends on how many
            of the pairs are the same, so they must be drawn as those it is used on.
        at_most: The rate that is allowed, in (0, 1).
        confidence: Probability that the rate is kept, over samples of pairs.
        method: ``clopper-pearson``; or ``conformal``, which keeps an FPR on average over samples
            and needs fewer pairs.
        same_from: Pairs with at least this score are the same.
        different_to: Pairs with at most this score are different; those between are left out.
        duplicate_share: Share of random pairs, at most, that are the same after all.
        column: The column of texts that are no pairs.
        seed: Of the random pairs.
        device: As in `sentemb.load`.
        output: A JSON file, which ``dedup --threshold`` and ``search --min`` take.
        overwrite: Whether an earlier file is replaced.

    Raises:
        UsageError: When an option is out of its range or does not go with another, or the output
            exists.
        InputError: When the data cannot be read (names the row), or no threshold is strict enough
            for what is asked with so few pairs.
    """
    for name, value in (("at_most", at_most), ("confidence", confidence)):
        if not 0 < value < 1:
            raise UsageError(f"{name} must be between 0 and 1, got {value}.")
    require_kind("rate", rate, Rate)
    require_kind("method", method, Bound)
    if rate == "fdr" and method == "conformal":
        raise UsageError("conformal bounds an fpr: leave out `rate`, or `method`.")
    if output is not None and Path(output).exists() and not overwrite:
        raise UsageError(f"Output '{output}' exists: give another `output`, or `overwrite=True`.")
    pairs = None if isinstance(data, Embedded) else _pairs(data, (same_from, different_to))
    if pairs is None:
        scored = _random_pairs(embedded(data, model, column=column, device=device), seed)
    else:
        scored = _cosines(pairs, model, device)
    if rate == "fdr" and scored.same is None:
        raise UsageError("An fdr needs labelled pairs, and these are texts alone: give a file of "
                         "sentence1, sentence2 and label, or bound the fpr.")  # fmt: skip
    found = _threshold(scored, rate, at_most, 1 - confidence, method, duplicate_share)
    value, errors, bound, measured = found
    reached = None
    if scored.same is not None:
        reached = float((scored.scores[scored.same] >= value).mean()) if scored.same.any() else None
    threshold = Threshold(
        *(value, rate, at_most, bound, None if method == "conformal" else confidence, method),
        *(errors, measured, reached, scored.model),
        data=_name(data),
    )
    if output is not None:
        threshold.save(output)
    return threshold


def _threshold(
    scored: _Scored, rate: Rate, at_most: float, delta: float, method: Bound, share: float
) -> tuple[float, int, float, int]:
    """Return the threshold, the errors at it, the bound, and the number of pairs it is of."""
    scores, same = scored.scores, scored.same
    if rate == "fdr" and same is not None:
        value, errors, bound = lowest_of_grid(scores, same, at_most, delta)
        return value, errors, bound, int((scores >= value).sum())
    different = scores if same is None else scores[~same]
    share = share if same is None else 0.0
    if method == "conformal":
        highest = conformal(different, at_most * (1 - share))
        value = float(np.nextafter(highest, 2.0))  # a new pair must exceed it
        return value, int((different >= value).sum()), at_most, len(different)
    return (*strict_to_lenient(different, at_most, delta, share), len(different))


def _pairs(
    data: Source | Container, limits: tuple[float, float]
) -> tuple[Sequence[str], Sequence[str], NDArray[np.bool_]] | None:
    """Read labelled or graded pairs, and whether each belongs together; None of texts alone."""
    source = as_source(data, (PAIRS, COLUMNS))
    present = read_source(source)[0]
    layout = next((one for one in (PAIRS, COLUMNS) if columns_of(one, present)), None)
    if layout is None:
        return None
    rows = read_roles(source, [layout], "pairs")[1]
    if layout is PAIRS:
        task = pair_classification_of(str(source), rows, source)
        return task.sentences1, task.sentences2, np.array(task.labels)
    graded = [graded_pair(row, source, number) for number, row in rows]
    scored = [(one, other, score) for one, other, score, _ in graded if score is not None]
    kept = [each for each in scored if not limits[1] < each[2] < limits[0]]
    same = np.array([score >= limits[0] for _, _, score in kept], bool)
    if same.all():
        raise InputError(f"{source} holds no pair with a score of at most {limits[1]:g}.")
    return [one for one, _, _ in kept], [other for _, other, _ in kept], same


def _cosines(
    pairs: tuple[Sequence[str], Sequence[str], NDArray[np.bool_]],
    model: "AnyEncoder",
    device: str | None,
) -> _Scored:
    from sentemb.encoder import load

    encoder = load(model, device)
    _, (one, other) = encoded_once(encoder.encode, pairs[0], pairs[1])
    return _Scored(cosine_of_pairs(one, other), pairs[2], encoder.name)


def _random_pairs(texts: Embedded, seed: int) -> _Scored:
    """Pair distinct texts at random, each with one other, so that the pairs are independent."""
    rows = np.array(list({text: row for row, text in enumerate(texts.texts)}.values()))
    drawn = np.random.default_rng(seed).permutation(rows)
    half = len(drawn) // 2
    if half < 1:
        raise InputError(f"{texts.source} has {len(drawn)} distinct text: at least 2 are needed.")
    one, other = texts.vectors[drawn[:half]], texts.vectors[drawn[half : 2 * half]]
    return _Scored(cosine_of_pairs(one, other), None, texts.model)


def _name(data: object) -> str:
    """Return the name of a file, without its folder; what is in memory has none."""
    if isinstance(data, Embedded):
        data = data.source
    return Path(data).name if isinstance(data, str | os.PathLike) else f"<{type(data).__name__}>"
