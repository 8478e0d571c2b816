"""Does contrastive learning fail at small batches because of floating-point error?

    python benchmarks/precision.py             about an hour and a half on one core
    python benchmarks/precision.py gradients   the first part alone, seconds

FlatNCE's paper (Chen et al., 2021, arXiv:2107.01152) says that it does, and that FlatNCE cures it.
First part: the error of the gradient by the similarities, against float64, over the gap between
the positive's cosine and the negatives'. Second part: unsupervised SimCSE from the bundled
encoder at four batch sizes, five learning rates and three seeds, each on the same 6,400 sentences;
STS-B dev after the last step. Each finished run is a line of results/precision.jsonl and is not run
again. Tables are printed and written to results/precision.md, the picture to results/precision.png.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from common import RESULTS, data, is_in_sts, lines, machine, remembered, sample, spread, table
from datasets import Dataset
from matplotlib import pyplot

import sentemb
from sentemb.datasets import TrainingData
from sentemb.functional import cosine
from sentemb.losses import FlatNCEOneWay, InfoNCE

TEMPERATURE, NEGATIVES, DRAWS = 0.05, 63, 32
GAPS = [round(0.1 * k, 1) for k in range(16)]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

SENTENCES = 6_400
BATCHES = (8, 16, 64, 256)
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
SEEDS = (0, 1, 2)


def cross_entropy(s: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(s.unsqueeze(0), torch.zeros(1, dtype=torch.long))


def log1p(s: torch.Tensor) -> torch.Tensor:
    return F.softplus((s[1:] - s[0]).logsumexp(0))


def flat(s: torch.Tensor) -> torch.Tensor:
    return (s[1:] - s[0]).logsumexp(0)


FORMS = {"cross-entropy": cross_entropy, "log1p": log1p, "FlatNCE": flat}


def gradient(form, cosines: torch.Tensor) -> torch.Tensor:
    x = cosines.clone().requires_grad_()
    return torch.autograd.grad(form(x / TEMPERATURE), x)[0].double()


def gradient_error(form, dtype: torch.dtype, gap: float) -> float:
    """Median over draws of the relative error, for the same rounded cosines."""
    errors = []
    for draw in range(DRAWS):
        generator = torch.Generator().manual_seed(draw)
        negatives = 0.05 * torch.randn(NEGATIVES, generator=generator)
        top = 0.9
        cosines = torch.cat([torch.tensor([top]), negatives + top - gap]).to(dtype)
        exact = gradient(form, cosines.double())
        errors.append(float((gradient(form, cosines) - exact).norm() / exact.norm()))
    return statistics.median(errors)


def gradients() -> str:
    errors = {
        (form, name): [gradient_error(f, dtype, gap) for gap in GAPS]
        for form, f in FORMS.items()
        for name, dtype in DTYPES.items()
    }
    plot(errors)
    header = ["cosine gap", *(f"{name} {form}" for form, name in errors)]
    rows = [
        [f"{gap:.1f}", *(f"{values[i]:.0e}" for values in errors.values())]
        for i, gap in enumerate(GAPS)
        if i % 2 == 0 or gap in (0.5, 0.7, 0.9)
    ]
    return table(header, rows)


def plot(errors: dict[tuple[str, str], list[float]]) -> None:
    figure, axes = pyplot.subplots(1, len(DTYPES), figsize=(11, 3.4), sharey=True)
    for axis, dtype in zip(axes, DTYPES, strict=True):
        for form in FORMS:
            axis.semilogy(GAPS, [max(e, 1e-9) for e in errors[form, dtype]], label=form)
        axis.set(title=dtype, xlabel="cosine gap of positive and negatives")
    axes[0].set_ylabel("relative error of the gradient")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(RESULTS / "precision.png", dpi=110)


def info_nce_by_cross_entropy(pairs: sentemb.Pairs) -> torch.Tensor:
    similarities = cosine(pairs.anchor, pairs.positive) / TEMPERATURE
    return F.cross_entropy(similarities, torch.arange(len(similarities)))


VARIANTS = {
    "InfoNCE, cross-entropy": (info_nce_by_cross_entropy, None),
    "InfoNCE, log1p": (InfoNCE(TEMPERATURE), None),
    "FlatNCE": (FlatNCEOneWay(TEMPERATURE), None),
    "FlatNCE, clipped at 1": (FlatNCEOneWay(TEMPERATURE), 1.0),
}


def train(texts: list[str], variant: str, batch: int, rate: float, seed: int) -> dict:
    torch.manual_seed(seed)
    loss, clip = VARIANTS[variant]
    encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
    twin = sentemb.Siamese(encoder)
    method = sentemb.Method((sentemb.View(), sentemb.View()), twin, loss)
    rows = TrainingData(Dataset.from_dict({"text": texts}), "sample", 0)
    steps = SENTENCES // batch
    settings = sentemb.Settings(
        batch_size=batch,
        learning_rate=rate,
        epochs=1,
        eval_steps=steps,
        select="last",
        seed=seed,
        max_grad_norm=clip,
        save_steps=steps,
    )
    dev = sentemb.read_sts(data("sts/STSB.dev.tsv"))
    with tempfile.TemporaryDirectory() as folder:
        run = sentemb.train(method, rows, Path(folder) / "model", settings, dev=dev)
    return {"before": run.before["spearman"], "spearman": run.metrics["spearman"]}


def training() -> str:
    every = (line.split("\t")[-1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    texts = list(dict.fromkeys(t for t in sample(every, 8_000) if t and not is_in_sts(t)))
    texts = texts[:SENTENCES]
    assert len(texts) == SENTENCES
    file = RESULTS / "precision.jsonl"
    scores: dict[tuple[str, int, float], list[float]] = {}
    for seed in SEEDS:
        for batch in BATCHES:
            for variant in VARIANTS:
                for rate in RATES:
                    key = {"variant": variant, "batch": batch, "rate": rate, "seed": seed}
                    row = remembered(file, key, lambda key=key: train(texts, **key))
                    scores.setdefault((variant, batch, rate), []).append(row["spearman"])
    header = ["batch", "learning rate", *VARIANTS]
    rows = [
        [str(batch), f"{rate:g}", *(spread(scores[v, batch, rate]) for v in VARIANTS)]
        for batch in BATCHES
        for rate in RATES
    ]
    best = [
        [
            str(batch),
            "best",
            *(f"{max(statistics.mean(scores[v, batch, r]) for r in RATES):.2f}" for v in VARIANTS),
        ]
        for batch in BATCHES
    ]
    before = f"Before training: {row['before']:.2f}."
    return f"{table(header, rows)}\n\n{table(header, best)}\n\n{before}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=("gradients", "all"), nargs="?", default="all")
    part = parser.parse_args().part
    first = (
        f"Relative error of the gradient by the cosines against float64 (τ {TEMPERATURE}, "
        f"{NEGATIVES} negatives, median of {DRAWS} draws):\n\n{gradients()}"
    )
    print(first)
    if part == "gradients":
        return
    second = (
        f"STS-B dev after {SENTENCES:,} sentences, mean ± standard deviation of "
        f"{len(SEEDS)} seeds:\n\n{training()}"
    )
    print(second)
    (RESULTS / "precision.md").write_text(f"{first}\n\n{second}\n\n{machine()}\n")


if __name__ == "__main__":
    main()
