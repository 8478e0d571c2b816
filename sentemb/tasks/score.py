"""`score`: what the cosine of a pair means beside other pairs."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.in_memory import Container
from sentemb.datasets.inputs import Inputs, read_marked_inputs
from sentemb.datasets.texts import read_texts
from sentemb.errors import InputError, UsageError
from sentemb.table import Cell, Report, Table, decimals
from sentemb.tasks.search import shortened
from sentemb.values import is_number, require_at_least

if TYPE_CHECKING:
    from sentemb.tasks.vectors import AnyEncoder

    Data = str | os.PathLike[str] | Container

PAIRS = (("sentence1", "sentence2"), ("anchor", "positive"))
ANCHORS, CANDIDATES = 256, 16_384
"""How many are compared at once."""
Numbers = NDArray[np.float64]
Matrix = NDArray[np.floating[Any]]


def score(
    data: "Data",
    model: "AnyEncoder" = "mini-sentemb",
    *,
    columns: Sequence[str] | None = None,
    candidates: "Data | None" = None,
    temperature: float = 0.05,
    random_pairs: int = 10_000,
    seed: int = 0,
    device: str | None = None,
) -> Report:
    r"""Say of each pair how near its texts are, and what that means, as ``sentemb score`` does.

    .. math:: F(x, y) = -\cos(x, y) / \tau, \quad
        P(y \mid x) = e^{-F(x, y)} / \sum_{y'} e^{-F(x, y')}

    Args:
        data: Pairs: sentence1 and sentence2, or anchor and positive.
        model: What encodes them.
        columns: The two columns, where they have other names.
        candidates: Texts that the second text is compared with; by default all second texts. Equal
            ones are one, and the pair's own is always among them.
        temperature: τ, as in training.
        random_pairs: How many pairs of a first text and another's second are drawn.
        seed: Of the draw.
        device: As in `sentemb.load`.

    Returns:
        A row for each pair: both texts, ``cosine``, ``probability`` among the candidates,
        ``energy``, and ``percentile``: the share of the random pairs whose cosine is below, × 100,
        of equal ones the half. It is None where all second texts are equal.

    Raises:
        UsageError: When the temperature is not above 0.
        InputError: When the data cannot be read, or a text is blank; names the row.

    Source: LeCun et al., 2006, A tutorial on energy-based learning; van den Oord et al., 2018
        (arXiv:1807.03748) for P.

    Example:
        >>> pairs = [("a cat", "a small cat"), ("a dog", "a big dog"), ("a car", "a fast car")]
        >>> [row["percentile"] for row in score(pairs)["rows"]]
        [100.0, 100.0, 100.0]
    """
    if not (is_number(temperature) and temperature > 0):
        raise UsageError(f"temperature must be above 0, got {temperature!r}.")
    require_at_least(1, random_pairs=random_pairs)
    inputs = read_marked_inputs(data, PAIRS, columns)
    first, second = (_texts(inputs, name) for name in inputs.texts.column_names)
    others = second if candidates is None else list(read_texts(candidates))
    from sentemb.encoder import load  # torch: mistakes are told of without it

    encoder = load(model, device)
    place = {text: at for at, text in enumerate(dict.fromkeys([*others, *second]))}
    vectors = encoder.encode(list(place), normalize=True)
    anchors = encoder.encode(first, normalize=True)
    own = np.array([place[text] for text in second])
    shared = len(set(others))
    cosines = _dots(anchors, vectors[own])
    partition = log_partition(anchors, vectors[:shared], temperature)
    alone = own >= shared
    partition[alone] = np.logaddexp(partition[alone], cosines[alone] / temperature)
    probabilities = np.exp(np.minimum(cosines / temperature - partition, 0))
    random = _random_cosines(anchors, vectors, own, random_pairs, seed)
    rows = [
        {"text1": one, "text2": other, "cosine": cosine, "probability": probability}
        | {"energy": -cosine / temperature, "percentile": percentile}
        for one, other, cosine, probability, percentile in zip(
            first, second, cosines.tolist(), probabilities.tolist(),
            percentiles(cosines, random), strict=True,
        )
    ]  # fmt: skip
    how = {"model": encoder.name, "temperature": temperature, "seed": seed}
    return _report(rows, inputs.ids, random, {**how, "candidates": shared})


def log_partition(anchors: Matrix, candidates: Matrix, temperature: float) -> Numbers:
    r"""Return :math:`\ln \sum_y e^{\cos(x, y) / \tau}` of each anchor: minus its free energy.

    Args:
        anchors: Of length 1, ``[anchors, dim]``.
        candidates: Of length 1, ``[candidates, dim]``.
        temperature: τ.
    """
    from scipy.special import logsumexp

    total = np.full(len(anchors), -np.inf)
    for start in range(0, len(anchors), ANCHORS):
        some = slice(start, start + ANCHORS)
        for begin in range(0, len(candidates), CANDIDATES):
            cosines = anchors[some] @ candidates[begin : begin + CANDIDATES].T
            scaled = cosines.astype(np.float64) / temperature
            total[some] = np.logaddexp(total[some], logsumexp(scaled, axis=1))
    return total


def percentiles(cosines: Numbers, random: Numbers) -> list[float | None]:
    """Return how many of random pairs have a lower cosine, in %, of equal ones the half.

    Example:
        >>> percentiles(np.array([0.5, 0.2]), np.array([0.1, 0.2, 0.3, 0.4]))
        [100.0, 37.5]
    """
    if not len(random):
        return [None] * len(cosines)
    ordered = np.sort(random)
    below, upto = (np.searchsorted(ordered, cosines, side) for side in ("left", "right"))
    found: list[float | None] = (50 * (below + upto) / len(random)).tolist()
    return found


def _texts(inputs: Inputs, name: str) -> list[str]:
    texts: list[str] = inputs.texts[name][:]
    for text, number in zip(texts, inputs.numbers, strict=True):
        if not text.strip():
            raise InputError(f"{inputs.source}, row {number:,}: a text of the pair is blank.")
    return texts


def _dots(one: Matrix, other: Matrix) -> Numbers:
    dots: Numbers = np.einsum("ij,ij->i", one, other, dtype=np.float64)
    return dots


def _random_cosines(
    anchors: Matrix, vectors: Matrix, own: NDArray[np.int64], count: int, seed: int
) -> Numbers:
    """Draw pairs of a first text and a second text that is another than its own."""
    random = np.random.default_rng(seed)
    one, other = random.integers(len(own), size=(2, count))
    apart = own[one] != own[other]
    return _dots(anchors[one[apart]], vectors[own[other[apart]]])


def _report(
    rows: list[dict[str, Any]], ids: Sequence[Any] | None, random: Numbers, how: dict[str, Any]
) -> Report:
    if ids is not None:
        rows = [{"id": one, **row} for one, row in zip(ids, rows, strict=True)]
    numbers = ("cosine", "probability", "energy", "percentile")
    shown = [
        [
            Cell(row["text1"], f"{shortened(row['text1'], 40)} | {shortened(row['text2'], 40)}"),
            *(row[name] for name in numbers[:3]),
            decimals(2, row["percentile"]),
        ]
        for row in rows
    ]
    drawn: dict[str, Any] = {"pairs": len(random)}
    if len(random):
        drawn |= {"mean": float(random.mean()), "sd": float(random.std())}
    note = f"random pairs: {len(random):,}"
    note += f", cosine {drawn['mean']:.4f} ± {drawn['sd']:.4f}" if len(random) else ""
    values = Table(list(rows[0]), [list(row.values()) for row in rows])
    record = {**how, "random": drawn, "rows": rows}
    return Report("score", record, [Table(["pair", *numbers], shown)], [note], values)
