"""Encoders of other kinds, built tiny from their configs: every view reaches them."""

import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import Method, NTXent, Settings, Siamese, View, simcse_unsup, train
from sentemb.encoders import embed, set_dropout
from sentemb.errors import UsageError
from sentemb.training.collator import Collator
from sentemb.views import (
    Adversarial,
    EmbeddingDropout,
    FeatureCutoff,
    GaussianNoise,
    SpanCutoff,
    SubwordRepetition,
    TokenCutoff,
    TokenShuffle,
)
from tests.support.helpers import numbered, without_dropout
from tests.support.tiny import CONFIGS

WITH_BLOCK = [name for name in CONFIGS if name != "T5"]
PERTURBATIONS = [TokenCutoff(0.3), SpanCutoff(0.3), FeatureCutoff(0.3), EmbeddingDropout(0.3)]
PERTURBATIONS += [GaussianNoise(0.3)]
ROUNDING = 1e-4


@pytest.fixture
def rows(sentences):
    return numbered({"text": text} for text in [*sentences[:6], "a"])


def both(encoder, view, rows):
    """Embed rows clean and by a view."""
    views = (View(), view)
    features = Collator(encoder, views, 32, 0)(rows)["views"]
    with torch.no_grad():
        return embed(encoder, features, views)


@pytest.mark.sampled
@pytest.mark.parametrize("pooling", ["cls_before_pooler", "avg_first_last"])
@pytest.mark.parametrize("name", ["Roberta", "MPNet", "Electra", "Albert", "DistilBert"])
def test_it_trains_and_loads_as_a_plain_model(
    name, pooling, build_tiny, tmp_path, unlabelled, sentences
):
    encoder = build_tiny(name, pooling)
    settings = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=2)
    train(simcse_unsup(encoder), unlabelled, tmp_path / "run", settings)
    plain = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    assert abs(plain.encode(sentences[:9]) - encoder.encode(sentences[:9])).max() <= 1e-6


@pytest.mark.sampled
@pytest.mark.parametrize("name", CONFIGS)
def test_shuffling_is_never_silently_nothing(name, build_tiny, rows):
    """Learned, relative and rotary positions all see it, [CLS] and mean pooling alike."""
    for pooling in ("mean", "cls_before_pooler"):
        clean, shuffled = both(build_tiny(name, pooling).eval(), View(order=TokenShuffle()), rows)
        moved = (shuffled - clean).abs().amax(dim=1)
        assert (moved[:6] > ROUNDING).all(), (pooling, moved)


@pytest.mark.parametrize("name", CONFIGS)
def test_an_order_that_shuffles_nothing_changes_nothing(name, build_tiny, rows):
    as_it_is = View(order=lambda mask, draws: torch.arange(mask.shape[1]).expand(mask.shape))
    clean, same = both(build_tiny(name).eval(), as_it_is, rows)
    torch.testing.assert_close(same, clean)


@pytest.mark.sampled
@pytest.mark.parametrize("name", WITH_BLOCK)
def test_every_perturbation_reaches_it(name, build_tiny, rows):
    encoder = build_tiny(name).eval()
    for perturbation in PERTURBATIONS:
        clean, changed = both(encoder, View(perturb=perturbation), rows)
        assert torch.isfinite(changed).all()
        assert ((changed - clean).abs().amax(dim=1)[:6] > ROUNDING).all(), perturbation


@pytest.mark.parametrize("name", WITH_BLOCK)
def test_an_adversary_reaches_it(name, build_tiny, rows):
    encoder = without_dropout(build_tiny(name))
    cutoff = View(perturb=FeatureCutoff(0.3))
    losses = []
    for second in (View(), View(perturb=Adversarial(0.5))):
        method = Method((cutoff, second), Siamese(encoder), NTXent()).train()
        losses.append(method(**Collator(encoder, method.views, 32, 0)(rows))["loss"])
    losses[1].backward()
    assert losses[1] > losses[0]


@pytest.mark.parametrize("name", ["Roberta", "ModernBert", "T5"])
def test_sub_words_are_edited_between_the_special_tokens(name, build_tiny, rows):
    encoder = build_tiny(name)
    views = (View(), View(edit_tokens=SubwordRepetition(1.0)))
    clean, edited = Collator(encoder, views, 32, 0)(rows)["views"]
    for before, after, mask in zip(
        clean["input_ids"], edited["input_ids"], edited["attention_mask"], strict=True
    ):
        real = after[mask.bool()]
        assert real[0] == before[0]
        assert real[-1] == encoder.tokenizer.sep_token_id
        assert torch.equal(real.unique_consecutive(), before[before != 0].unique_consecutive())
    assert (edited["attention_mask"].sum(dim=1) > clean["attention_mask"].sum(dim=1)).any()


@pytest.mark.parametrize("name", CONFIGS)
def test_dropout_can_be_set_everywhere(name, build_tiny, rows):
    encoder = build_tiny(name).train()
    for rate, differ in ((0.0, False), (0.3, True)):
        set_dropout(encoder, rate)
        first, second = both(encoder, View(), rows)
        assert ((first - second).abs().max() > ROUNDING) == differ


def test_an_encoder_without_an_embedding_block_is_named(build_tiny, rows):
    with pytest.raises(UsageError, match="T5EncoderModel has no embedding block to perturb"):
        both(build_tiny("T5"), View(perturb=TokenCutoff()), rows)


@pytest.mark.parametrize("pooling", ["mean", "cls_before_pooler", "avg_first_last"])
def test_shuffling_is_conserts_permutation_of_position_ids_on_bert(pooling, build_tiny, rows):
    encoder = build_tiny("Bert", pooling).double().eval()
    view = View(order=TokenShuffle())
    features = Collator(encoder, (view,), 32, 0)(rows)["views"]
    with torch.no_grad():
        (ours,) = embed(encoder, features, (view,))
    from sentemb.encoders.embedding import KEYS
    from sentemb.views import Draws

    keys = features[0].pop(KEYS)
    order = TokenShuffle()(features[0]["attention_mask"].bool(), Draws(keys).independent())
    with torch.no_grad():
        theirs = encoder({**features[0], "position_ids": order.argsort(dim=1)})[
            "sentence_embedding"
        ]
    assert (ours - theirs).abs().max() < 1e-6
    assert (order[:, 0] != 0).any()  # [CLS] takes part
