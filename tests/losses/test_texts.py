"""What is not a negative for its text, against a plain account of a batch in numpy loops."""

import csv
import gzip
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sentemb.losses import (
    AlignmentUniformity,
    FlatNCE,
    InfoNCE,
    MaskSimilar,
    NTXent,
    Sigmoid,
    SimpleContrastive,
    SymmetricInfoNCE,
    contrast,
)
from sentemb.losses.contrast import one_way, two_views
from sentemb.pairs import OffDropoutPairs, Pairs
from sentemb.training.tokenised_rows import number_of
from tests.support.helpers import masked

T = 0.5


def batch(seed, rows=9, negatives=0, texts=6, partners=False):
    """Rows whose texts repeat, on either side; positives are numbered from 3 on."""
    draw = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    x, y, z = (
        torch.randn(n, 5, dtype=torch.float64, generator=generator) for n in (rows, rows, negatives)
    )
    numbers = [draw.integers(texts, size=rows), draw.integers(3, 3 + texts, size=rows)]
    numbers.append(draw.integers(3, 3 + texts, size=negatives))
    return Pairs(
        x,
        y,
        z if negatives else None,
        texts=torch.from_numpy(np.concatenate(numbers)),
        partners=torch.from_numpy(draw.integers(texts, size=negatives)) if partners else None,
    )


def known_pairs(pairs):
    first, second, third = (each.tolist() for each in pairs.split_texts())
    known = set(zip(first, second, strict=True))
    if pairs.partners is not None:
        known |= set(zip(third, pairs.partners.tolist(), strict=True))
    return known | {(b, a) for a, b in known}


def unit(x):
    x = np.asarray(x)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def contrasts(pairs, both):
    """Yield each row's positive similarity and those of its negatives, in loops."""
    known = known_pairs(pairs)
    texts = [each.tolist() for each in pairs.split_texts()]
    x, y = unit(pairs.anchor), unit(pairs.positive)
    z = unit(pairs.negatives) if pairs.negatives is not None else np.empty((0, x.shape[1]))
    n = len(x)
    rows = [(x[i], texts[0][i], y[i]) for i in range(n)]
    candidates = [(y[i], texts[1][i], i) for i in range(n)]
    if both:
        rows += [(y[i], texts[1][i], x[i]) for i in range(n)]
        candidates = [(x[i], texts[0][i], i) for i in range(n)] + candidates
    candidates += [(z[k], texts[2][k], None) for k in range(len(z))]
    for number, (row, text, positive) in enumerate(rows):
        negatives = [
            vector @ row
            for vector, other, owner in candidates
            if owner != number % n and other != text and (text, other) not in known
        ]
        yield row @ positive, np.array(negatives)


def info_nce(pairs, both=False):
    return np.mean(
        [
            math.log1p(np.exp((negatives - positive) / T).sum())
            for positive, negatives in contrasts(pairs, both)
        ]
    )


def flat(pairs):
    found = [(np.exp((n - p) / T).sum(), n) for p, n in contrasts(pairs, both=True)]
    return np.mean([math.log(xi) if len(n) else 0.0 for xi, n in found])


def sigmoid(pairs):
    return np.mean(
        [
            math.log1p(math.exp(-(p / T - 1))) + np.log1p(np.exp(n / T - 1)).sum()
            for p, n in contrasts(pairs, both=False)
        ]
    )


def swapped(pairs):
    first, second, _ = pairs.split_texts()
    return Pairs(pairs.positive, pairs.anchor, texts=torch.cat([second, first]))


def alignment_uniformity(pairs):
    x, y = unit(pairs.anchor), unit(pairs.positive)
    known = known_pairs(pairs)
    parts = []
    for view, texts in zip((x, y), pairs.split_texts()[:2], strict=True):
        texts = texts.tolist()
        apart = [
            math.exp(-2 * ((view[i] - view[j]) ** 2).sum())
            for i in range(len(x))
            for j in range(i)
            if texts[i] != texts[j] and (texts[i], texts[j]) not in known
        ]
        parts.append(math.log(np.mean(apart)) if apart else 0.0)
    return ((x - y) ** 2).sum(axis=1).mean() + np.mean(parts)


LOSSES = {
    "InfoNCE": (InfoNCE(T), info_nce),
    "NTXent": (NTXent(T), lambda pairs: info_nce(pairs, both=True)),
    "FlatNCE": (FlatNCE(T), flat),
    "Sigmoid": (Sigmoid(T, bias=-1.0).double(), sigmoid),
    "SimpleContrastive": (
        SimpleContrastive(0.3),
        lambda pairs: np.mean([-p + 0.3 * n.sum() for p, n in contrasts(pairs, both=False)]),
    ),
    "SymmetricInfoNCE": (
        SymmetricInfoNCE(T).double(),
        lambda pairs: (info_nce(pairs) + info_nce(swapped(pairs))) / 2,
    ),
    "AlignmentUniformity": (AlignmentUniformity(), alignment_uniformity),
}


@pytest.mark.sampled
@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("negatives", [0, 9, 4])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_pairs_of_the_batch_are_no_negatives(monkeypatch, name, negatives, blocks):
    loss, plain = LOSSES[name]
    if blocks:
        monkeypatch.setattr(contrast, "BLOCK", 30)
        monkeypatch.setattr(contrast, "ROWS", 2)
    for seed in range(8):
        pairs = batch(seed, negatives=negatives, texts=4 + 2 * seed)
        assert float(loss(pairs).detach()) == pytest.approx(plain(pairs), rel=1e-6), seed
        if negatives and name != "AlignmentUniformity":  # which reads no negatives
            queued = batch(seed, negatives=negatives, texts=4 + 2 * seed, partners=True)
            assert float(loss(queued).detach()) == pytest.approx(plain(queued), rel=1e-6), seed


def test_a_pair_of_another_row_is_no_negative_but_what_only_shares_a_positive_is():
    """Rows (A, P), (A, Q), (B, Q), (C, C'); the last hard negative is Q once more."""
    a, b, c, p, q, c_other, noise = range(7)
    pairs = replace(
        batch(0, rows=4, negatives=2), texts=torch.tensor([a, a, b, c, p, q, q, c_other, noise, q])
    )
    assert one_way(pairs).is_negative(torch.arange(4)).tolist() == [
        [False, False, False, True, True, False],
        [False, False, False, True, True, False],
        [True, False, False, True, True, False],
        [True, True, True, False, True, True],
    ]
    both = two_views(pairs).is_negative(torch.arange(8))
    assert torch.equal(both[:, :8], both[:, :8].T)
    assert both[0].tolist() == [False, False, True, True, False, False, False, True, True, False]
    assert both[4, 2]  # P against B: neither a text of P nor its pair


def test_without_texts_or_with_a_twin_that_contrasts_other_embeddings():
    pairs = batch(1, rows=5)
    assert masked(one_way(replace(pairs, texts=None))) == 0
    a, p = torch.tensor([0, 1, 2, 3, 4]), torch.tensor([1, 10, 12, 13, 14])
    texts = torch.cat([a, p])
    clean = OffDropoutPairs(pairs.anchor, pairs.positive, texts=texts, clean=pairs.anchor)
    is_negative = one_way(clean).is_negative(torch.arange(5))
    expected = torch.eye(5, dtype=torch.bool)
    expected[0, 1] = expected[1, 0] = True
    assert torch.equal(~is_negative, expected)
    assert torch.equal(two_views(clean).is_negative(torch.arange(10))[:5, :5], is_negative)
    for loss in (InfoNCE(T), SymmetricInfoNCE(T), NTXent(T), MaskSimilar(InfoNCE(T), 0.9)):
        assert torch.isfinite(loss(clean))


def test_captions_of_a_picture_in_one_batch(shared):
    """All pairs of five captions each, in batches of 512: not one false negative stays."""
    path = shared("pairs/multi30k_train_5captions.tsv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        pictures = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:400]
    rows = [(a, b) for each in pictures for a in each[-5:] for b in each[-5:] if a != b]
    order = np.random.default_rng(0).permutation(len(rows))
    stayed = 0
    for start in range(0, len(rows) - 512, 512):
        some = [rows[i] for i in order[start : start + 512]]
        known = set(some) | {(b, a) for a, b in some}
        texts = torch.tensor(
            [number_of(text) for side in (0, 1) for text in [r[side] for r in some]]
        )
        vectors = torch.ones(512, 2)
        negative = one_way(Pairs(vectors, vectors, texts=texts)).is_negative(torch.arange(512))
        negative = negative.numpy()
        truth = np.array([[a != b and (a, b) not in known for _, b in some] for a, _ in some])
        assert (negative == truth).all()
        stayed += int((negative & ~truth).sum())
    assert stayed == 0
