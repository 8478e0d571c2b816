"""Do a teacher's rankings and its eye for false negatives help? RankCSE and GIST from `mini`.

    python benchmarks/taught.py     about 30 minutes on one core

From the bundled encoder `mini` with mean pooling, 300 steps of 64 rows at the recipe's own learning
rate, one seed, the teacher all-MiniLM-L6-v2, which has seen labels; each
run is a process of its own, on one thread. `simcse-unsup`, `rankcse` and `distill` read the same
mixed sentences, `simcse-sup` and `gist` SNLI's dev set, all without any sentence of an STS dev or
test set. The control is the same run with the teacher's vectors shuffled among the texts: what it
gains is not the teacher's. Measured after the last step on STS-B dev. Finished runs are lines of
results/taught.jsonl and are not run again; written to results/taught.md.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import RESULTS, machine, minilm, remembered, table
from recipes import measured, recipe_of, rows_of

SEEDS = (0,)
STEPS, BATCH = 300, 64
TAUGHT = {
    "distill": ("distill", {}),
    "rankcse, listmle": ("rankcse", {}),
    "rankcse, listnet": ("rankcse", {"ranking": "listnet"}),
    "gist": ("gist", {}),
    "gist, margin 0.1": ("gist", {"margin": 0.1}),
}
BASES = {"simcse-unsup": ("simcse-unsup", {}), "simcse-sup": ("simcse-sup", {})}
OF_PAIRS = ("simcse-sup", "gist")


def shuffled(teacher) -> None:
    """Have a teacher remember the vectors of other texts."""
    remember = teacher.remember

    def of_others(numbers, vectors):
        order = np.random.default_rng(0).permutation(len(vectors))
        remember(numbers, np.asarray(vectors)[order])

    teacher.remember = of_others


def run(kind: str, control: bool, seed: int) -> dict:
    import torch

    import sentemb

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    name, options = {**BASES, **TAUGHT}[kind]
    recipe, rows = recipe_of(name), rows_of("simcse-sup" if name in OF_PAIRS else "simcse-unsup")
    if kind in TAUGHT:
        options = options | {"teacher": str(minilm())}
    if name in OF_PAIRS:
        options = options | {"columns": rows.rows.column_names}
    encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
    method = recipe.build(encoder, **options)
    for teacher in method.twin.teacher.members if control else ():
        shuffled(teacher)
    settings = sentemb.Settings(
        batch_size=BATCH,
        learning_rate=recipe.learning_rate,
        epochs=9,
        max_steps=STEPS,
        max_length=32,
        save_steps=STEPS,
        seed=seed,
        select="last",
    )
    before = measured(method.encoder.eval())["spearman"]
    with tempfile.TemporaryDirectory() as folder:
        done = sentemb.train(method, rows, Path(folder) / "model", settings)
    masked = done.masked_negatives / STEPS
    return measured(method.encoder.eval()) | {"before": before, "masked": masked}


def in_a_process(kind: str, control: bool, seed: int) -> dict:
    command = [sys.executable, __file__, kind, str(int(control)), str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    minilm()
    runs = [(kind, False) for kind in (*BASES, *TAUGHT)] + [(kind, True) for kind in TAUGHT]
    rows = []
    for kind, control in runs:
        found = [
            remembered(
                RESULTS / "taught.jsonl",
                {"kind": kind, "control": control, "seed": seed},
                lambda k=kind, c=control, s=seed: in_a_process(k, c, s),
            )
            for seed in SEEDS
        ]
        shown = [
            f"{np.mean([one[field] for one in found]):.{digits}f}"
            for field, digits in (
                *(("before", 2), ("spearman", 2), ("alignment", 3), ("uniformity", 3)),
                ("masked", 0),
            )
        ]
        teacher = "" if kind in BASES else "shuffled" if control else "all-MiniLM-L6-v2"
        rows.append([kind, teacher, *shown])
    header = ["recipe", "teacher", "before", "STS-B dev", "alignment", "uniformity"]
    text = (
        f"{table([*header, 'negatives left out a step'], rows)}\n\n{STEPS} steps of {BATCH} rows, "
        f"seeds {list(SEEDS)}. {machine()}.\n"
    )
    (RESULTS / "taught.md").write_text(text)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1], sys.argv[2] == "1", int(sys.argv[3]))))
    else:
        main()
