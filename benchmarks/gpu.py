"""On a GPU beside sentence-transformers: embedding, encoding to a file, a training step.

    python benchmarks/gpu.py                 about 4 minutes on one GPU; writes results/gpu.md
    python benchmarks/gpu.py --device cpu    the same code, few rows, small shapes; writes nothing

Nothing is needed but the package: random weights of the shapes of MiniLM-L6 and BERT-base, the
tokenizer of `mini`, and the bundled sentences, numbered so that all differ. Ways are taken in turn;
figures are medians. A step of training is timed from optimizer step to optimizer step, with the
device waited for, by both trainers' own loops. Losses are of the first steps without dropout.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from common import RESULTS, machine, table
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import AutoTokenizer, BertConfig, BertModel

import sentemb
from sentemb.bundled import bundled
from sentemb.datasets import TrainingData, read_texts
from sentemb.encoding import EncodeOptions, encode_file
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from sentemb.views import TokenShuffle

MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072}
TINY = {"hidden_size": 96, "num_hidden_layers": 2, "intermediate_size": 192}
LENGTH, WARMING = 32, 5


WAYS = {
    "padded": {"packed": False, "compile": False},
    "without padding": {"packed": True},
    "compiled": {"compile": True},
    "as by default": {},
}
"""What our training is told; compiled layers are captured as CUDA graphs on a GPU."""


class Sizes(NamedTuple):
    """How much is done.

    Args:
        small: Shape of the encoder that encodes.
        large: Shape of the encoder that is trained.
        embedded: Sentences in memory.
        written: Sentences to a file.
        batches: Rows of a training step.
        steps: Of a training.
        compared: Steps whose losses are compared.
        ways: Of training, by name.
    """

    small: dict[str, int]
    large: dict[str, int]
    embedded: int
    written: int
    batches: tuple[int, ...]
    steps: int
    compared: int
    ways: tuple[str, ...]


ON_GPU = Sizes(MINILM, BASE, 60_000, 200_000, (64, 512), 40, 50, tuple(WAYS))
ON_CPU = Sizes(TINY, TINY, 300, 5_000, (16,), 8, 6, ("padded", "without padding"))


def sentences(count: int) -> list[str]:
    """Return so many different sentences."""
    texts = cycle(read_texts(bundled("sentences-20k.txt.gz")))
    return [f"{number} {text}" for number, text in enumerate(islice(texts, count))]


def write_model(folder: Path, shape: dict[str, int], *, dropout: float = 0.1) -> Path:
    """Write an encoder of a shape, of random weights, with a maximum of 128 tokens."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(bundled("mini"))
    probabilities = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    config = BertConfig(
        vocab_size=len(tokenizer),
        num_attention_heads=shape["hidden_size"] // 32,
        max_position_embeddings=128,
        **shape,
        **probabilities,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def seconds(work: Callable[[], object], device: str) -> float:
    wait(device)
    started = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - started


def theirs_of(folder: Path, device: str) -> SentenceTransformer:
    encoder = sentemb.build_encoder(str(folder), pooling="mean", device=device)
    return encoder.half() if device != "cpu" else encoder


def embedding(folder: Path, sizes: Sizes, device: str) -> list[list[str]]:
    """Embed in memory and to a file, three rounds each."""
    precision = "fp16" if device != "cpu" else "fp32"
    few, many = sentences(sizes.embedded), sentences(sizes.written)
    theirs, ours = theirs_of(folder, device), load_encoder(str(folder), device)
    batch = 512 if device != "cpu" else 32
    encode = {"batch_size": batch, "show_progress_bar": False}
    with tempfile.TemporaryDirectory() as place, Embedder(ours, precision=precision) as embedder:
        source, output = Path(place, "texts.txt"), Path(place, "ours.npy")
        source.write_text("\n".join(many) + "\n")
        options = EncodeOptions(precision=precision)

        def to_file() -> None:
            encode_file(ours, read_texts(source), output, options, overwrite=True)

        ways = {
            ("in memory", "theirs"): lambda: theirs.encode(few, **encode),
            ("in memory", "ours"): lambda: embedder.encode(few),
            ("to a file", "theirs"): lambda: np.save(
                Path(place, "theirs.npy"),
                theirs.encode(source.read_text().splitlines(), **encode),
            ),
            ("to a file", "ours"): to_file,
        }
        theirs.encode(few[:batch], **encode)
        embedder.encode(few[:batch])
        found: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
        for _ in range(3):
            for way, work in ways.items():
                found[way].append(seconds(work, device))
    rows = []
    for kind, count in (("in memory", len(few)), ("to a file", len(many))):
        medians = [statistics.median(found[kind, who]) for who in ("theirs", "ours")]
        rates = [f"{count / one:,.0f}/s" for one in medians]
        rows.append([f"{count:,} sentences {kind}", *rates, f"{medians[0] / medians[1]:.2f}"])
    return rows


def timed_steps(run: Callable[[], object], device: str) -> float:
    """Return the milliseconds of a training step, the median of those after the first few."""
    ends: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self, *args, **kwargs):
        found = step(self, *args, **kwargs)
        wait(device)
        ends.append(time.perf_counter())
        return found

    torch.optim.AdamW.step = watched
    try:
        run()
    finally:
        torch.optim.AdamW.step = step
    return 1000 * statistics.median(b - a for a, b in pairwise(ends[WARMING - 1 :]))


def train_theirs(encoder, rows: list[str], batch: int, steps: int, device: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            folder,
            per_device_train_batch_size=batch,
            max_steps=steps,
            learning_rate=3e-5,
            use_cpu=device == "cpu",
            fp16=device != "cpu",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        encoder.max_seq_length = LENGTH
        pairs = Dataset.from_dict({"anchor": rows, "positive": rows})
        loss = MultipleNegativesRankingLoss(encoder, scale=20.0)
        SentenceTransformerTrainer(encoder, arguments, train_dataset=pairs, loss=loss).train()


def train_ours(
    encoder,
    rows: list[str],
    batch: int,
    steps: int,
    way: str,
    precision: str = "auto",
    view: sentemb.View | None = None,
) -> list[float]:
    """Train on a sentence and another view of it, and return the loss of each step."""
    views = sentemb.View(), view or sentemb.View()
    method = sentemb.Method(views, sentemb.Siamese(encoder), sentemb.InfoNCE(0.05))
    settings = sentemb.Settings(
        batch_size=batch,
        learning_rate=3e-5,
        epochs=1,
        max_steps=steps,
        max_length=LENGTH,
        select="last",
        precision=precision,
        **WAYS[way],
    )
    losses: list[float] = []
    compute = sentemb.InfoNCE.__call__

    def watched(self, pairs):
        found = compute(self, pairs)
        losses.append(found.detach())
        return found

    sentemb.InfoNCE.__call__ = watched
    try:
        with tempfile.TemporaryDirectory() as folder:
            data = TrainingData(Dataset.from_dict({"text": rows}), "bundled", 0, ())
            sentemb.train(method, data, Path(folder) / "run", settings)
    finally:
        sentemb.InfoNCE.__call__ = compute
    return [float(one) for one in losses]


def training(folder: Path, sizes: Sizes, device: str) -> list[list[str]]:
    """Time a step of each trainer."""
    rows = []
    for batch in sizes.batches:
        texts = sentences(batch * sizes.steps)

        def theirs(texts=texts, batch=batch) -> None:
            encoder = sentemb.build_encoder(str(folder), pooling="mean", device=device)
            train_theirs(encoder, texts, batch, sizes.steps, device)

        def ours(way: str, texts=texts, batch=batch) -> None:
            encoder = sentemb.build_encoder(str(folder), pooling="mean", device=device)
            train_ours(encoder, texts, batch, sizes.steps, way)

        other = timed_steps(theirs, device)
        for way in sizes.ways:
            own = timed_steps(partial(ours, way), device)
            what = f"a step of SimCSE, {batch} rows, ours {way}"
            rows.append([what, f"{other:.1f} ms", f"{own:.1f} ms", f"{other / own:.2f}"])
    return rows


def losses(folder: Path, sizes: Sizes, device: str) -> str:
    """Compare the losses of the first steps with those of a padded training in float32."""
    texts = sentences(16 * sizes.compared)
    found = {}
    half = "fp16" if device != "cpu" else "fp32"
    runs = [(f"{way}, float32", way, "fp32") for way in sizes.ways if WAYS[way]]
    for name, way, precision in [*runs, ("padded, half", "padded", half)]:
        encoder = sentemb.build_encoder(str(folder), pooling="mean", device=device)
        found[name] = train_ours(
            encoder,
            texts,
            16,
            sizes.compared,
            way,
            precision=precision,
            view=sentemb.View(order=TokenShuffle()),
        )
    first, *others = found
    far = {
        name: max(abs(a - b) for a, b in zip(found[first], found[name], strict=True))
        for name in others
    }
    said = "; ".join(f"{name} by at most {most:.1e}" for name, most in far.items())
    return (
        f"Losses of the first {sizes.compared} steps without dropout differ from {first}: {said}."
    )


def main() -> None:
    """Measure, print the table, and write it where a GPU was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    device = parser.parse_args().device
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("skipped: this machine has no CUDA GPU; --device cpu runs the same code")
    sizes = ON_GPU if device == "cuda" else ON_CPU
    with tempfile.TemporaryDirectory() as place:
        small = write_model(Path(place, "small"), sizes.small)
        large = write_model(Path(place, "large"), sizes.large)
        still = write_model(Path(place, "still"), sizes.small, dropout=0.0)
        rows = embedding(small, sizes, device) + training(large, sizes, device)
        compared = losses(still, sizes, device)
    card = torch.cuda.get_device_name() if device == "cuda" else "no GPU"
    shapes = json.dumps({"encoded with": sizes.small, "trained": sizes.large})
    parts = [
        table(["work", "sentence-transformers", "ours", "ratio"], rows),
        compared,
        f"{card}; {machine()}. Shapes: {shapes}.",
    ]
    print("\n\n".join(parts))
    if device == "cuda":
        (RESULTS / "gpu.md").write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
