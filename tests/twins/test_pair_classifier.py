import pytest
import torch

from sentemb import View
from sentemb.encoders import embed
from sentemb.errors import UsageError
from sentemb.training.collator import Collator
from sentemb.twins import PairClassifier
from tests.support.helpers import numbered, without_dropout

TWO = (View("a"), View("b"))


@pytest.fixture
def rows(sentences):
    return numbered({"a": sentences[i], "b": sentences[i + 50]} for i in range(6))


def test_logits_are_a_linear_map_of_conserts_features(mini, rows):
    twin = PairClassifier(without_dropout(mini), 3)
    features = Collator(mini, TWO, 32, 0)(rows)["views"]
    pairs = twin(features, TWO)
    u, v = embed(mini, features)
    joined = torch.cat([u, v, abs(u - v), torch.where(u > v, u, v) ** 2], dim=1)
    torch.testing.assert_close(
        pairs.logits, joined @ twin.classifier.weight.T + twin.classifier.bias
    )
    torch.testing.assert_close(pairs.anchor, u)
    torch.testing.assert_close(pairs.positive, v)


def test_with_four_views_each_sentence_is_its_own_anchor(mini, rows):
    twin = PairClassifier(without_dropout(mini), 2)
    views = (*TWO, *TWO)
    features = Collator(mini, views, 32, 0)(rows)["views"]
    pairs = twin(features, views)
    assert pairs.anchor.shape == (12, 96)
    assert pairs.logits.shape == (6, 2)
    torch.testing.assert_close(pairs.anchor, pairs.positive)


def test_what_is_refused(mini, rows):
    with pytest.raises(UsageError, match="classes must be at least 2, got 1"):
        PairClassifier(mini, 1)
    three = (*TWO, View("a"))
    features = Collator(mini, three, 32, 0)(rows)["views"]
    with pytest.raises(UsageError, match=r"needs 2 views, one a sentence, or 4, .*; got 3"):
        PairClassifier(mini, 2)(features, three)
