"""Models as people have them × commands: the right vectors, or a line that names the model."""

from functools import partial

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from tests.support import zoo
from tests.support.zoo import CAUSAL, KINDS

LONG = " ".join(f"word{number}" for number in range(300))
TEXTS = ["a man is playing the guitar", "a", LONG, "two women dance, and sing!", "déjà vu 東京"]
PAIRS = [("a man", "a woman", 1.0), ("dogs run", LONG, 2.5), ("a man plays", "a man sings", 5.0)]
COMMANDS = {
    "info": "info {model}",
    "encode": "encode a.txt --model {model} -o a.npy",
    "evaluate": "evaluate {model} --sts pairs.tsv",
    "train": "train --model {model} --data a.txt --dev pairs.tsv --max-steps 1 --batch-size 2",
    "finetune": "finetune --model {model} --data b.tsv --dev b.tsv --epochs 1 --max-length 32",
    "static": "export {model} --static --dim 0 --sts pairs.tsv -o static",
    "int8": "export {model} --int8 --sts pairs.tsv -o int8",
}
ORDINARY = {"bert", "sentence_bert", "electra", "albert", "distilbert", "deberta", "modernbert"} | {
    "half_precision", "prompts", "last_token", "xlm_roberta", "mpnet", "llama",
}  # fmt: skip
MORE = ("train", "finetune", "static")
REFUSED_INT8 = [kind for kind in KINDS if "int8" in kind.refused]


def names(kinds):
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Build each kind once."""
    root, built = tmp_path_factory.mktemp("zoo"), set()

    def of(kind):
        if kind.name not in built:
            kind.build(root / kind.name)
            built.add(kind.name)
        return root / kind.name

    return of


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(TEXTS) + "\n")
    (tmp_path / "alone.txt").write_text(TEXTS[0] + "\n")
    (tmp_path / "blank.txt").write_text(f"{TEXTS[0]}\n\n{LONG}\n")
    lines = ["\t".join(map(str, pair)) for pair in [("sentence1", "sentence2", "score"), *PAIRS]]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    rows = [f"{text}\t{number % 2}" for number, text in enumerate(TEXTS[:4])]
    (tmp_path / "b.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")


def reference(kind, path):
    """sentence-transformers' own model of a folder, in float32, cut where there is room."""
    if (path / "modules.json").is_file():
        model = SentenceTransformer(
            str(path), device="cpu", model_kwargs={"dtype": torch.float32}, local_files_only=True
        )
    else:
        transformer = Transformer(str(path), model_kwargs={"dtype": torch.float32})
        pooling = Pooling(transformer.get_embedding_dimension(), "mean")
        model = SentenceTransformer(modules=[transformer, pooling], device="cpu")
    if getattr(model.tokenizer, "pad_token", "") is None:
        model.tokenizer.pad_token = model.tokenizer.eos_token
    if kind.limit is not None:
        model.max_seq_length = kind.limit
    return model


def one_at_a_time(model, texts):
    return np.stack([model.encode([text], show_progress_bar=False)[0] for text in texts])


@pytest.mark.sampled
@names([kind for kind in KINDS if "encode" not in kind.refused])
def test_a_vector_is_sentence_transformers_of_one_text_whatever_stands_beside(
    kind, folder, files, sentemb
):
    path = folder(kind)
    model = reference(kind, path)
    expected = one_at_a_time(model, TEXTS)
    near = partial(np.testing.assert_allclose, atol=1e-5 * max(1.0, float(abs(expected).max())))
    done = sentemb("encode", "a.txt", "--model", path, "-o", "a.npy")
    assert done.returncode == 0, done.stderr
    near(np.load("a.npy"), expected)
    with Embedder(load_encoder(path)) as embedder:
        near(embedder.encode([LONG, *TEXTS[::-1], TEXTS[1]]), expected[[2, 4, 3, 2, 1, 0, 1]])
        near(embedder.encode(TEXTS[:1]), expected[:1])
        near(embedder.encode([TEXTS[0], LONG]), expected[[0, 2]])
        if kind.blank:
            blank = one_at_a_time(model, [""])
            near(embedder.encode([""]), blank)
            near(
                embedder.encode(["", LONG, *TEXTS]),
                np.concatenate([blank, expected[[2, *range(5)]]]),
            )


@pytest.mark.sampled
@names([kind for kind in KINDS if not kind.blank])
def test_a_row_without_a_token_is_refused_or_nan(kind, folder, files, sentemb):
    path = folder(kind)
    done = sentemb("encode", "blank.txt", "--model", path, "-o", "blank.npy")
    assert done.returncode == 3
    assert b"Row 2: the model's tokenizer finds no token in it" in done.stderr
    done = sentemb("encode", "blank.txt", "--model", path, "-o", "nan.npy", "--empty", "nan")
    assert done.returncode == 0, done.stderr
    vectors = np.load("nan.npy")
    assert np.isnan(vectors[1]).all()
    np.testing.assert_allclose(
        vectors[[0]], one_at_a_time(reference(kind, path), TEXTS[:1]), atol=1e-5
    )


def answers():
    """Return kinds and commands. In every run: `info` and `train`, and all that is refused."""
    for kind in KINDS:
        yield pytest.param(kind, "info", id=f"{kind.name} info")
        for command in ("evaluate", *(() if kind.name in ORDINARY else MORE)):
            quick = command in kind.refused or command == "train"
            marks = () if quick else pytest.mark.long
            yield pytest.param(kind, command, id=f"{kind.name} {command}", marks=marks)


@pytest.mark.sampled
@pytest.mark.parametrize(("kind", "command"), list(answers()))
def test_commands_take_it_or_say_why_not(kind, command, folder, files, sentemb):
    answered(kind, command, folder, sentemb)


@pytest.mark.long
@pytest.mark.parametrize("command", MORE)
@names([kind for kind in KINDS if kind.name in ORDINARY])
def test_more_commands_take_ordinary_models(kind, command, folder, files, sentemb):
    answered(kind, command, folder, sentemb)


@pytest.mark.sampled
@names(REFUSED_INT8)
def test_int8_says_why_not(kind, folder, files, sentemb):
    answered(kind, "int8", folder, sentemb)


@pytest.mark.long
@names([kind for kind in KINDS if kind not in REFUSED_INT8])
def test_int8_takes_it_or_says_why_not(kind, folder, files, sentemb):
    path = folder(kind)
    done = sentemb(*COMMANDS["int8"].format(model=path).split())
    assert done.returncode in (0, 3), done.stderr


def answered(kind, command, folder, sentemb):
    path = folder(kind)
    options = kind.options if command == "train" else ()
    done = sentemb(*COMMANDS[command].format(model=path).split(), *options)
    error = done.stderr.decode()
    if command not in kind.refused:
        assert done.returncode == 0, error
        return
    assert done.returncode in (2, 3), error
    line = error.splitlines()[-1]
    assert line.startswith("error: ")
    assert str(path) in line
    assert kind.refused[command] in line


@pytest.mark.sampled
@names([kind for kind in KINDS if kind.options == CAUSAL])
def test_the_first_token_of_a_causal_model_is_not_trained(kind, folder, files, sentemb):
    """It has seen no other token, so texts that begin alike have one vector."""
    done = sentemb(*COMMANDS["train"].format(model=folder(kind)).split())
    assert done.returncode in (2, 3), done.stderr
    assert b"mean" in done.stderr.splitlines()[-1]


def test_a_lowered_length_and_a_padding_token_are_logged(folder, files, sentemb):
    for build, words in (
        (zoo.roberta_without_a_limit, "has positions for 64 tokens: texts are cut there"),
        (
            zoo.length_over_places,
            "has positions for 128 tokens: texts are cut there, instead",
        ),
        (zoo.gpt2, "has no padding token: <|endoftext|> pads, masked."),
        (zoo.classifier, "is a classifier (BertForSequenceClassification)"),
    ):
        path = folder(zoo.Kind(build))
        done = sentemb("encode", "alone.txt", "--model", path, "-o", f"{build.__name__}.npy")
        assert f"'{path}' {words}" in done.stderr.decode()


@pytest.mark.sampled
@names([kind for kind in KINDS if kind.limit == 64])
def test_the_longest_text_that_fits_trains_and_a_longer_one_is_refused(
    kind, folder, files, sentemb
):
    words = COMMANDS["train"].format(model=folder(kind)).split()
    done = sentemb(*words, "--max-length", 65)
    assert done.returncode == 2
    assert b"the encoder takes 64 tokens" in done.stderr
    done = sentemb(*words, "--max-length", 64)
    assert done.returncode == 0, done.stderr


def test_a_model_given_from_python_is_inspected_too(folder):
    path = folder(zoo.Kind(zoo.length_over_places))
    with Embedder(SentenceTransformer(str(path), device="cpu")) as embedder:
        found = embedder.encode(TEXTS)
    with Embedder(load_encoder(path)) as embedder:
        np.testing.assert_allclose(found, embedder.encode(TEXTS), atol=1e-5)
