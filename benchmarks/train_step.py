"""A training step against sentence-transformers' own trainer, and what the trained models score.

    python benchmarks/train_step.py           about 8 minutes: CPU seconds a step
    python benchmarks/train_step.py quality   about 15 minutes: STS-B dev with padding and without

Unsupervised SimCSE of all-MiniLM-L6-v2 (weights do not matter to time), batch 64, 32 tokens,
InfoNCE at 0.05, AdamW, one thread, Wikipedia sentences. Each run is a process of its own, of one
warming step and five that count, the ways taken in turn, three rounds. Steps are told apart by the
optimizer's, so data loading, forward, backward and optimizer are all in. The scores are of 60 steps
of SimCSE from minilm-l3-mlm, five seeds each, with the same batches. Written to results/.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice, pairwise
from pathlib import Path

from common import RESULTS, data, lines, machine, minilm, note, remembered, spread, table

BATCH, LENGTH, STEPS, ROUNDS = 64, 32, 6, 3
WAYS = [
    (pooling, way)
    for pooling in ("mean", "cls")
    for way in ("sentence-transformers", "ours, padded", "ours")
]


def texts() -> list[str]:
    return list(islice(lines("unlabelled/wiki_sents.txt.gz"), BATCH * STEPS))


def encoder_of(pooling: str):
    from sentemb.encoders import build_encoder

    name = {"mean": "mean", "cls": "cls_before_pooler"}[pooling]
    encoder = build_encoder(minilm(), pooling=name, device="cpu")
    encoder.max_seq_length = LENGTH
    return encoder


def train_theirs(encoder, folder: str) -> None:
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import MultipleNegativesRankingLoss

    arguments = SentenceTransformerTrainingArguments(
        folder,
        per_device_train_batch_size=BATCH,
        max_steps=STEPS,
        learning_rate=3e-5,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    rows = Dataset.from_dict({"anchor": texts(), "positive": texts()})
    loss = MultipleNegativesRankingLoss(encoder, scale=20.0)
    SentenceTransformerTrainer(encoder, arguments, train_dataset=rows, loss=loss).train()


def train_ours(encoder, folder: str, *, packed: bool) -> None:
    from datasets import Dataset

    from sentemb import InfoNCE, Method, Settings, Siamese, View, train
    from sentemb.datasets import TrainingData

    settings = Settings(
        batch_size=BATCH,
        learning_rate=3e-5,
        epochs=1,
        max_steps=STEPS,
        max_length=LENGTH,
        select="last",
        packed=packed,
    )
    rows = TrainingData(Dataset.from_dict({"text": texts()}), "wiki", 0, ())
    train(Method((View(), View()), Siamese(encoder), InfoNCE(0.05)), rows, folder, settings)


def measure(pooling: str, way: str) -> dict:
    import resource

    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    ends: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self, *args, **kwargs):
        found = step(self, *args, **kwargs)
        ends.append(time.process_time())
        return found

    torch.optim.AdamW.step = watched
    encoder = encoder_of(pooling)
    with tempfile.TemporaryDirectory() as folder:
        if way == "sentence-transformers":
            train_theirs(encoder, folder)
        else:
            train_ours(encoder, f"{folder}/run", packed=way == "ours")
    seconds = [after - before for before, after in pairwise(ends)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"steps": seconds, "peak MB": round(peak)}


def time_steps(rounds: int) -> str:
    found: dict[tuple[str, str], list[dict]] = {way: [] for way in WAYS}
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    for number in range(rounds):
        for way in WAYS[:: 1 if number % 2 == 0 else -1]:
            done = subprocess.run(
                [sys.executable, __file__, "measure", *way],
                capture_output=True,
                env=environment,
                check=True,
            )
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    rows = []
    for pooling, way in WAYS:
        runs = found[pooling, way]
        medians = [statistics.median(run["steps"]) for run in runs]
        theirs = [
            statistics.median(run["steps"]) for run in found[pooling, "sentence-transformers"]
        ]
        ratios = [them / us for them, us in zip(theirs, medians, strict=True)]
        if way == "ours":
            bar = {"mean": 1.2, "cls": 1.3}[pooling]
            note(f"train, {pooling} pooling", statistics.median(ratios), bar)
        rows.append(
            [pooling, way, ", ".join(f"{median:.2f}" for median in medians),
             f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
             f"{max(run['peak MB'] for run in runs):,}"]
        )  # fmt: skip
    header = ["pooling", "trainer", "CPU s a step, each round", "times as fast", "peak MB"]
    return f"{table(header, rows)}\n\n{machine()}.\n"


def quality() -> str:
    scores: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(5):
        for packed in scores:
            key = {"packed": packed, "seed": seed}
            row = remembered(RESULTS / "train_step.jsonl", key, lambda key=key: score(**key))
            scores[packed].append(row["spearman"])
    rows = [
        [name, spread(scores[packed])]
        for name, packed in (("with padding", False), ("without", True))
    ]
    return f"{table(['SimCSE, 60 steps', 'STS-B dev, 5 seeds'], rows)}\n\n{machine()}.\n"


def score(*, packed: bool, seed: int) -> dict:
    import torch
    from datasets import Dataset

    import sentemb
    from sentemb.datasets import TrainingData
    from sentemb.methods import simcse_unsup

    torch.manual_seed(seed)
    model = data("encoders/minilm-l3-mlm/config.json").parent
    encoder = sentemb.build_encoder(model, pooling="cls_before_pooler", device="cpu")
    settings = sentemb.Settings(
        batch_size=64, learning_rate=3e-5, epochs=1, max_steps=60, select="last", seed=seed,
        packed=packed,
    )  # fmt: skip
    sentences = list(islice(lines("unlabelled/wiki_sents.txt.gz"), 64 * 60))
    rows = TrainingData(Dataset.from_dict({"text": sentences}), "wiki", 0, ())
    dev = sentemb.read_sts(data("sts/STSB.dev.tsv"))
    with tempfile.TemporaryDirectory() as folder:
        sentemb.train(simcse_unsup(encoder), rows, Path(folder) / "run", settings)
        return {"spearman": dev(encoder.encode)["spearman"]}


def main() -> None:
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
        return
    if sys.argv[1:2] == ["quality"]:
        name, text = "train_quality.md", quality()
    else:
        short = "--short" in sys.argv
        name, text = "train_step.md", time_steps(1 if short else ROUNDS)
    print(text)
    if "--short" not in sys.argv:
        (RESULTS / name).write_text(text)


if __name__ == "__main__":
    main()
