"""Agreement with the libraries of the field on random inputs, value and gradient."""

import importlib
import importlib.util
import math
import sys
import types
import warnings
from dataclasses import replace

import pytest
import torch
from scipy.special import log_softmax, rel_entr, softmax

from sentemb.losses import (
    DCLW,
    AlignmentUniformity,
    AnglE,
    BarlowTwins,
    Contrastive,
    CoSENT,
    CosineDistillation,
    CosineSimilarity,
    CrossEntropy,
    FlatNCE,
    InfoNCE,
    Matryoshka,
    MSEDistillation,
    NegativeCosine,
    NTXent,
    RDrop,
    Sigmoid,
    SupConOut,
    SwappedPrediction,
    SymmetricInfoNCE,
    Triplet,
    VICReg,
)
from tests.support import loss_cases
from tests.support.helpers import random_pairs
from tests.support.loss_cases import in_float64, inputs, leaves, scalar

SIZES = [(2, 4), (5, 8), (32, 16)]
HELD = set()


def held(name):
    """Note which losses the tests of this file are about."""
    HELD.add(name)
    return pytest.mark.parametrize(("batch", "dim"), SIZES)


def single_modules(library, packages):
    """Import single modules of a library whose package import needs torchvision."""
    spec = importlib.util.find_spec(library)
    if spec is None:
        pytest.skip(f"{library} is not installed: make test installs it")
    root = spec.submodule_search_locations[0]
    for name in packages:
        package = types.ModuleType(name)
        package.__path__ = [root + name.removeprefix(library).replace(".", "/")]
        sys.modules[name] = package
    return lambda module: importlib.import_module(module)


def forget(library):
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def lightly():
    packages = ("lightly", "lightly.loss", "lightly.utils", "lightly.models")
    module = single_modules("lightly", (*packages, "lightly.models.modules"))
    sys.modules["lightly.models.utils"] = types.ModuleType("of networks of images, not used here")
    sys.modules["lightly.models"].utils = sys.modules["lightly.models.utils"]
    yield lambda name: module(f"lightly.loss.{name}")
    forget("lightly")


@pytest.fixture(scope="module")
def open_clip():
    yield single_modules("open_clip", ("open_clip",))("open_clip.loss")
    forget("open_clip")


@pytest.fixture(scope="module")
def st():
    from sentence_transformers.sentence_transformer import losses

    return losses


def columns(given):
    """Their inputs: one matrix each."""
    return [t.squeeze(1) if t.ndim == 3 else t for t in given.values()]


def assert_same(name, ours, theirs, pairs):
    """Compare values and gradients; theirs takes anchor, positive and negatives, or logits."""
    given = leaves(name, pairs)
    batch = replace(pairs, **given)
    mine, other = scalar(ours(batch)), theirs(*columns(given))
    torch.testing.assert_close(mine.double(), other.double(), rtol=0, atol=1e-6)
    for gradient, expected in zip(
        torch.autograd.grad(mine, list(given.values())),
        torch.autograd.grad(other, list(given.values())),
        strict=True,
    ):
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-6)


@held("InfoNCE")
@pytest.mark.parametrize("temperature", [0.05, 0.5])
@pytest.mark.parametrize("negatives", [False, True])
def test_info_nce(st, mini, batch, dim, temperature, negatives):
    ranking = st.MultipleNegativesRankingLoss(mini, scale=1 / temperature)
    assert_same(
        "InfoNCE",
        InfoNCE(temperature),
        lambda *columns: ranking.compute_loss_from_embeddings(list(columns), None),
        inputs("InfoNCE", batch, dim, negatives=negatives),
    )


@held("SymmetricInfoNCE")
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_symmetric_info_nce(st, open_clip, mini, batch, dim, temperature):
    ours = in_float64(lambda: SymmetricInfoNCE(temperature))
    ranking = st.MultipleNegativesRankingLoss(
        mini,
        scale=1 / temperature,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
    )
    clip, unit = open_clip.ClipLoss(), torch.nn.functional.normalize
    pairs = random_pairs(batch, dim)
    for theirs in (
        lambda a, p: ranking.compute_loss_from_embeddings([a, p], None),
        lambda a, p: clip(unit(a), unit(p), 1 / temperature),
    ):
        assert_same("SymmetricInfoNCE", ours, theirs, pairs)


@held("NTXent")
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_nt_xent(lightly, batch, dim, temperature):
    from pytorch_metric_learning.losses import NTXentLoss, SelfSupervisedLoss

    metric_learning = SelfSupervisedLoss(NTXentLoss(temperature=temperature))
    simclr = lightly("ntx_ent_loss").NTXentLoss(temperature=temperature)
    for theirs in (metric_learning, simclr):
        assert_same("NTXent", NTXent(temperature), theirs, random_pairs(batch, dim))


@held("FlatNCE")
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_flat_nce(lightly, batch, dim, temperature):
    dcl = lightly("dcl_loss").DCLLoss(temperature=temperature)
    assert_same("FlatNCE", FlatNCE(temperature), dcl, random_pairs(batch, dim))


@held("DCLW")
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_dclw(lightly, batch, dim, temperature):
    theirs = lightly("dcl_loss").DCLWLoss(temperature=temperature, sigma=0.4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it copies a tensor in a way torch warns of
        assert_same("DCLW", DCLW(temperature, sigma=0.4), theirs, random_pairs(batch, dim))


@held("SupConOut")
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_sup_con(batch, dim, temperature):
    from pytorch_metric_learning.losses import SupConLoss

    pairs = inputs("SupConOut", batch, dim)
    theirs = SupConLoss(temperature=temperature)
    assert_same(
        "SupConOut",
        SupConOut(temperature),
        lambda a, p: theirs(torch.cat([a, p]), pairs.labels.repeat(2)),
        pairs,
    )


def test_sup_con_of_the_test_geometry_of_metric_learning():
    """Ours of the same rows: tests/losses/test_values.py."""
    from pytorch_metric_learning.losses import SupConLoss

    angles = torch.deg2rad(torch.tensor([0, 10, 20, 50, 60, 80], dtype=torch.float64))
    rows = torch.stack([angles.cos(), angles.sin()], dim=1)
    value = SupConLoss(temperature=0.1)(rows, torch.tensor([0, 0, 0, 1, 1, 2]))
    assert float(value) == pytest.approx(0.7200604451, abs=1e-8)


@held("AlignmentUniformity")
def test_alignment_uniformity(lightly, batch, dim):
    theirs = lightly("hypersphere_loss").HypersphereLoss(t=2, lam=1 / 0.7)
    ours = AlignmentUniformity(alignment_weight=0.7)
    pairs = random_pairs(batch, dim)
    assert_same("AlignmentUniformity", ours, lambda a, p: 0.7 * theirs(a, p), pairs)


@held("Triplet")
def test_triplet(st, mini, batch, dim):
    theirs = st.TripletLoss(mini, triplet_margin=1.5)
    pairs = inputs("Triplet", batch, dim)
    for other in (
        lambda *columns: theirs.compute_loss_from_embeddings(list(columns), None),
        lambda *columns: torch.nn.functional.triplet_margin_loss(*columns, margin=1.5, eps=0),
    ):
        # sentence-transformers' distance adds 1e-6 to every coordinate
        given = leaves("Triplet", pairs)
        mine = Triplet(1.5)(replace(pairs, **given))
        expected = other(*columns(given))
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-5)
        for gradient, theirs_too in zip(
            torch.autograd.grad(mine, list(given.values())),
            torch.autograd.grad(expected, list(given.values())),
            strict=True,
        ):
            torch.testing.assert_close(gradient, theirs_too, rtol=0, atol=1e-5)


@held("Contrastive")
def test_contrastive(st, mini, batch, dim):
    pairs = inputs("Contrastive", batch, dim)
    pairs = replace(pairs, labels=(pairs.labels > 0.5).double())
    theirs = st.ContrastiveLoss(mini, margin=0.7)
    assert_same(
        "Contrastive",
        Contrastive(0.7),
        lambda a, p: theirs.compute_loss_from_embeddings([a, p], pairs.labels),
        pairs,
    )


@held("CoSENT")
def test_cosent(st, mini, batch, dim):
    pairs = inputs("CoSENT", batch, dim)
    theirs = st.CoSENTLoss(mini, scale=5.0)
    assert_same(
        "CoSENT",
        CoSENT(0.2),
        lambda a, p: theirs.compute_loss_from_embeddings([a, p], pairs.labels),
        pairs,
    )


@held("CosineSimilarity")
def test_cosine_similarity(st, mini, batch, dim):
    pairs = inputs("CosineSimilarity", batch, dim)
    theirs = st.CosineSimilarityLoss(mini)
    assert_same(
        "CosineSimilarity",
        CosineSimilarity(),
        lambda a, p: theirs.compute_loss_from_embeddings([a, p], pairs.labels),
        pairs,
    )


@held("AnglE")
def test_angle(st, mini, batch, dim):
    pairs = inputs("AnglE", batch, dim)
    theirs = st.AnglELoss(mini, scale=5.0)
    assert_same(
        "AnglE",
        AnglE(0.2),
        lambda a, p: theirs.compute_loss_from_embeddings([a, p], pairs.labels),
        pairs,
    )


@held("Sigmoid")
def test_sigmoid(open_clip, batch, dim):
    ours = in_float64(lambda: Sigmoid(0.1, bias=-3.0))
    theirs, unit = open_clip.SigLipLoss(), torch.nn.functional.normalize
    assert_same(
        "Sigmoid",
        ours,
        lambda a, p: theirs(unit(a), unit(p), logit_scale=10.0, logit_bias=-3.0),
        random_pairs(batch, dim),
    )


@held("NegativeCosine")
def test_negative_cosine(lightly, batch, dim):
    pairs = random_pairs(batch, dim)
    theirs = lightly("negative_cosine_similarity").NegativeCosineSimilarity()
    assert_same("NegativeCosine", NegativeCosine(), lambda a: theirs(a, pairs.positive), pairs)


@held("CosineDistillation")
def test_cosine_distillation(st, mini, batch, dim):
    pairs = inputs("CosineDistillation", batch, dim)
    theirs = st.EmbedDistillLoss(mini)
    assert_same(
        "CosineDistillation",
        CosineDistillation(),
        lambda a: theirs.compute_loss_from_embeddings([a], [pairs.teacher]),
        pairs,
    )


@held("MSEDistillation")
def test_mse_distillation(st, mini, batch, dim):
    pairs, unit = inputs("MSEDistillation", batch, dim), torch.nn.functional.normalize
    theirs = st.MSELoss(mini)
    assert_same(
        "MSEDistillation",
        MSEDistillation(),
        lambda a: theirs.compute_loss_from_embeddings([unit(a)], [unit(pairs.teacher)]),
        pairs,
    )


@held("BarlowTwins")
def test_barlow_twins(lightly, batch, dim):
    theirs = lightly("barlow_twins_loss").BarlowTwinsLoss(lambda_param=0.02)
    assert_same("BarlowTwins", BarlowTwins(0.02), theirs, random_pairs(batch, dim))


@held("VICReg")
def test_vicreg(lightly, batch, dim):
    from pytorch_metric_learning.losses import VICRegLoss

    theirs = lightly("vicreg_loss").VICRegLoss(lambda_param=3, mu_param=5, nu_param=2)
    other = VICRegLoss(invariance_lambda=3, variance_mu=5, covariance_v=2)
    pairs = random_pairs(batch, dim)
    assert_same("VICReg", VICReg(3, 5, 2), theirs, pairs)
    assert_same("VICReg", VICReg(3, 5, 2), lambda a, p: other(a, ref_emb=p), pairs)


@held("SwappedPrediction")
@pytest.mark.parametrize("queued", [0, 7])
def test_swapped_prediction(lightly, batch, dim, queued):
    theirs = lightly("swav_loss").SwaVLoss(0.2, sinkhorn_iterations=4, sinkhorn_epsilon=0.3)
    pairs = inputs("SwappedPrediction", batch, dim)
    past = inputs("SwappedPrediction", queued, dim, seed=1).logits if queued else None

    def ours(batch_of_both):
        logits = batch_of_both.logits
        whole = logits if past is None else torch.cat([logits, past])
        return SwappedPrediction(0.2, 0.3, 4)(replace(batch_of_both, logits=whole))

    def swav(logits):
        queues = None if past is None else list(past.chunk(2))
        return theirs(list(logits.chunk(2)), [], queues).squeeze()

    assert_same("SwappedPrediction", ours, swav, pairs)


@held("CrossEntropy")
def test_cross_entropy(batch, dim):
    pairs = inputs("CrossEntropy", batch, dim)
    logits, labels = pairs.logits.numpy(), pairs.labels.numpy()
    expected = -log_softmax(logits, axis=1)[range(batch), labels].mean()
    assert float(CrossEntropy()(pairs)) == pytest.approx(expected, abs=1e-12)


@held("RDrop")
def test_r_drop(batch, dim):
    pairs = inputs("RDrop", batch, dim)
    first, second = pairs.logits.chunk(2)
    p, q = softmax(first.numpy(), axis=1), softmax(second.numpy(), axis=1)
    divergence = (rel_entr(p, q) + rel_entr(q, p)).sum(axis=1).mean() / 2
    rows, labels = range(batch), pairs.labels.numpy()
    likelihood = -sum(math.log(x[i, labels[i]]) for x in (p, q) for i in rows) / batch
    value = float(RDrop(0.7)(pairs))
    assert value == pytest.approx(likelihood + 0.7 * divergence, abs=1e-12)

    def torchs(logits):
        a, b = logits.chunk(2)
        first, second = (torch.distributions.Categorical(logits=x) for x in (a, b))
        kl = torch.distributions.kl_divergence
        both = (kl(first, second) + kl(second, first)).mean() / 2
        entropy = torch.nn.functional.cross_entropy
        return entropy(a, pairs.labels) + entropy(b, pairs.labels) + 0.7 * both

    assert_same("RDrop", RDrop(0.7), torchs, pairs)


@held("Matryoshka")
def test_matryoshka(st, mini, batch, dim):
    ranking = st.MultipleNegativesRankingLoss(mini, scale=2.0)
    assert_same(
        "Matryoshka",
        Matryoshka(InfoNCE(0.5), dims=(dim, dim // 2), weights=(1.0, 0.3)),
        lambda a, p: sum(
            weight * ranking.compute_loss_from_embeddings([a[:, :d], p[:, :d]], None)
            for d, weight in ((dim, 1.0), (dim // 2, 0.3))
        ),
        random_pairs(batch, dim),
    )


def test_the_list_of_losses_held_against_a_library_is_true():
    assert HELD == loss_cases.HELD_AGAINST_A_LIBRARY
