"""What scores, schedules, memories, crops and known edits do: STS-B dev after short runs.

    python benchmarks/small_pieces.py [seeds]     about 30 minutes on one core with 5 seeds

From the bundled encoder `mini` with mean pooling: 30 steps of 32 rows at a learning rate of 1e-4,
five seeds. All read the same 320 mixed sentences, three times, so that a memory bank holds all of
them after the first; none is a sentence of an STS dev or test set. One thing differs from
unsupervised SimCSE in each run. Temperatures of the scores are such that at the start they spread
random pairs as the cosine at 0.05 does. Of the edits, what is counted is how often a prediction is
nearest to the edit that it was given, among the three of its sentence, by cosine, of 200 other
sentences; for the encoders without a predictor a ridge regression finds the edit from the
difference of both embeddings, half of the sentences for training, half for test. In 30 steps at
that rate the maps of the edits hardly leave 0; what they learn is shown by one more row, of 100
steps at ten times the rate. Finished runs are lines of results/small_pieces.jsonl and are not run
again; written to results/small_pieces.md.
"""

import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
from common import RESULTS, data, machine, remembered, spread, table
from datasets import Dataset
from recipes import rows_of
from sklearn.linear_model import RidgeClassifier

import sentemb
from sentemb import Method
from sentemb.datasets import TrainingData
from sentemb.encoders.embedding import embed
from sentemb.encoders.linear import end_in_identity
from sentemb.inference.embedder import Embedder
from sentemb.losses import InfoNCE, ScheduledInfoNCE, WithScore
from sentemb.losses.compared_by import L1, L2, Dot
from sentemb.methods import equivariant, local_aggregation, multi_crop
from sentemb.training.collator import Collator, NumberedRows
from sentemb.twins import Siamese
from sentemb.views import View

SEEDS = range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
STEPS, BATCH, TEXTS, ASKED = 30, 32, 320, 200
TAU, RATE, LENGTH = 0.05, 1e-4, 32


def simcse(loss):
    return lambda encoder: Method((View(), View()), Siamese(encoder), loss)


def bilinear(encoder):
    end_in_identity(encoder)
    return simcse(WithScore(InfoNCE(temperature_of("dot")), Dot()))(encoder)


def scored(score):
    name = type(score).__name__.lower()
    return lambda encoder: simcse(WithScore(InfoNCE(temperature_of(name)), score))(encoder)


LONGER = "3 known edits, 100 steps at 1e-3"
PIECES = {
    "SimCSE: cosine, τ 0.05": simcse(InfoNCE(TAU)),
    "dot": scored(Dot()),
    "bilinear": bilinear,
    "l1": scored(L1()),
    "l2": scored(L2()),
    "τ 0.1": simcse(InfoNCE(0.1)),
    "τ 0.2 to 0.05 and back": lambda e: simcse(ScheduledInfoNCE(0.05, 0.2))(e),
    "τ 0.2 to 0.05": lambda e: simcse(ScheduledInfoNCE(0.05, 0.2, 0.5))(e),
    "memory bank of all rows": lambda e: local_aggregation(e, TEXTS, 2 * TEXTS, 0, TAU),
    "local aggregation, 2 of 64": lambda e: local_aggregation(e, TEXTS, 64, 2, TAU),
    "2 views, 4 crops of half": lambda e: multi_crop(e, temperature=TAU),
    "3 known edits": lambda e: equivariant(e, temperature=TAU),
    LONGER: lambda e: equivariant(e, temperature=TAU),
}


@cache
def texts() -> list[str]:
    return rows_of("simcse-unsup").rows["text"]


@cache
def temperature_of(score: str) -> float:
    """Return the temperature at which a score spreads random pairs as the cosine does at TAU."""
    x = torch.from_numpy(mini().encode(texts()[:512], show_progress_bar=False)).double()
    unit = torch.nn.functional.normalize(x, dim=1)
    cosine, apart = unit @ unit.T, ~torch.eye(len(x), dtype=torch.bool)
    of = {"dot": x @ x.T, "l1": torch.cdist(unit, unit, 1), "l2": torch.cdist(unit, unit)}
    return round(TAU * float(of[score][apart].std() / cosine[apart].std()), 3)


def mini():
    return sentemb.build_encoder("mini", pooling="mean", device="cpu")


def measured(encoder) -> dict:
    with Embedder(encoder) as embedder:
        scores = sentemb.read_sts(data("sts/STSB.dev.tsv"))(embedder.encode)
    return {name: scores[name] for name in ("spearman", "alignment", "uniformity")}


def run(name: str, seed: int) -> dict:
    torch.manual_seed(seed)
    method = PIECES[name](mini())
    rows = TrainingData(Dataset.from_dict({"text": texts()[:TEXTS]}), "mixed", 0)
    steps, rate = (100, 1e-3) if name == LONGER else (STEPS, RATE)
    settings = sentemb.Settings(
        batch_size=BATCH, learning_rate=rate, epochs=99, max_steps=steps, max_length=LENGTH,
        save_steps=steps, seed=seed, select="last",
    )  # fmt: skip
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        sentemb.train(method, rows, Path(folder) / "model", settings)
    seconds = (time.process_time() - started) / steps
    method.twin.eval()
    return measured(method.encoder) | {"seconds": seconds, "edit": edits_found(method, seed)}


@torch.no_grad()
def edits_found(method: Method, seed: int) -> float:
    """Return how often the edit of a sentence is found: by the predictor, where there is one."""
    views = equivariant(mini()).views
    rows = NumberedRows(Dataset.from_dict({"text": texts()[TEXTS : TEXTS + ASKED]}))
    collator = Collator(method.encoder, views, max_length=LENGTH, seed=seed)
    features = collator([rows[number] for number in range(ASKED)])["views"]
    clean, *edited = embed(method.encoder, features, views, None, 0)
    kinds = torch.arange(len(edited))
    if (predictor := getattr(method.twin, "predictor", None)) is not None:
        predicted = torch.stack([predictor(clean, int(kind)) for kind in kinds])
        cosine = torch.cosine_similarity(predicted[:, None], torch.stack(edited)[None], dim=-1)
        return float((cosine.argmax(dim=1) == kinds[:, None]).float().mean())
    moved = torch.stack([z - clean for z in edited], dim=1).numpy()
    kind, half = np.tile(kinds, (ASKED, 1)), ASKED // 2
    (x, asked), (y, known) = (
        (part[:half].reshape(half * len(kinds), -1), part[half:].reshape(half * len(kinds), -1))
        for part in (moved, kind)
    )
    return float(RidgeClassifier().fit(x, y.ravel()).score(asked, known.ravel()))


def main() -> None:
    torch.set_num_threads(1)
    found: dict[str, list[dict]] = {}
    for seed in SEEDS:
        for name in PIECES:
            key = {"piece": name, "seed": seed}
            once = remembered(RESULTS / "small_pieces.jsonl", key, lambda n=name, s=seed: run(n, s))
            found.setdefault(name, []).append(once)
            print(once, flush=True)
    before = measured(mini())["spearman"]
    base = np.array([one["spearman"] for one in next(iter(found.values()))])
    rows = []
    for name, runs in found.items():
        scores = np.array([one["spearman"] for one in runs])
        against = "" if scores is base or name == next(iter(found)) else spread([*(scores - base)])
        rows.append([
            name, spread([*scores]), against,
            *(spread([one[field] for one in runs], 3) for field in ("alignment", "uniformity")),
            f"{100 * np.mean([one['edit'] for one in runs]):.0f} %",
            f"{1000 * np.median([one['seconds'] for one in runs]):.0f}",
        ])  # fmt: skip
    header = ["piece", "STS-B dev", "against SimCSE, same seed", "alignment", "uniformity",
              "edits found", "CPU ms a step"]  # fmt: skip
    taus = ", ".join(f"{score} {temperature_of(score):g}" for score in ("dot", "l1", "l2"))
    text = (
        f"{table(header, rows)}\n\n{STEPS} steps of {BATCH} rows, {len(SEEDS)} seeds; before "
        f"training {before:.2f}. Temperatures of the scores: {taus}.\n\n{machine()}.\n"
    )
    (RESULTS / "small_pieces.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
