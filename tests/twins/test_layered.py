"""Matryoshka over layers: frozen value, sizes, what is compared, the model that is cut out."""

import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb.encoders import embed
from sentemb.errors import UsageError
from sentemb.losses import InfoNCE
from sentemb.twins import Layered, first_layers, fixed_sizes
from sentemb.views import View
from tests.support import encoders

TEXTS = ["a cat sat", "dogs bark at night", "it rains"]


def test_frozen_value_of_fixed_pairs(frozen):
    """An early layer at 2 dimensions and the last at all 3; computed once by independent code."""
    i = torch.arange(4, dtype=torch.float64).unsqueeze(1)
    other = torch.cos((i + 0.5) * (torch.arange(3, dtype=torch.float64) + 1))
    z1, z2, z3 = frozen.anchor, frozen.positive, frozen.negatives[:, 0]
    twin = Layered.__new__(Layered)
    torch.nn.Module.__init__(twin)
    twin.sizes = ((1, 2), (2, 3))
    twin.embed = lambda *_: [torch.cat([z2 + other, z1], 1), torch.cat([z3 + other, z2], 1)]
    pairs = twin([{}, {}])
    losses = [float(InfoNCE(0.5)(some)) for some in pairs]
    assert sum(losses) / 2 == pytest.approx(1.0821627689, abs=1e-8)


def test_sizes():
    assert fixed_sizes(4, 192) == ((1, 32), (2, 64), (3, 128), (4, 192))
    assert fixed_sizes(12, 768, 1) == ((12, 768),)
    assert fixed_sizes(2, 1, 2) == ((1, 1), (2, 1))
    with pytest.raises(UsageError, match="sizes must be a whole number, 1 or more, got 0"):
        fixed_sizes(2, 4, 0)


def test_each_size_is_the_embedding_of_the_model_that_is_cut_out(tmp_path):
    encoder = encoders.mini("mean").eval()
    twin = Layered(encoder, ((1, 16), (2, 96)))
    read = encoder.preprocess(TEXTS)
    features = {name: read[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        whole, early = twin([features, features], [View(), View()])
        (plain,) = embed(encoder, [features])
    torch.testing.assert_close(whole.anchor, plain)
    small = first_layers(encoder, 1, 16)
    small.save(str(tmp_path / "small"))
    loaded = SentenceTransformer(str(tmp_path / "small"), device="cpu")
    assert len(loaded[0].auto_model.encoder.layer) == 1
    assert abs(loaded.encode(TEXTS) - early.anchor.numpy()).max() <= 1e-6
    assert len(encoder[0].auto_model.encoder.layer) == 2
    assert "sizes=((1, 16), (2, 96))" in repr(twin)


@pytest.mark.parametrize("sizes", [(), ((1, 16),), ((3, 16), (2, 96)), ((1, 0), (2, 96))])
def test_sizes_that_are_none_of_the_encoder(sizes):
    with pytest.raises(UsageError, match=r"sizes are layers of 2 with dimensions of 96"):
        Layered(encoders.mini("mean"), sizes)


@pytest.mark.parametrize("family", ["Albert", "ModernBert"])
def test_encoders_that_cannot_be_cut_are_rejected(build_tiny, family):
    with pytest.raises(UsageError, match="cannot be cut to its first layers: take BERT"):
        first_layers(build_tiny(family), 1, 8)


def test_another_pooling_and_sizes_to_cut_to_are_rejected():
    with pytest.raises(UsageError, match="take an encoder that ends in mean pooling"):
        Layered(encoders.mini("cls"), ((2, 96),))
    with pytest.raises(UsageError, match="2 layers and 96 dimensions; got 3 and 96"):
        first_layers(encoders.mini("mean"), 3, 96)
