"""How the bundled `mini` was pre-trained: masked language modelling, on a CPU or a GPU.

    python benchmarks/pretrain.py sentences.tsv.gz -o raw --steps 2000
    python benchmarks/pretrain.py sentences.tsv.gz -o mini --start taught --steps 400

Lines are `source, tab, sentence`. Word pieces are learned from the sentences, and word embeddings
start from an SVD of their co-occurrence. A batch has sentences of one length, so nothing is
padded. The learning rate is constant after the warm-up and falls linearly over the last fifth of
the steps. A run that was interrupted goes on from its last save, every five minutes.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

LONGEST = 64
SPECIAL = 5
"""Ids below are special tokens."""
WINDOW = 4
SECONDS_BETWEEN_SAVES = 300


def learned_tokenizer(lines: list[str], folder: Path, size: int) -> BertTokenizerFast:
    """Learn word pieces, or read those of the folder."""
    if not (folder / "tokenizer.json").is_file():
        learned = BertWordPieceTokenizer(lowercase=True)
        learned.train_from_iterator(lines, vocab_size=size, min_frequency=2, show_progress=False)
        learned.save_model(str(folder))
        BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=128).save_pretrained(folder)
    tokenizer: BertTokenizerFast = BertTokenizerFast.from_pretrained(folder)
    return tokenizer


def word_embeddings(rows: list[NDArray[np.int32]], vocabulary: int, dim: int) -> torch.Tensor:
    """Factor the positive pointwise mutual information of tokens within a window."""
    from scipy.sparse import coo_matrix
    from sklearn.utils.extmath import randomized_svd

    total = coo_matrix((vocabulary, vocabulary), dtype=np.float32).tocsr()
    for start in range(0, len(rows), 50_000):
        flat = np.concatenate([np.r_[row, [-1] * WINDOW] for row in rows[start : start + 50_000]])
        for gap in range(1, WINDOW + 1):
            left, right = flat[:-gap], flat[gap:]
            kept = (left >= SPECIAL) & (right >= SPECIAL)
            pairs = np.r_[left[kept], right[kept]], np.r_[right[kept], left[kept]]
            ones = np.ones(len(pairs[0]), np.float32)
            total += coo_matrix((ones, pairs), shape=total.shape).tocsr()
    found = total.tocoo()
    counts = np.asarray(total.sum(axis=1)).ravel() + 1
    smoothed = counts**0.75 / (counts**0.75).sum()
    information = np.log(found.data / (counts[found.row] * smoothed[found.col]))
    found.data = np.maximum(information, 0)
    left_vectors, values, _ = randomized_svd(found.tocsr(), dim, random_state=0)
    vectors = left_vectors * np.sqrt(values)
    return torch.tensor(0.02 * vectors / vectors.std(), dtype=torch.float32)


def batches(lengths: NDArray[np.int64], tokens: int, seed: int) -> list[NDArray[np.int64]]:
    """Return rows of one length, as many as fit, in random order."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    found, start = [], 0
    while start < len(order):
        length = lengths[order[start]]
        alike = int(np.searchsorted(lengths[order], length, "right"))
        end = min(start + max(1, tokens // int(length)), alike)
        found.append(order[start:end])
        start = end
    return [found[place] for place in draw.permutation(len(found))]


def masked(
    batch: torch.Tensor, tokenizer: BertTokenizerFast, rate: float, step: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the batch as the model sees it, where it is masked, and what was there (80/10/10)."""
    draw = torch.Generator().manual_seed(step)
    where = (torch.rand(batch.shape, generator=draw) < rate) & (batch >= SPECIAL)
    target, seen = batch[where], batch.clone()
    kind = torch.rand(target.shape, generator=draw)
    other = torch.randint(SPECIAL, len(tokenizer), target.shape, generator=draw)
    shown = torch.where(kind < 0.8, tokenizer.mask_token_id, target)
    seen[where] = torch.where(kind > 0.9, other, shown)
    return seen, where, target


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="go on with the weights of this folder")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=192)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--tokens", type=int, default=4096, help="of a step")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--warmup", type=int, default=500)
    parser.add_argument("--masked", type=float, default=0.15)
    return parser.parse_args()


def first_model(
    given: argparse.Namespace, tokenizer: BertTokenizerFast, rows: list[NDArray[np.int32]]
) -> BertForMaskedLM:
    """Return the model before its first step."""
    if given.start:
        model: BertForMaskedLM = BertForMaskedLM.from_pretrained(given.start, dtype=torch.float32)
        return model
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=given.hidden,
            num_hidden_layers=given.layers,
            num_attention_heads=given.hidden // 64,
            intermediate_size=4 * given.hidden,
            max_position_embeddings=128,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )
    table = model.bert.embeddings.word_embeddings.weight
    table.data.copy_(word_embeddings(rows, len(tokenizer), given.hidden))
    return model


def main() -> None:
    """Train, save every five minutes, and say every hundred steps how far it is."""
    given = arguments()
    given.output.mkdir(parents=True, exist_ok=True)
    with gzip.open(given.data, "rt", encoding="utf-8") as file:
        lines = list(dict.fromkeys(line.rstrip("\n").partition("\t")[2] for line in file))
    tokenizer = learned_tokenizer(lines, given.start or given.output, given.vocabulary)
    tokenizer.save_pretrained(given.output)
    ids = tokenizer(lines, truncation=True, max_length=LONGEST)["input_ids"]
    rows = [np.array(each, dtype=np.int32) for each in ids if len(each) > SPECIAL - 1]
    lengths = np.array([len(row) for row in rows])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    model = first_model(given, tokenizer, rows).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=given.lr, betas=(0.9, 0.98))
    state, step = given.output / "state.pt", 0
    if state.is_file():
        stored = torch.load(state, map_location=device)
        model.load_state_dict(stored["model"])
        optimizer.load_state_dict(stored["optimizer"])
        step = stored["step"]
    each_epoch = len(batches(lengths, given.tokens, 0))
    plan: list[NDArray[np.int64]] = []
    losses: list[float] = []
    saved = began = time.monotonic()
    while step < given.steps:
        epoch, place = divmod(step, each_epoch)
        if not plan or place == 0:
            plan = batches(lengths, given.tokens, epoch)
        batch = torch.from_numpy(np.stack([rows[row] for row in plan[place]])).long()
        seen, where, target = masked(batch, tokenizer, given.masked, step)
        falls = (given.steps - step) / (0.2 * given.steps)
        for group in optimizer.param_groups:
            group["lr"] = given.lr * min(1.0, (step + 1) / given.warmup, falls)
        step += 1
        if not len(target):
            continue
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            hidden = model.bert(seen.to(device))[0][where.to(device)]
            logits = model.cls(hidden)
        loss = torch.nn.functional.cross_entropy(logits.float(), target.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 0:
            line = {"step": step, "loss": round(float(np.mean(losses)), 4)}
            line |= {"seconds": round(time.monotonic() - began), "epoch": step / each_epoch}
            print(json.dumps(line), flush=True)
            losses = []
        if step == given.steps or time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
            saved = time.monotonic()
            content = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**content, "step": step}, state.with_suffix(".new"))
            state.with_suffix(".new").replace(state)
            model.save_pretrained(given.output)
    config = json.loads((given.output / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    (given.output / "config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
