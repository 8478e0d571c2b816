"""What sentences alone say of a model's vectors."""

from math import log

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from sentemb.functional import cosine
from sentemb.geometry.corpus import Measure
from sentemb.geometry.measures import entropy, mean_cosine, relative_penalties
from sentemb.geometry.ranks import random_pairs, rank_correlation, rarity

Numbers = NDArray[np.float64]
BATCH = 64
"""Sentences that are each other's negatives, for relative penalties."""


def negative_metrics(x: Tensor, temperature: float) -> dict[str, Measure]:
    """Relative penalties in batches of 64; what is left over at the end is not looked at."""
    size = min(BATCH, len(x))
    batches = x[: len(x) // size * size].view(-1, size, x.shape[1])
    shares = torch.cat([relative_penalties(cosine(b, b), temperature) for b in batches])
    of = f"sentences, {size - 1} negatives each"
    return {
        "penalty_entropy": Measure(float(entropy(shares).mean()), len(shares), of),
        "even_entropy": Measure(log(size - 1), len(shares), of),
        "hardest_penalty": Measure(float(shares.amax(dim=1).mean()), len(shares), of),
    }


def word_metrics(texts: list[str], raw: Tensor) -> dict[str, Measure]:
    """Compare sentences of rare words with those of common ones."""
    bits = rarity(texts)
    known = ~np.isnan(bits)
    bits, raw = bits[known], raw[torch.from_numpy(known)]
    order, quarter = bits.argsort(kind="stable"), len(bits) // 4
    unit = F.normalize(raw, dim=1)
    towards = (unit @ F.normalize(unit.mean(dim=0), dim=0)).numpy()
    measures = {
        name: Measure(float(mean_cosine(raw[rows.copy()])), quarter, of) if quarter > 1
        else Measure(None, quarter, of)
        for name, rows, of in (
            ("common_mean_cosine", order[:quarter], "sentences of the commonest words"),
            ("rare_mean_cosine", order[len(order) - quarter :], "sentences of the rarest words"),
        )
    }  # fmt: skip
    for name, values in (("rarity_norm", raw.norm(dim=1).numpy()), ("rarity_centre", towards)):
        found = rank_correlation(bits, values) if len(bits) > 2 else None
        measures[name] = Measure(found, len(bits), "sentences with a word")
    return measures


def length_metrics(tokens: Numbers, raw: Tensor) -> dict[str, Measure]:
    """Look for what the length of a sentence, in tokens, does to its vector."""
    i, j = random_pairs(len(raw))
    unit = F.normalize(raw, dim=1)
    cosines = (unit[i] * unit[j]).sum(dim=1).numpy()
    apart = rank_correlation(np.abs(tokens[i] - tokens[j]), cosines)
    norm = rank_correlation(tokens, raw.norm(dim=1).numpy())
    return {
        "length_difference_cosine": Measure(apart, len(i), "random pairs"),
        "length_norm": Measure(norm, len(raw), "sentences"),
    }
