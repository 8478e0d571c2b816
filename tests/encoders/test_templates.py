"""Echo and PromptEOL: what is read, what is cut, and that the saved folder is plain."""

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer

from sentemb import build_encoder, load, train
from sentemb.encoders import set_template
from sentemb.errors import UsageError
from tests.support import zoo
from tests.support.encoders import mini

ECHO = "Document:a man plays\nDocument again:a man plays"
EOL = 'This sentence : "a man plays" means in one word:"'


def encoder(folder, family="qwen2", pooling="lasttoken"):
    if not folder.exists():
        getattr(zoo, family)(folder)
    return build_encoder(folder, pooling=pooling, device="cpu").eval()


@pytest.mark.sampled
@pytest.mark.parametrize(("name", "text"), [("echo", ECHO), ("prompteol", EOL)])
@pytest.mark.parametrize("family", ["qwen2", pytest.param("gpt2", marks=pytest.mark.long)])
def test_what_is_read(name, text, family, tmp_path, sentences):
    own = encoder(tmp_path / "model", family)
    bare = encoder(tmp_path / "model", family)
    set_template(own, name)
    ids = own.tokenizer("a man plays")["input_ids"]
    end = [own.tokenizer.eos_token_id] if name == "echo" else []
    assert own.tokenizer.decode(ids) == text + "<|endoftext|>" * len(end)
    whole = bare.tokenizer(text)["input_ids"] + end
    assert ids == whole  # the words' tokens end where the text begins
    found = own.encode(sentences[:5])
    one_by_one = np.stack([own.encode(each) for each in sentences[:5]])
    np.testing.assert_allclose(one_by_one, found, atol=1e-5)
    assert abs(found - bare.encode(sentences[:5])).max() > 0.01
    own.save_pretrained(str(tmp_path / "saved"))
    plain = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_allclose(plain.encode(sentences[:5]), found, atol=1e-6)
    ours = load(tmp_path / "saved", device="cpu")
    np.testing.assert_allclose(ours.encode(sentences[:5]), found, atol=1e-5)
    assert AutoTokenizer.from_pretrained(tmp_path / "saved")("a man plays")["input_ids"] == ids


@pytest.mark.parametrize("family", ["qwen2", "gpt2"])
def test_a_text_is_cut_and_the_words_around_it_are_not(family, tmp_path):
    own = encoder(tmp_path / "model", family)
    set_template(own, "echo")
    own.max_seq_length = min(own.max_seq_length, 40)
    features = own.preprocess([" ".join(["man"] * 200)])
    ids = features["input_ids"][0].tolist()
    bare = encoder(tmp_path / "model", family).tokenizer
    for words in ("Document:", "\nDocument again:"):
        part = bare(words)["input_ids"]
        assert any(ids[place : place + len(part)] == part for place in range(len(ids)))
    assert ids[-1] == own.tokenizer.eos_token_id
    added = own.tokenizer.num_special_tokens_to_add()
    assert len(ids) == 2 * (own.max_seq_length - added) + added
    if family == "gpt2":
        assert len(ids) in (63, 64)  # of 64 places
    assert np.isfinite(own.encode(["man " * 200])).all()


def test_what_cannot_be(tmp_path):
    with pytest.raises(UsageError, match=r"echo. is read at its last token, .* pooling is mean"):
        set_template(mini(), "echo")
    with pytest.raises(UsageError, match=r"Unknown template 'ecko'.*echo"):
        set_template(encoder(tmp_path / "model"), "ecko")


def test_a_run(tmp_path, sentences):
    zoo.qwen2(tmp_path / "model")
    run = train(
        "simcse-unsup",
        sentences[:8],
        tmp_path / "run",
        model=tmp_path / "model",
        template="prompteol",
        batch_size=4,
        max_steps=1,
    )
    assert run.record["config"]["template"] == "prompteol"
    assert run.record["modules"].startswith("Transformer -> Pooling lasttoken")
    plain = SentenceTransformer(str(run.output), device="cpu")
    expected = run.model.eval().encode(sentences[:4])
    np.testing.assert_allclose(plain.encode(sentences[:4]), expected, atol=1e-5)
    with pytest.raises(UsageError, match="leaves no room for the text"):
        train("simcse-unsup", sentences[:8], model=run.output, max_length=5, batch_size=4)
