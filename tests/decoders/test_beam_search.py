"""Beam search against its table, its rule and every text there is."""

import itertools
import math

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from sentemb.decoders import KINDS, VectorDecoder
from sentemb.decoders.beam_search import BeamSearch, PrefixReader, drawn, standardised

END, A, B = 0, 1, 2
CHANCES = {None: (0.3, 0.6, 0.1), END: (1.0, 0.0, 0.0), A: (0.4, 0.1, 0.5), B: (0.95, 0.03, 0.02)}


class OfTable:
    """The last token decides what follows."""

    def __init__(self, rows=1):
        self.rows = rows

    def start(self):
        return torch.tensor([CHANCES[None]] * self.rows, dtype=torch.float64).log()

    def follow(self, parents, tokens):
        return torch.tensor(
            [CHANCES[token] for token in tokens.tolist()], dtype=torch.float64
        ).log()


@pytest.mark.parametrize(
    ("beams", "penalty", "text", "score"),
    [
        (1, 1.0, (A, B), None),
        (2, 0.0, (), -1.2039728043),
        (2, 0.5, (A, B), -0.7247282200),
        (2, 1.0, (A, B), -0.4184220329),
    ],
)
def test_table(beams, penalty, text, score):
    for rows in (1, 3):
        for found in BeamSearch(beams, penalty, 10)(OfTable(rows), END):
            assert found[0].ids == text
            if score is not None:
                assert found[0].score == pytest.approx(score, abs=1e-10)


@pytest.fixture
def decoder():
    torch.manual_seed(1)
    config = GPT2Config(vocab_size=5, n_positions=20, n_embd=16, n_layer=2, n_head=2,
                        initializer_range=0.5, bos_token_id=0, eos_token_id=0)  # fmt: skip
    return VectorDecoder(KINDS["prefix"], 6, GPT2LMHeadModel(config)).double().eval()


def log_of(decoder, vector, ids):
    return -decoder(vector, torch.tensor([ids])).loss.item() * len(ids)


@torch.no_grad()
def test_wide_beams_find_the_likeliest_text(decoder):
    vectors = torch.randn(2, 6, dtype=torch.float64)
    found = BeamSearch(60, 0.0, 4)(PrefixReader(decoder, vectors), END)
    for row in range(2):
        every = [(*ids, END) for n in range(4) for ids in itertools.product(range(1, 5), repeat=n)]
        logs = {ids: log_of(decoder, vectors[row : row + 1], ids) for ids in every}
        best = max(logs, key=logs.get)
        whole = [each for each in found[row] if len(each.ids) < 4]
        assert (*whole[0].ids, END) == best
        assert whole[0].log_probability == pytest.approx(logs[best], abs=1e-5)


@torch.no_grad()
def test_one_beam_is_greedy(decoder):
    vector, ids = torch.randn(1, 6, dtype=torch.float64), []
    for _ in range(8):
        logits = decoder(vector, torch.tensor([[*ids, END]])).logits[0, -1]
        ids.append(int(logits.argmax()))
        if ids[-1] == END:
            ids.pop()
            break
    assert BeamSearch(1, 1.0, 8)(PrefixReader(decoder, vector), END)[0][0].ids == tuple(ids)


def test_rows_do_not_depend_on_each_other(decoder):
    vectors = torch.randn(3, 6, dtype=torch.float64)
    search = BeamSearch(3, 1.0, 6)
    together = search(PrefixReader(decoder, vectors), END)
    alone = [search(PrefixReader(decoder, v[None]), END)[0] for v in vectors]
    assert [[each.ids for each in row] for row in together] == [
        [each.ids for each in row] for row in alone
    ]


def test_draws_follow_the_chances():
    random = torch.Generator().manual_seed(0)
    found = drawn(OfTable(4000), END, 10, 1.0, random)
    empty = sum(each.ids == () for each in found) / len(found)
    both = sum(each.ids == (A, B) for each in found) / len(found)
    assert (empty, both) == (pytest.approx(0.3, abs=0.03), pytest.approx(0.285, abs=0.03))
    first = next(each for each in found if each.ids == (A, B))
    assert first.log_probability == pytest.approx(math.log(0.6 * 0.5 * 0.95), abs=1e-6)


def test_a_guide_has_its_word():
    """Both terms are standardised, so a strong guide chooses the text that it likes."""

    def guide(texts, rows):
        return torch.tensor([float(ids[:1] == (B,)) for ids in texts], dtype=torch.float64)

    found = BeamSearch(2, 1.0, 5, guidance=10.0)(OfTable(), END, guide)
    assert found[0][0].ids[:1] == (B,)
    assert standardised(torch.tensor([2.0, 2.0])).tolist() == [0, 0]


def test_at_the_greatest_length_what_continues_is_ranked_too(monkeypatch):
    """Two texts are finished, and one that continues has a better score than either."""
    chances = {None: (0.39, 0.6, 0.01), A: (0.1, 0.89, 0.01), B: (0.95, 0.03, 0.02)}
    monkeypatch.setitem(CHANCES, None, chances[None])
    monkeypatch.setitem(CHANCES, A, chances[A])
    (found,) = BeamSearch(2, 1.0, 3)(OfTable(), END)
    assert found[0].ids == (A, A, A)
    assert found[0].score == pytest.approx(math.log(0.6 * 0.89 * 0.89) / 3, abs=1e-10)


@torch.no_grad()
def test_texts_cut_at_the_greatest_length_are_those_of_transformers(decoder):
    """Their search ranks finished and cut texts together; the prefix is a prompt of embeddings."""
    vectors = torch.randn(6, 6, dtype=torch.float64)
    for length in (2, 3, 5):
        found = BeamSearch(3, 1.0, length)(PrefixReader(decoder, vectors), END)
        prefix = decoder.prefix(vectors)
        theirs = decoder.language_model.generate(
            inputs_embeds=prefix,
            attention_mask=torch.ones(prefix.shape[:2], dtype=torch.long),
            num_beams=3, max_new_tokens=length, length_penalty=1.0, do_sample=False,
            pad_token_id=END, eos_token_id=END,
        )  # fmt: skip
        for each, ids in zip(found, theirs.tolist(), strict=True):
            assert list(each[0].ids) == [token for token in ids if token != END]
