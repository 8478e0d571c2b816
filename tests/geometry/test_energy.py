"""Energies of pairs: worked values, duplicates, blocks, pictures."""

import math

import numpy as np
import pytest
import torch

from sentemb.errors import InputError
from sentemb.evaluation import STS
from sentemb.geometry import Corpus, analyse, energy
from sentemb.geometry.energy import energy_metrics, free_energy, pair_energies
from sentemb.geometry.report import write_report
from sentemb.losses import InfoNCE


def exactly(*values):
    return pytest.approx(values, abs=5e-11)


def test_worked_values(frozen):
    found = pair_energies(frozen.anchor, frozen.positive, temperature=0.05)
    loss = found.positive.mean() - found.free.mean()
    means = found.positive.mean(), found.free.mean(), loss
    assert means == exactly(-16.9080577182, -17.0939432907, 0.1858855724)
    gaps = exactly(3.2928365713, 10.5915680153, 11.4853755896, -0.0275793348)
    assert tuple(found.gaps) == gaps
    assert math.log(4) - loss == pytest.approx(1.2004087887, abs=5e-11)
    assert found.candidates.tolist() == [4, 4, 4, 4]


def test_worked_values_of_a_higher_temperature(frozen):
    found = pair_energies(frozen.anchor, frozen.positive, temperature=0.5)
    loss = found.positive.mean() - found.free.mean()
    means = found.positive.mean(), found.free.mean(), loss, found.free.mean() + math.log(4)
    assert means == exactly(-1.6908057718, -2.2288438290, 0.5380380572, -0.8425494679)
    energies = energy.energy(frozen.anchor, frozen.positive, 0.5).requires_grad_()
    (energies.diagonal() - free_energy(energies)).sum().backward()
    assert tuple(energies.grad[0].tolist()) == exactly(
        0.4471943982, -0.0147721159, -0.0347124206, -0.3977098617
    )


def test_the_difference_is_info_nce_whatever_the_blocks(frozen, monkeypatch):
    whole = pair_energies(frozen.anchor, frozen.positive, 0.1)
    monkeypatch.setattr(energy, "ROWS", 3)
    found = pair_energies(frozen.anchor, frozen.positive, 0.1)
    loss = InfoNCE(0.1)(type(frozen)(frozen.anchor, frozen.positive))
    assert found.positive.mean() - found.free.mean() == pytest.approx(float(loss))
    assert found.gaps == pytest.approx(whole.gaps)
    assert (found.counts.sum(), found.negative) == (12, pytest.approx(whole.negative))


def test_equal_texts_are_no_negatives():
    x = torch.eye(4, dtype=torch.float64)
    texts = ["a", "b", "a", "c"], ["p", "q", "r", "a"]
    found = pair_energies(x, x, 1.0, texts)
    # 0 and 2 share their first text, which is the second text of 3
    assert found.candidates.tolist() == [2, 4, 2, 4]


def vectors(texts):
    return np.array([[len(text), 1.0 + text.count("a")] for text in texts], dtype=np.float32)


def test_too_few_pairs_are_refused():
    task = STS("pairs", ["a", "b"], ["c", "d"], [5, 1])
    with pytest.raises(InputError, match=r"pairs has 1 pairs graded above 4; energies need"):
        energy_metrics(vectors, task, 0.05)
    task = STS("pairs", ["a", "a", "b"], ["c", "d", "e"], [5, 5, 1])
    with pytest.raises(InputError, match="has no negative"):
        energy_metrics(vectors, task, 0.05)


def test_an_analysis_has_energies_where_they_are_asked_for(tmp_path):
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    texts = [f"text {'a' * n}" for n in range(9)]
    task = STS("pairs", texts[:3], ["x", "ya", "zaa"], [5, 5, 5.0 - 4])
    corpus = Corpus("texts", texts, task)
    plain, asked = (analyse(vectors, None, corpus, energy=asked) for asked in (False, True))
    assert plain.energies is None
    assert set(asked.measures) - set(plain.measures) == {
        "energy_positive", "energy_negative", "free_energy", "info_nce", "information",
        "energy_gap_low", "energy_gap", "energy_gap_high", "energy_errors",
    }  # fmt: skip
    write_report(tmp_path / "out", {"before": asked, "after": asked}, corpus, 0.05)
    assert (tmp_path / "out/energy.png").stat().st_size > 1000
