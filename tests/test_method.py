import pytest
import torch

from sentemb import InfoNCE, Method, Siamese, View, simcse_sup, simcse_unsup
from sentemb.errors import IdenticalViewsError
from sentemb.training.collator import Collator
from tests.support.helpers import numbered, without_dropout


@pytest.fixture
def rows(sentences):
    return numbered({"text": sentence} for sentence in sentences[:8])


def test_equals_multiple_negatives_ranking_from_text_to_loss(mini, triplets):
    """With dropout off, a method and sentence-transformers see the same three columns alike."""
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    encoder = without_dropout(mini)
    rows = numbered(triplets.rows.select(range(8)))
    method = simcse_sup(encoder).train()
    ours = method(**Collator(encoder, method.views, 32, 0)(rows))["loss"]
    columns = ("anchor", "positive", "negative")
    features = [encoder.preprocess([row[column] for row in rows]) for column in columns]
    theirs = MultipleNegativesRankingLoss(encoder, scale=20.0)(features, None)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_views_differ_by_dropout(mini_cls, rows):
    method = simcse_unsup(mini_cls).train()
    views = Collator(mini_cls, method.views, 32, 0)(rows)["views"]
    pairs = method.twin(views)
    assert (pairs.anchor - pairs.positive).abs().max() > 1e-3
    assert torch.equal(views[0]["input_ids"], views[1]["input_ids"])


def test_a_model_without_dropout_is_refused(mini_cls, rows):
    method = simcse_unsup(without_dropout(mini_cls)).train()
    with pytest.raises(IdenticalViewsError, match="has no dropout: set hidden_dropout_prob"):
        method(**Collator(mini_cls, method.views, 32, 0)(rows))


def test_evaluation_mode_is_refused(mini_cls, rows):
    method = simcse_unsup(mini_cls).eval()
    with pytest.raises(IdenticalViewsError, match="in evaluation mode"):
        method(**Collator(mini_cls, method.views, 32, 0)(rows))


def test_equal_texts_are_refused_where_dropout_is_on_but_seeded_alike(mini_cls, rows):
    class OneMask(Siamese):
        def forward(self, features, views=()):
            from sentemb.pairs import Pairs

            z = super().forward([features[0], features[0]]).anchor
            return Pairs(z, z)

    method = Method((View(), View()), OneMask(mini_cls), InfoNCE()).train()
    with pytest.raises(IdenticalViewsError, match="one dropout mask serves both views"):
        method(**Collator(mini_cls, method.views, 32, 0)(rows))


def test_the_loss_is_float32_under_autocast(mini_cls, rows):
    seen = []

    def spy(pairs):
        seen.append(pairs.anchor.dtype)
        return InfoNCE()(pairs)

    method = Method((View(), View()), Siamese(mini_cls), spy).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method(**Collator(mini_cls, method.views, 32, 0)(rows))["loss"]
    assert seen == [torch.float32]
    assert loss.dtype == torch.float32


def test_siamese_needs_two_views_or_more(mini_cls, rows):
    views = Collator(mini_cls, (View(),), 32, 0)(rows)["views"]
    with pytest.raises(ValueError, match="needs 2 views, or more with hard negatives, got 1"):
        Siamese(mini_cls)(views)


def test_a_view_edits_its_own_text_only(mini_cls, rows):
    views = (View(), View(edit=lambda text, random: "a wholly different sentence"))
    first, second = Collator(mini_cls, views, 32, 0)(rows)["views"]
    (plain,) = Collator(mini_cls, (View(),), 32, 0)(rows)["views"]
    tokens = first["attention_mask"].bool()
    assert torch.equal(first["input_ids"][tokens], plain["input_ids"][plain["attention_mask"] == 1])
    assert (second["input_ids"] == second["input_ids"][0]).all()


def test_the_collator_truncates_and_counts_special_tokens(mini_cls):
    long = numbered([{"text": "word " * 100}])
    (view,) = Collator(mini_cls, (View(),), 32, 0)(long)["views"]
    assert view["input_ids"].shape == (1, 32)
