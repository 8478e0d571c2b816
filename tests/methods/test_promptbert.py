"""PromptBERT: what is read, what is subtracted, what is cut, and that the folder is plain."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer

from sentemb import build_encoder, load, train
from sentemb.encoders import describe, embed, set_template
from sentemb.encoders.packed import packed
from sentemb.errors import InputError, UsageError
from sentemb.methods import method_named, promptbert
from sentemb.methods.overrides import override
from sentemb.training.collator import Collator
from sentemb.views import SubwordDropout, View
from tests.support import encoders, zoo
from tests.support.helpers import numbered

FIRST = '[CLS] this sentence : " a man plays " means [MASK]. [SEP]'
OTHER = '[CLS] this sentence of " a man plays " means [MASK]. [SEP]'
MODULES = "Transformer -> WordWeights -> Pooling mean"


@pytest.fixture
def method():
    return promptbert(encoders.mini())


def features_of(method, texts, max_length=42):
    rows = numbered([{"text": text} for text in texts])
    return Collator(method.encoder, method.views, max_length, 0)(rows)["views"]


def words(method, features):
    read = zip(features["input_ids"], features["attention_mask"], strict=True)
    return [method.encoder.tokenizer.decode(ids[mask.bool()]) for ids, mask in read]


def test_both_templates_are_read(method):
    first, other = features_of(method, ["A man plays", "A dog"])
    assert (words(method, first)[0], words(method, other)[0]) == (FIRST, OTHER)
    tokenizer = method.encoder.tokenizer
    assert tokenizer.decode(tokenizer("A man plays").input_ids) == FIRST


def test_the_text_is_cut_and_the_template_is_not(method):
    long = "man " * 300
    for limit in (42, method.encoder.max_seq_length):
        for view, template in zip(features_of(method, [long], limit), method.views, strict=True):
            ids = view["input_ids"][0].tolist()
            before, after = template.template
            assert ids[: len(before)] == [*before]
            assert ids[-len(after) :] == [*after]
            assert len(ids) == limit
    ids = method.encoder.preprocess([long])["input_ids"][0]
    assert method.encoder.tokenizer.mask_token_id in ids.tolist()


def by_loop(method, features, template):
    """Read [MASK] row by row; the template alone is given its places as numbers."""
    model, mask = method.encoder[0].auto_model, method.encoder.tokenizer.mask_token_id
    before, after = template
    found = []
    for ids, real in zip(features["input_ids"], features["attention_mask"], strict=True):
        ids = ids[real.bool()]
        gap = len(ids) - len(before) - len(after)
        places = [*range(len(before)), *range(len(before) + gap, len(ids))]
        whole = model(ids.unsqueeze(0)).last_hidden_state[0][ids == mask]
        alone = torch.tensor([[*before, *after]])
        bias = model(alone, position_ids=torch.tensor([places])).last_hidden_state[alone == mask]
        found.append(whole[0] - bias[0])
    return torch.stack(found)


def test_the_template_alone_is_subtracted(method, sentences):
    method.double().eval()
    views = features_of(method, [*sentences[:5], "a", "man " * 99])
    found = torch.cat(embed(method.encoder, views, method.views))
    each = zip(views, method.views, strict=True)
    expected = torch.cat([by_loop(method, features, view.template) for features, view in each])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)
    weights = [p for p in method.encoder.parameters() if p.requires_grad]
    towards = torch.randn_like(found)
    ours, theirs = (
        torch.autograd.grad((vectors * towards).sum(), weights, allow_unused=True)
        for vectors in (found, expected)
    )
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        assert one is None or (one - other).abs().max() <= 1e-8 * other.abs().max().clamp(min=1)


def test_the_same_in_micro_batches_and_without_padding(method, sentences):
    method.eval()
    views = features_of(method, sentences[:6])
    whole = torch.cat(embed(method.encoder, views, method.views))
    parts = torch.cat(embed(method.encoder, views, method.views, micro_batch=4))
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)
    lengths = [view | {"token_counts": view["attention_mask"].sum(1).numpy()} for view in views]
    with packed(method.encoder[0].auto_model):
        for known in (views, lengths):
            unpadded = torch.cat(embed(method.encoder, known, method.views))
            torch.testing.assert_close(unpadded, whole, rtol=0, atol=1e-5)


def test_dropout_reaches_the_template_alone(method):
    features = features_of(method, ["A man plays"])[:1]
    found = [embed(method.encoder.train(), features, method.views[:1])[0] for _ in range(2)]
    assert not torch.equal(*found)


def test_edits_and_other_views_keep_the_template(method):
    edited = override(method, "promptbert", [View(edit_tokens=SubwordDropout(0.9))])
    for view, start, end in zip(features_of(edited, ["a man plays a song"]), (FIRST, OTHER),
                                (FIRST, OTHER), strict=True):  # fmt: skip
        (read,) = words(edited, view)
        assert read.startswith(start[:20])
        assert read.endswith(end[-18:])
        assert len(read) < len(FIRST) + len("a song")


@pytest.mark.parametrize("family", ["bert", pytest.param("roberta", marks=pytest.mark.wide),
                                    pytest.param("distilbert", marks=pytest.mark.wide),
                                    pytest.param("mpnet", marks=pytest.mark.wide)])  # fmt: skip
def test_the_saved_folder_is_plain(family, tmp_path, sentences):
    getattr(zoo, family)(tmp_path / "model")
    method = method_named("promptbert", tmp_path / "model")
    assert describe(method.encoder) == MODULES
    method.encoder.eval().save_pretrained(str(tmp_path / "saved"))
    ids = method.encoder.tokenizer("a man plays")["input_ids"]
    assert AutoTokenizer.from_pretrained(tmp_path / "saved")("a man plays")["input_ids"] == ids
    assert ids.count(method.encoder.tokenizer.mask_token_id) == 1
    plain = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    expected = method.encoder.encode(sentences[:5])
    np.testing.assert_allclose(plain.encode(sentences[:5]), expected, atol=1e-6)
    ours = load(tmp_path / "saved", device="cpu")
    np.testing.assert_allclose(ours.encode(sentences[:5]), expected, atol=1e-5)
    again = promptbert(build_encoder(tmp_path / "saved", device="cpu"))
    assert again.views == method.views
    assert not again.encoder[1].emb_layer.weight.requires_grad


def test_a_template_of_a_bert_is_saved(tmp_path):
    zoo.bert(tmp_path / "model")
    own = build_encoder(tmp_path / "model", pooling="lasttoken", device="cpu")
    set_template(own, "prompteol")
    own.save_pretrained(str(tmp_path / "saved"))
    plain = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert plain.tokenizer("a man")["input_ids"] == own.tokenizer("a man")["input_ids"]
    with pytest.raises(UsageError, match="has a template already"):
        promptbert(own)


def test_a_run(tmp_path, sentences):
    given = {"batch_size": 4, "max_steps": 2, "learning_rate": 1e-3}
    run = train("promptbert", sentences[:8], tmp_path / "run", **given)
    assert run.record["modules"] == MODULES
    plain = SentenceTransformer(str(run.output), device="cpu")
    expected = run.model.eval().encode(sentences[:4])
    np.testing.assert_allclose(plain.encode(sentences[:4]), expected, atol=1e-5)
    with pytest.raises(InputError, match=r"Row 3 has \[MASK\] in its text"):
        train("promptbert", [*sentences[:2], "a [MASK] b", *sentences[3:8]], **given)


def test_another_pooling_is_refused():
    with pytest.raises(UsageError, match=r"reads \[MASK\]: leave `pooling` out"):
        method_named("promptbert", pooling="mean")


def test_an_encoder_without_a_mask_token(tmp_path):
    zoo.gpt2(tmp_path / "model")
    with pytest.raises(UsageError, match="no mask token"):
        method_named("promptbert", tmp_path / "model")
