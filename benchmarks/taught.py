"""Does a teacher help: its vectors, its rankings, its eye for false negatives? From `mini`.

    python benchmarks/taught.py                      about 1 hour on one core
    python benchmarks/taught.py --only rankcse --seeds 1 --control       one run of them
    python benchmarks/taught.py --only gist --steps 5                    a try, nothing is kept

From the bundled raw encoder `mini` with mean pooling, 150 steps of 64 rows in bf16 at the recipe's
own learning rate, three seeds, the teacher all-MiniLM-L6-v2, which has seen labels; each run is a
process of its own, on one thread. `simcse-unsup`, `rankcse` and `distill` read the same mixed
sentences, `simcse-sup` and `gist` SNLI's dev set, or captions: of each of 2,000 pictures two pairs
of captions, so that the other pair of a picture is a known false negative where a batch has both.
No text is a sentence of an STS dev or test set. The control is the same run with the teacher's
vectors shuffled among the texts: what it gains is not the teacher's. Measured after the last step
on STS-B dev. Counted over the batches that were trained on: candidates of the picture that a row
is of, but for its own texts; how many of them the guide leaves out, and how many others. Finished
runs are lines of results/taught.jsonl and are not run again; the table of all lines is written to
results/taught.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from common import RESULTS, is_in_sts, lines, machine, minilm, remembered, spread, table
from recipes import measured, recipe_of, rows_of

SEEDS = (0, 1, 2)
STEPS, BATCH, PICTURES = 150, 64, 2_000
TAUGHT = {
    "distill": ("distill", {}),
    "rankcse, listmle": ("rankcse", {}),
    "rankcse, listnet": ("rankcse", {"ranking": "listnet"}),
    "gist": ("gist", {}),
    "gist, margin 0.1": ("gist", {"margin": 0.1}),
    "gist, captions": ("gist", {}),
    "gist, margin 0.1, captions": ("gist", {"margin": 0.1}),
}
BASES = {
    "simcse-unsup": ("simcse-unsup", {}),
    "simcse-sup": ("simcse-sup", {}),
    "simcse-sup, captions": ("simcse-sup", {}),
    "gist without a guide, captions": ("simcse-sup", {}),
}
OF_PAIRS = ("simcse-sup", "gist")
COUNTED = ("known", "caught", "unknown", "others")


def captions(steps: int):
    """Return two pairs of captions of each picture, no caption twice; fewer for a try."""
    from datasets import Dataset

    from sentemb.datasets import TrainingData

    seen, rows, every = set(), [], lines("pairs/multi30k_train_5captions.tsv.gz")
    for line in islice(every, min(PICTURES, BATCH * steps)):
        texts = line.split("\t")[:4]
        if seen.isdisjoint(texts) and len({*texts}) == 4 and not is_in_sts(*texts):
            rows += [(*texts[:2], len(rows) // 2), (*texts[2:], len(rows) // 2)]
        seen.update(texts)
    anchors, positives, pictures = map(list, zip(*rows, strict=True))
    of_texts = dict(zip(anchors + positives, pictures * 2, strict=True))
    data = Dataset.from_dict({"anchor": anchors, "positive": positives})
    return TrainingData(data, "captions", 0), of_texts


def shuffled(teacher) -> None:
    """Have a teacher remember the vectors of other texts."""
    remember = teacher.remember

    def of_others(numbers, vectors):
        order = np.random.default_rng(0).permutation(len(vectors))
        remember(numbers, np.asarray(vectors)[order])

    teacher.remember = of_others


def counting(guided, of_texts):
    """Return a guided loss that counts what it leaves out, and the counts."""
    import torch

    from sentemb.losses import Guided
    from sentemb.training.tokenised_rows import number_of

    pictures = {number_of(text): picture for text, picture in of_texts.items()}
    counts = dict.fromkeys(COUNTED, 0)

    class Counting(Guided):
        def __call__(self, pairs):
            rows = len(pairs.anchor)
            if rows == BATCH:  # fewer are tried out before the first step
                of_rows = [pictures[number] for number in pairs.texts[:rows].tolist()]
                same = torch.tensor(of_rows)[:, None] == torch.tensor(of_rows)
                ((loss, _),) = self.given(pairs)
                for contrast in loss.contrasts(pairs):
                    candidates = replace(contrast, guide=None).is_negative(torch.arange(rows))
                    left_out = candidates & ~contrast.is_negative(torch.arange(rows))
                    counts["known"] += int((candidates & same).sum())
                    counts["caught"] += int((left_out & same).sum())
                    counts["unknown"] += int((candidates & ~same).sum())
                    counts["others"] += int((left_out & ~same).sum())
            return super().__call__(pairs)

    return Counting(guided.contrast, guided.margin, guided.relative_margin), counts


def method_of(kind: str, control: bool, columns: list[str]):
    """Return the method of a kind of run."""
    import sentemb
    from sentemb.losses import InfoNCEWithinViews

    name, options = {**BASES, **TAUGHT}[kind]
    options = options | ({"columns": columns} if name in OF_PAIRS else {})
    options |= {"teacher": str(minilm())} if kind in TAUGHT else {}
    encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
    method = recipe_of(name).build(encoder, **options)
    for teacher in method.twin.teacher.members if control else ():
        shuffled(teacher)
    if "without a guide" in kind:
        return sentemb.Method(method.views, method.twin, InfoNCEWithinViews(0.01))
    return method


def run(kind: str, control: bool, seed: int, steps: int) -> dict:
    import torch

    import sentemb

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    name, _ = {**BASES, **TAUGHT}[kind]
    if kind.endswith("captions"):
        rows, of_texts = captions(steps)
    else:
        rows = rows_of("simcse-sup" if name in OF_PAIRS else "simcse-unsup")
    method, counts = method_of(kind, control, rows.rows.column_names), {}
    if kind in TAUGHT and kind.endswith("captions"):
        loss, counts = counting(method.loss, of_texts)
        method = sentemb.Method(method.views, method.twin, loss)
    settings = sentemb.Settings(
        batch_size=BATCH,
        learning_rate=recipe_of("gist" if "gist" in kind else name).learning_rate,
        epochs=9,
        max_steps=steps,
        max_length=32,
        save_steps=steps,
        seed=seed,
        select="last",
        precision="bf16",
    )
    before = measured(method.encoder.eval())["spearman"]
    with tempfile.TemporaryDirectory() as folder:
        done = sentemb.train(method, rows, Path(folder) / "model", settings)
    masked = done.masked_negatives / steps
    return measured(method.encoder.eval()) | {"before": before, "masked": masked} | counts


def in_a_process(kind: str, control: bool, seed: int, steps: int) -> dict:
    command = [sys.executable, __file__, "--run", json.dumps([kind, control, seed, steps])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def row_of(kind: str, control: bool, found: Sequence[dict]) -> list[str]:
    """Return a row of the table; what known false negatives are is counted of captions alone."""
    teacher = "" if kind in BASES else "shuffled" if control else "all-MiniLM-L6-v2"
    columns = [[one[name] for one in found] for name in ("spearman", "alignment", "uniformity")]
    gains = [one["spearman"] - one["before"] for one in found]
    shown = [spread(gains), *(spread(values, 3) for values in columns[1:])]
    left_out = f"{np.mean([one['masked'] for one in found]):.1f}"
    known, caught, unknown, others = (sum(one.get(name, 0) for one in found) for name in COUNTED)
    counts = [f"{caught:,} of {known:,}", f"{others:,} of {unknown:,}"] if known else ["", ""]
    first = [kind, teacher, str(len(found)), f"{found[0]['before']:.2f}", spread(columns[0])]
    return [*first, *shown, left_out, *counts]


def written(file: Path, steps: int) -> str:
    """Return the table of all finished runs, and the names of what is missing."""
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    rows, missing = [], []
    for control in (False, True):
        for kind in TAUGHT if control else (*BASES, *TAUGHT):
            found = [one for one in done if (one["kind"], one["control"]) == (kind, control)]
            rows += [row_of(kind, control, found)] if found else []
            if len(found) < len(SEEDS):
                missing.append(f"{kind}{' (shuffled)' if control else ''}: {len(found)}")
    header = ["recipe", "teacher", "seeds", "before", "STS-B dev", "gain", "alignment"]
    header += ["uniformity", "left out a step", "known false negatives caught", "others left out"]
    text = f"{table(header, rows)}\n\n{steps} steps of {BATCH} rows in bf16, mean ± sd over seeds; "
    text += f"counts are of all seeds. {machine()}.\n"
    return text + (f"\nFewer than {len(SEEDS)} seeds of {'; '.join(missing)}.\n" if missing else "")


def main() -> None:
    kinds = [*BASES, *TAUGHT]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=kinds, choices=kinds, metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS])
    parser.add_argument(
        "--control", action=argparse.BooleanOptionalAction, help="or not; else both"
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(*options.run)))
        return
    minilm()
    with tempfile.TemporaryDirectory() as folder:
        kept = options.steps == STEPS
        file = (RESULTS if kept else Path(folder)) / "taught.jsonl"
        for control in (False, True) if options.control is None else (options.control,):
            for kind in options.only:
                for seed in options.seeds if kind in TAUGHT or not control else ():
                    key = {"kind": kind, "control": control, "seed": seed}
                    given = (kind, control, seed, options.steps)
                    remembered(file, key, lambda given=given: in_a_process(*given))
        text = written(file, options.steps)
        print(text)
        if kept:
            (RESULTS / "taught.md").write_text(text)


if __name__ == "__main__":
    main()
