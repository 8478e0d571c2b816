"""The bundled `mini-sentemb` beside its teacher and the teacher's exports: scores, speed, size.

    python benchmarks/bundled_encoder.py     about 5 minutes

Scores are Spearman × 100 of cosines on the test sets. Speed is sentences a CPU second of the
sentences of STS-B test, on one thread, from text to vectors, medians of five rounds in which the
encoders take turns. Written to results/bundled_encoder.md.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from common import RESULTS, STS_YEARS, data, machine, minilm, note, table
from scipy.stats import spearmanr

import sentemb
from sentemb.bundled import bundled
from sentemb.inference.export import export_int8, export_static

ROUNDS = 5


def spearman(embed: Callable, name: str) -> float:
    """Score the cosines of a test set's pairs."""
    task = sentemb.read_sts(data(f"sts/{name}.tsv"))
    one, other = (embed(list(texts), True) for texts in (task.sentences1, task.sentences2))
    return 100 * float(spearmanr((one * other).sum(axis=1), task.scores).statistic)


def embeds(model: Path) -> Callable:
    """Load a model and return its `encode`, of texts and whether to normalise."""
    encoder = sentemb.load(str(model), device="cpu")
    return lambda texts, normalize: encoder.encode(texts, normalize=normalize)


def megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    torch.set_num_threads(1)
    test = sentemb.read_sts(data("sts/STSB.test.tsv"))
    texts = sorted({*test.sentences1, *test.sentences2})
    with tempfile.TemporaryDirectory() as made:
        folders = {
            "mini-sentemb": bundled("mini-sentemb"),
            "all-MiniLM-L6-v2": minilm(),
            "its int8 export": Path(made, "int8"),
            "its static export": Path(made, "static"),
        }
        export_int8(minilm(), folders["its int8 export"], test)
        export_static(minilm(), folders["its static export"], test)
        embed = {name: embeds(folder) for name, folder in folders.items()}
        sizes = {name: megabytes(folder) for name, folder in folders.items()}
        speeds: dict[str, list[float]] = {name: [] for name in folders}
        for round_number in range(ROUNDS + 1):
            for name, function in embed.items():
                started = time.process_time()
                function(texts, False)
                if round_number:
                    speeds[name].append(len(texts) / (time.process_time() - started))
        rows = []
        for name, function in embed.items():
            years = [spearman(function, year) for year in STS_YEARS]
            times = statistics.median(
                ours / theirs
                for ours, theirs in zip(speeds[name], speeds["all-MiniLM-L6-v2"], strict=True)
            )
            if name == "mini-sentemb":
                note("mini-sentemb, speed beside all-MiniLM-L6-v2", times, 3)
            rows.append(
                [name, f"{spearman(function, 'STSB.test'):.2f}", f"{statistics.mean(years):.2f}",
                 f"{statistics.median(speeds[name]):,.0f}", f"{times:.1f}", f"{sizes[name]:.1f}"]
            )  # fmt: skip
    header = ["encoder", "STS-B test", "STS12 to 16", "sentences/s", "times", "MB"]
    text = f"{table(header, rows)}\n\n{len(texts):,} sentences, one thread; {machine()}.\n"
    (RESULTS / "bundled_encoder.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
