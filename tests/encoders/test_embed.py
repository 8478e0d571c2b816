import pytest
import torch

from sentemb import View
from sentemb.encoders import embed
from sentemb.encoders.embedding import KEYS
from sentemb.errors import UsageError
from sentemb.views import FeatureCutoff


@pytest.fixture
def views(mini):
    texts = ["one sentence", "another, longer one", "third"]
    features = mini.preprocess([*texts, *texts])
    tensors = {name: value for name, value in features.items() if name != "modality"}
    tensors[KEYS] = torch.arange(6)
    return [{k: v[i : i + 3] for k, v in tensors.items()} for i in (0, 3)]


def test_one_forward_gives_the_views_of_two(mini, views):
    mini.eval()
    together = embed(mini, views)
    apart = [
        mini({name: view[name] for name in view if name != KEYS})["sentence_embedding"]
        for view in views
    ]
    for a, b in zip(together, apart, strict=True):
        torch.testing.assert_close(a, b)


def test_the_views_share_one_forward(mini, views):
    calls = []
    mini[0].register_forward_hook(lambda *args: calls.append(1))
    embed(mini, views)
    assert len(calls) == 1


def test_a_perturbation_sees_its_own_view_after_the_embedding_block(mini, views):
    mini.eval()
    seen = []

    def zero(embeddings, mask, draws):
        seen.append((embeddings.shape, mask, draws.keys))
        return torch.zeros_like(embeddings)

    clean, perturbed = embed(mini, views, [View(), View(perturb=zero)])
    assert seen[0][0] == (*views[1]["input_ids"].shape, 96)
    assert torch.equal(seen[0][1], views[1]["attention_mask"].bool())
    assert torch.equal(seen[0][2], views[1][KEYS])
    torch.testing.assert_close(clean, embed(mini, views)[0])
    assert (perturbed - clean).abs().max() > 1e-2


def test_order_and_perturbation_of_one_view_draw_apart(mini, views):
    drawn = []

    def order(mask, draws):
        drawn.append(draws.bits(5))
        return torch.arange(mask.shape[1]).expand(mask.shape)

    def perturb(embeddings, mask, draws):
        drawn.append(draws.bits(5))
        return embeddings

    embed(mini, views, [View(), View(order=order, perturb=perturb)])
    assert not (drawn[0].unsqueeze(2) == drawn[1].unsqueeze(1)).any()


def test_the_hook_is_gone_afterwards(mini, views):
    def fail(embeddings, mask, draws):
        raise RuntimeError("in the hook")

    with pytest.raises(RuntimeError, match="in the hook"):
        embed(mini, views, [View(), View(perturb=fail)])
    embed(mini, views)


def test_an_encoder_without_an_embedding_block_is_named(mini, views):
    del mini[0].model.embeddings
    with pytest.raises(UsageError, match="BertModel has no embedding block to perturb"):
        embed(mini, views, [View(perturb=FeatureCutoff()), View()])
