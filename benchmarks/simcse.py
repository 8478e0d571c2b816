"""Does SimCSE work here? Unsupervised and supervised, on real data, three seeds, with controls.

    python benchmarks/simcse.py             every row, about 1 hour on 2 cores
    python benchmarks/simcse.py --seeds 0   one seed

Each finished run is a line of results/simcse.jsonl and is not run again. The table is printed and
written to results/simcse.md.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from common import RESULTS, data, is_in_sts, lines, machine, remembered, sample, spread, table
from datasets import Dataset

import sentemb
from sentemb.datasets import TrainingData
from sentemb.encoders import embed
from sentemb.pairs import Pairs
from sentemb.twins import mlp

ROWS = 20_000


def wiki() -> Dataset:
    return Dataset.from_dict({"text": sample(lines("unlabelled/wiki_sents.txt.gz"), ROWS)})


def mixed() -> Dataset:
    texts = (line.split("\t", 1)[1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    return Dataset.from_dict({"text": sample(texts, ROWS)})


def nli() -> Dataset:
    layout = ("anchor", "positive", "negative")
    rows = sentemb.read_training_data(data("nli/nli_triplets_snli_dev.csv.gz"), [layout]).rows
    return rows.filter(lambda row: not is_in_sts(*row.values()))


def captions(allowed: Callable[..., bool] = lambda *texts: True) -> Dataset:
    five = [line.split("\t") for line in lines("pairs/multi30k_train_5captions.tsv.gz")]
    pairs = ((c[i], c[i + 1]) for c in five for i in (0, 2))
    pairs = sample((pair for pair in pairs if allowed(*pair)), ROWS)
    return Dataset.from_dict({"anchor": [a for a, _ in pairs], "positive": [p for _, p in pairs]})


def captions_not_in_sts() -> Dataset:
    return captions().filter(lambda row: not is_in_sts(*row.values()))


def other_captions_not_in_sts() -> Dataset:
    """Filter before the sample is drawn: another sample than the one above."""
    return captions(lambda *texts: not is_in_sts(*texts))


class SameMask(sentemb.Siamese):
    """Both views are one forward: the dropout masks are identical."""

    def forward(self, features, views=()):
        (embeddings,) = embed(self.encoder, features[:1])
        embeddings = self.projector(embeddings)
        return Pairs(embeddings, embeddings)


class UnguardedMethod(sentemb.Method):
    def require_different_views(self, pairs: Pairs) -> None:
        """Let the identical views of the control through."""


def unsup(encoder, rows):
    return sentemb.simcse_unsup(encoder)


def unsup_same_mask(encoder, rows):
    twin = SameMask(encoder, projector=mlp(encoder))
    return UnguardedMethod((sentemb.View(), sentemb.View()), twin, sentemb.InfoNCE())


def sup(encoder, rows):
    return sentemb.simcse_sup(encoder, columns=rows.column_names)


@dataclass(frozen=True)
class Row:
    name: str
    model: str
    rows: Callable[[], Dataset]
    method: Callable
    pooling: str
    settings: dict
    random_weights: bool = False


L3, MINI = "encoders/minilm-l3-mlm", "mini"
UNSUP = {"batch_size": 64, "learning_rate": 3e-5, "max_steps": 100, "eval_steps": 25}
HARD = UNSUP | {"learning_rate": 5e-4, "max_steps": 150, "eval_steps": 50, "select": "last"}
TRIPLETS = {"batch_size": 64, "learning_rate": 3e-4, "max_steps": 240, "eval_steps": 40}
PAIRS = {"batch_size": 128, "learning_rate": 3e-4, "max_steps": 300, "eval_steps": 50}
TABLE = [
    Row("simcse-unsup, mixed text", L3, mixed, unsup, "cls_before_pooler", UNSUP),
    Row("simcse-unsup, wiki", L3, wiki, unsup, "cls_before_pooler", UNSUP),
    Row("same mask, mixed text", L3, mixed, unsup_same_mask, "cls_before_pooler", UNSUP),
    Row("random weights, mixed text", L3, mixed, unsup, "cls_before_pooler", UNSUP, True),
    Row("simcse-unsup, lr 5e-4, last step", L3, mixed, unsup, "cls_before_pooler", HARD),
    Row("same mask, lr 5e-4, last step", L3, mixed, unsup_same_mask, "cls_before_pooler", HARD),
    Row("simcse-sup, NLI triplets", MINI, nli, sup, "mean", TRIPLETS),
    Row("random weights, NLI triplets", MINI, nli, sup, "mean", TRIPLETS, True),
    Row("simcse-sup, caption pairs", MINI, captions, sup, "mean", PAIRS),
    Row("caption pairs, none in STS", MINI, captions_not_in_sts, sup, "mean", PAIRS),
    Row("another sample, none in STS", MINI, other_captions_not_in_sts, sup, "mean", PAIRS),
    Row("random weights, caption pairs", MINI, captions, sup, "mean", PAIRS, True),
]


def run(row: Row, seed: int) -> dict:
    torch.manual_seed(seed)
    encoder = sentemb.build_encoder(
        row.model if row.model == MINI else data(row.model), pooling=row.pooling
    )
    if row.random_weights:
        model = encoder[0].model
        model.load_state_dict(type(model)(model.config).state_dict(), strict=False)
    dev = sentemb.read_sts(data("sts/STSB.dev.tsv"))
    test = sentemb.read_sts(data("sts/STSB.test.tsv"))
    before = test(encoder.encode)["spearman"]
    rows = row.rows()
    with tempfile.TemporaryDirectory() as folder:
        result = sentemb.train(
            row.method(encoder, rows),
            TrainingData(rows, row.name, 0),
            Path(folder) / "run",
            sentemb.Settings(**row.settings, epochs=1, seed=seed),
            dev=dev,
        )
    return {
        "dev_before": result.before["spearman"],
        "dev": result.metrics["spearman"],
        "test_before": before,
        "test": test(encoder.encode)["spearman"],
        "best_step": result.best_step,
        "seconds": result.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for row in TABLE:
        each = []
        for seed in options.seeds:
            key = {"name": row.name, "model": Path(row.model).name, "rows": ROWS}
            key |= {"pooling": row.pooling, "seed": seed, **row.settings}
            each.append(remembered(RESULTS / "simcse.jsonl", key, lambda r=row, s=seed: run(r, s)))
            print(row.name, each[-1], flush=True)
        gain = [one["dev"] - one["dev_before"] for one in each]
        columns = [[one[name] for one in each] for name in ("dev_before", "dev")]
        tests = [[one[name] for one in each] for name in ("test_before", "test")]
        steps = ", ".join(str(one["best_step"]) for one in each)
        cells = [*map(spread, columns), spread(gain), *map(spread, tests), steps]
        rows.append([row.name, Path(row.model).name, row.pooling, *cells])
    header = ["run", "from", "pooling", "dev before", "dev after", "gain", "test before"]
    text = table([*header, "test after", "best step"], rows)
    note = f"STS-B Spearman × 100, mean ± sd over seeds {options.seeds}. {machine()}."
    (RESULTS / "simcse.md").write_text(f"{text}\n\n{note}\n")
    print(f"\n{text}\n\n{note}")


if __name__ == "__main__":
    main()
