"""Correctors: their prefix and loss, rounds against a loop, training, and what is refused."""

import json
import shutil
import signal

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import sentemb
from sentemb.decoders import (
    KINDS,
    BeamSearch,
    DecodeOptions,
    TextWriter,
    VectorCorrector,
    decoding_job,
    load_decoder,
    train_decoder,
)
from sentemb.decoders.beam_search import PrefixReader
from sentemb.decoders.language_model import with_places
from sentemb.errors import InputError, InterruptedRunError, UsageError
from tests.decoders.conftest import SHORT
from tests.support.helpers import assert_refused

END, LONGEST = 1, 5


def language_model(places=40):
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=11, n_positions=places, n_embd=16, n_layer=1, n_head=2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


@pytest.fixture
def tiny():
    return VectorCorrector(KINDS["corrector"], 6, language_model(), END, LONGEST).double().eval()


@pytest.fixture
def given():
    random = torch.Generator().manual_seed(0)
    vectors, again = torch.randn(2, 2, 6, dtype=torch.float64, generator=random)
    return {
        "vectors": vectors,
        "hypotheses": torch.tensor([[3, 4, END, END, END], [7, 2, 9, 5, 6]]),
        "again": again,
    }


def gelu(x):
    return x * (1 + torch.erf(x / 2**0.5)) / 2


def test_prefix_against_its_formula(tiny, given):
    table = tiny.language_model.get_input_embeddings().weight
    for row in range(2):
        e, other = (6**0.5 * x[row] / x[row].norm() for x in (given["vectors"], given["again"]))
        parts = []
        for mapping, read in zip(tiny.mapping.each, (e, other, e - other), strict=True):
            inner = gelu(mapping[0].weight @ read + mapping[0].bias)
            parts += [
                table[END : END + 1],
                (mapping[2].weight @ inner + mapping[2].bias).view(4, 16),
            ]
        whole = torch.cat([*parts, table[END : END + 1], table[given["hypotheses"][row]]])
        spread = whole.var(dim=1, correction=0, keepdim=True)
        normal = (whole - whole.mean(dim=1, keepdim=True)) / (spread + 1e-5).sqrt()
        assert torch.allclose(tiny.prefix(**given)[row], normal, atol=1e-8)
    assert tiny.prefix_length == len(whole) == 3 * 5 + 1 + LONGEST
    longer = {**given, "vectors": 3 * given["vectors"], "again": 2 * given["again"]}
    assert torch.allclose(tiny.prefix(**longer), tiny.prefix(**given), atol=1e-12)


def test_tokens_are_predicted_behind_the_prefix_of_their_own_row(tiny, given):
    labels = torch.tensor([[3, 4, 5, END], [7, END, -100, -100]])
    terms = []
    for row in range(2):
        ids = labels[row][labels[row] != -100]
        read = tiny.language_model.get_input_embeddings()(ids)
        whole = torch.cat([tiny.prefix(**given)[row], read])
        logits = tiny.language_model(inputs_embeds=whole[None]).logits[0]
        behind = logits[tiny.prefix_length - 1 : -1]
        terms.append(torch.nn.functional.cross_entropy(behind, ids, reduction="sum"))
    loss = tiny(labels=labels, **given).loss
    assert loss.item() == pytest.approx(torch.stack(terms).sum().item() / 6, abs=1e-10)


def test_gradient_of_the_loss(tiny, given):
    labels = torch.tensor([[3, 4, 5, END], [7, END, -100, -100]])
    both = [given[name].clone().requires_grad_() for name in ("vectors", "again")]
    assert torch.autograd.gradcheck(
        lambda e, other: tiny(e, labels, hypotheses=given["hypotheses"], again=other).loss, both
    )


def test_new_places_stand_in_front():
    model = language_model(8)
    made, table = with_places(model, 12), model.transformer.wpe.weight
    assert (made.config.n_positions, model.config.n_positions) == (12, 8)
    assert torch.equal(made.transformer.wpe.weight[4:], table)
    assert made.transformer.wpe.weight[:4].std() > 0
    same = with_places(model, 8)
    assert same is not model
    assert all(
        torch.equal(a, b)
        for a, b in zip(same.state_dict().values(), model.state_dict().values(), strict=True)
    )


@pytest.fixture
def vectors(texts):
    return sentemb.load("mini-sentemb").encode(texts[:4], normalize=True)


def by_loop(folder, vector, rounds, beams):
    """Correct one vector alone; return the nearest text of all rounds, and its cosine."""
    encoder, corrector = sentemb.load("mini-sentemb"), load_decoder(folder)
    search = BeamSearch(beams, max_length=corrector.config.max_length)
    given, end = torch.from_numpy(vector[None]), corrector.end

    def nearest(found):
        again = [encoder.encode([corrector.text_of(one.ids)], normalize=True)[0] for one in found]
        cosines = [float(one @ vector) for one in again]
        best = int(np.argmax(cosines))
        return found[best], again[best], cosines[best]

    latest = nearest(search(PrefixReader(corrector.first.model, given), end)[0])
    every = [latest]
    for _ in range(rounds):
        ids = [*latest[0].ids, *[end] * corrector.first.config.max_length]
        reader = PrefixReader(
            corrector.model,
            given,
            hypotheses=torch.tensor([ids[: corrector.first.config.max_length]]),
            again=torch.from_numpy(latest[1][None]),
        )
        latest = nearest(search(reader, end)[0])
        every.append(latest)
    found, _, cosine = max(every, key=lambda one: one[2])
    return corrector.text_of(found.ids), cosine


@pytest.mark.parametrize(("rounds", "beams"), [(2, 1), (1, 3)])
def test_rounds_against_a_loop(decoders, vectors, rounds, beams):
    folder = decoders("corrector")
    found = sentemb.decode(folder, vectors, rounds=rounds, beams=beams, cosines=True)
    expected = [by_loop(folder, vector, rounds, beams) for vector in vectors]
    assert found.texts == [text for text, _ in expected]
    assert [row["cosine"] for row in found.rows] == pytest.approx(
        [cosine for _, cosine in expected], abs=1e-5
    )


def test_further_rounds_are_never_farther(decoders, vectors):
    folder = decoders("corrector")
    none = sentemb.decode(folder, vectors, rounds=0)
    assert none.texts == sentemb.decode(decoders("prefix"), vectors).texts
    rows = [sentemb.decode(folder, vectors, rounds=n, cosines=True).rows for n in range(4)]
    cosines = np.array([[row["cosine"] for row in each] for each in rows])
    assert (np.diff(cosines, axis=0) >= -1e-6).all()


def changed(folder, copy):
    """Copy a decoder, and change what its texts depend on."""
    shutil.copytree(folder, copy)
    config = json.loads((copy / "decoder.json").read_text())
    (copy / "decoder.json").write_text(json.dumps(config | {"temperature": 0.5}))
    return copy


def weights(folder):
    return torch.cat([x.flatten() for x in load_decoder(folder).model.state_dict().values()])


def test_resumed_bit_for_bit(decoders, tmp_path, texts, monkeypatch):
    """Cut while hypotheses are written, and after two of four steps."""
    from sentemb.decoders import run

    given = {"kind": "corrector", "corrects": decoders("prefix"), **SHORT}
    folder, whole = tmp_path / "cut", weights(decoders("corrector"))
    commit, windows = decoding_job.DecodingJob._commit, []

    def cut(job, window, *rest):
        commit(job, window, *rest)
        windows.append(window)
        if window == 1 and windows.count(1) == 1:
            signal.raise_signal(signal.SIGINT)

    class Cut(run.DecoderTrainer):
        def _save_checkpoint(self, *args):
            super()._save_checkpoint(*args)
            if self.state.global_step == 2:
                raise InterruptedRunError("cut", 15)

    monkeypatch.setattr(decoding_job.DecodingJob, "_commit", cut)
    monkeypatch.setattr(decoding_job, "ROWS", 16)
    with pytest.raises(InterruptedRunError, match="after the first decoder wrote 32 texts"):
        train_decoder("mini-sentemb", texts, folder, **given)
    with monkeypatch.context() as patch:
        patch.setattr(run, "DecoderTrainer", Cut)
        with pytest.raises(InterruptedRunError, match="cut"):
            train_decoder("mini-sentemb", texts, folder, resume=True, **given)
    other = given | {"corrects": changed(decoders("prefix"), tmp_path / "other")}
    with pytest.raises(UsageError, match=r"was started otherwise: .*corrects was"):
        train_decoder("mini-sentemb", texts, folder, resume=True, **other)
    train_decoder("mini-sentemb", texts, folder, resume=True, **given)
    assert windows == [0, 1, 2, 3]
    assert torch.equal(weights(folder), whole)
    assert not (folder / "teacher").exists()


def test_a_copy_needs_no_other_folder(decoders, tmp_path, vectors):
    folder = shutil.copytree(decoders("corrector"), tmp_path / "copy")
    copy, kept = load_decoder(folder), load_decoder(decoders("corrector"))
    assert copy.fingerprint == kept.fingerprint != load_decoder(folder / "first").fingerprint
    writer = TextWriter(copy, DecodeOptions(), sentemb.load("mini-sentemb"))
    texts = [writer.text(row[0]) for row in writer.write(vectors)]
    assert texts == sentemb.decode(decoders("corrector"), vectors).texts
    shutil.rmtree(folder / "first")
    with pytest.raises(InputError, match="first' is not a decoder"):
        load_decoder(folder)
    shutil.copytree(decoders("corrector") / "first", folder / "first")
    np.save(folder / "first" / "tokens.npy", np.arange(5))
    with pytest.raises(InputError, match=r"tokens\.npy' is damaged"):
        load_decoder(folder)


def test_texts_with_unknown_tokens_are_left_out(decoders, tmp_path, texts, caplog):
    run = train_decoder(
        *("mini-sentemb", [*texts, "Quixotic zephyrs vex."], tmp_path / "made"),
        **{"kind": "corrector", "corrects": decoders("prefix"), **SHORT, "max_steps": 1},
    )
    assert (run.long_rows, run.unread_rows) == (0, 1)
    assert "1 texts have a token that the first decoder does not know" in caplog.text
    assert "corrector of a prefix decoder" in (run.output / "README.md").read_text()
    with pytest.raises(InputError, match="or one that the first decoder does not know"):
        train_decoder(
            *("mini-sentemb", ["Quixotic zephyrs vex."] * 2),
            **{"kind": "corrector", "corrects": decoders("prefix"), **SHORT},
        )


def test_what_does_not_fit_is_refused(decoders, texts):
    given = {"kind": "corrector", **SHORT}
    with pytest.raises(UsageError, match="need each other"):
        train_decoder("mini-sentemb", texts, **given)
    with pytest.raises(UsageError, match="need each other"):
        train_decoder("mini-sentemb", texts, corrects=decoders("prefix"), **SHORT)
    given["corrects"] = decoders("prefix")
    with pytest.raises(UsageError, match="language_model` has no effect with a corr"):
        train_decoder("mini-sentemb", texts, language_model="x", **given)
    with pytest.raises(InputError, match="reads vectors of 'mini-sentemb', and 'mini' is another"):
        train_decoder("mini", texts, **given)
    with pytest.raises(InputError, match="is a corrector: name the decoder that it corrects"):
        train_decoder("mini-sentemb", texts, **given | {"corrects": decoders("corrector")})
    with pytest.raises(
        UsageError, match="rounds` has no effect with a decoder that corrects no other"
    ):
        sentemb.decode(decoders("prefix"), texts[:1], rounds=2)
    with pytest.raises(UsageError, match="samples` has no effect with a corrector"):
        sentemb.decode(decoders("corrector"), texts[:1], samples=2)
    with pytest.raises(UsageError, match="rounds must be at least 0"):
        DecodeOptions(rounds=-1)


def test_command(sentemb, decoders, texts, tmp_path):
    (tmp_path / "few.txt").write_text("\n".join(texts[:12]) + "\n")
    first = decoders("prefix")
    words = "train-decoder mini-sentemb few.txt -o made --max-steps 1 --kind corrector --corrects"
    done = sentemb(*words.split(), str(first))
    assert done.returncode == 0, done.stderr
    done = sentemb("decode", "made", "few.txt", "--rounds", "2", "-o", "out.jsonl")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 12
    for command, code, message in (
        ("train-decoder mini-sentemb few.txt -o b --kind corrector", 2, "need each other"),
        ("train-decoder mini-sentemb few.txt -o b --kind corrector --corrects few.txt", 3,
         "is not a decoder"),
        ("decode made few.txt --samples 2", 2, "--samples has no effect with a corrector"),
    ):  # fmt: skip
        assert_refused(sentemb, tmp_path, {}, command, code, message)
