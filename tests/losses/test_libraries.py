"""Agreement with the libraries of the field on random inputs."""

import importlib
import importlib.util
import sys
import types

import pytest
import torch
from helpers import random_pairs

from sentemb.losses import FlatNCE, InfoNCE, NTXent

SIZES = [(2, 3), (5, 8), (32, 16)]


@pytest.fixture(scope="module")
def lightly_loss():
    """Import single loss modules of lightly, whose package import needs torchvision."""
    spec = importlib.util.find_spec("lightly")
    if spec is None:
        pytest.skip("lightly is not installed: pip install --no-deps lightly==1.6.0")
    root = spec.submodule_search_locations[0]
    for name, path in [("lightly", ""), ("lightly.loss", "/loss"), ("lightly.utils", "/utils")]:
        package = types.ModuleType(name)
        package.__path__ = [root + path]
        sys.modules[name] = package
    yield lambda module: importlib.import_module(f"lightly.loss.{module}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "lightly"]:
        del sys.modules[name]


def assert_same(ours, theirs, pairs):
    """Compare values and gradients."""
    a, b = pairs.anchor.requires_grad_(), pairs.positive.requires_grad_()
    mine, other = ours(pairs), theirs(a, b)
    torch.testing.assert_close(mine, other, rtol=0, atol=1e-6)
    for gradient, expected in zip(
        torch.autograd.grad(mine, [a, b]), torch.autograd.grad(other, [a, b]), strict=True
    ):
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("batch", "dim"), SIZES)
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_info_nce_is_multiple_negatives_ranking(mini, batch, dim, temperature):
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    mnrl = MultipleNegativesRankingLoss(mini, scale=1 / temperature)
    assert_same(
        InfoNCE(temperature),
        lambda a, b: mnrl.compute_loss_from_embeddings([a, b], None),
        random_pairs(batch, dim),
    )


@pytest.mark.parametrize(("batch", "dim"), SIZES)
def test_info_nce_with_hard_negatives_is_multiple_negatives_ranking(mini, batch, dim):
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    mnrl = MultipleNegativesRankingLoss(mini, scale=20.0)
    pairs = random_pairs(batch, dim, candidates=batch)
    assert_same(
        InfoNCE(0.05),
        lambda a, b: mnrl.compute_loss_from_embeddings([a, b, pairs.negatives], None),
        pairs,
    )


@pytest.mark.parametrize(("batch", "dim"), SIZES)
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_flat_nce_is_decoupled_contrastive_learning(lightly_loss, batch, dim, temperature):
    dcl = lightly_loss("dcl_loss").DCLLoss(temperature=temperature)
    assert_same(FlatNCE(temperature), dcl, random_pairs(batch, dim))


@pytest.mark.parametrize(("batch", "dim"), SIZES)
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_nt_xent_is_that_of_metric_learning(batch, dim, temperature):
    from pytorch_metric_learning.losses import NTXentLoss, SelfSupervisedLoss

    nt_xent = SelfSupervisedLoss(NTXentLoss(temperature=temperature))
    assert_same(NTXent(temperature), nt_xent, random_pairs(batch, dim))
