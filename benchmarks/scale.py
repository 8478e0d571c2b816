"""Cost as the work grows: time and memory of encoding, training and contrasting.

    python benchmarks/scale.py encode       about 30 minutes: 1,000 to 1,000,000 sentences to a file
    python benchmarks/scale.py memory       about 20 minutes: beside sentence-transformers
    python benchmarks/scale.py train        about 3 minutes: batches of 16 to 4,096
    python benchmarks/scale.py candidates   about 2 minutes: 1,024 to 65,536 of them

The mini encoder, one thread, each size a process of its own. Memory is the peak of the process
above what it held before the work. Sentences are those of mixed_tagged, with their number where
they run out, so that none is encoded twice. A doubling that costs twice as much is a straight line
of slope 1; the slopes are in the tables. Written to results/scale-WHAT.md and .png.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from common import RESULTS, lines, machine, table

SIZES = {
    "encode": [1_000, 10_000, 100_000, 1_000_000],
    "memory": [100_000, 1_000_000],
    "train": [16, 64, 256, 1024, 4096],
    "candidates": [1024, 4096, 16384, 65536],
}
WAYS = {"memory": ["sentence-transformers", "ours"]}
UNITS = {"encode": "sentences", "memory": "sentences", "train": "rows", "candidates": "candidates"}


def texts(count: int) -> Iterator[str]:
    made = 0
    while made < count:
        for line in lines("unlabelled/mixed_tagged.tsv.gz"):
            text = line.partition("\t")[2]
            yield text if made < 505_000 else f"{text} {made}"
            made += 1
            if made == count:
                return


def memory(what: str) -> float:
    """Return MB of this process: VmRSS is what it holds, VmHWM the most since `start`."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(what)) / 1024


def encode(size: int, way: str, folder: str) -> None:
    from sentemb.bundled import bundled

    source = Path(folder, "texts.txt")
    with source.open("w", encoding="utf-8") as file:
        file.writelines(f"{text}\n" for text in texts(size))
    if way == "sentence-transformers":
        import numpy as np
        from sentence_transformers import SentenceTransformer

        encoder = SentenceTransformer(str(bundled("mini")), device="cpu")
        encoder.encode(["warm"])
        start()
        vectors = encoder.encode(source.read_text(encoding="utf-8").splitlines())
        np.save(Path(folder, "theirs.npy"), vectors)
        return
    from sentemb.datasets import read_texts
    from sentemb.encoding import encode_file
    from sentemb.inference.torch_only import load_encoder

    encoder = load_encoder("mini")
    encode_file(encoder, ["warm"], Path(folder, "warm.npy"))
    start()
    encode_file(encoder, read_texts(str(source), "text"), Path(folder, "ours.npy"))


def train(size: int, _way: str, folder: str) -> None:
    from sentemb import InfoNCE, Method, Siamese, View, build_encoder
    from sentemb.training.collator import Collator
    from sentemb.training.forwards import packed_encoders

    encoder = build_encoder("mini", pooling="mean", device="cpu")
    method = Method((View(), View()), Siamese(encoder), InfoNCE(0.05)).train()
    rows = [{"text": text, "row": i, "epoch": 0} for i, text in enumerate(texts(size))]
    collator = Collator(encoder, method.views, 32, 0)
    with packed_encoders(method, [row["text"] for row in rows[:4]]):
        method(**collator(rows[:8]))["loss"].backward()
        start()
        method(**collator(rows))["loss"].backward()


def candidates(size: int, _way: str, folder: str) -> None:
    import torch

    from sentemb import InfoNCE, Pairs

    anchor, positive = (torch.randn(256, 256, requires_grad=True) for _ in range(2))
    queue = torch.randn(size, 256)
    loss = InfoNCE(0.05)
    loss(Pairs(anchor, positive)).backward()
    start()
    loss(Pairs(anchor, positive, negatives=queue)).backward()


def start() -> None:
    global started, held
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts afresh
    started, held = time.process_time(), memory("VmRSS")


def measure(what: str, size: str, way: str) -> None:
    import torch

    torch.set_num_threads(1)
    work = {"encode": encode, "memory": encode, "train": train, "candidates": candidates}[what]
    with tempfile.TemporaryDirectory() as folder:
        work(int(size), way, folder)
        seconds = time.process_time() - started
        peak = memory("VmHWM") - held
    print(json.dumps({"seconds": seconds, "peak": peak}))


def run(what: str, size: int, way: str) -> dict:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, __file__, "measure", what, str(size), way]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def slope(before: tuple[int, float], after: tuple[int, float]) -> str:
    """Return the exponent of growth between two sizes."""
    return f"{math.log(after[1] / before[1]) / math.log(after[0] / before[0]):.2f}"


def main() -> None:
    what = sys.argv[1]
    if what == "measure":
        measure(*sys.argv[2:])
        return
    rows, points, short = [], [], "--short" in sys.argv
    for way in WAYS.get(what, ["ours"]):
        for size in SIZES[what][: 3 if short else None]:
            found = run(what, size, way)
            points.append((size, found["seconds"], found["peak"]))
            grows = len(points) > 1 and what != "memory"
            of_time = slope(points[-2][:2], points[-1][:2]) if grows else ""
            result = size * 128 * 4 / 2**20
            of_result = f"{found['peak'] / result:.2f}" if what in ("encode", "memory") else ""
            rows.append(
                [way, f"{size:,}", f"{found['seconds']:.2f}", of_time, f"{found['peak']:.0f}",
                 of_result]
            )  # fmt: skip
            print(rows[-1], flush=True)
    text = table(
        ["", UNITS[what], "CPU s", "slope", "peak MB above the start", "of the result"], rows
    )
    text += f"\n\n{machine()}.\n"
    print(text)
    if short:
        return
    (RESULTS / f"scale-{what}.md").write_text(text)
    if what != "memory":
        plot(what, points)


def plot(what: str, points: list[tuple[int, float, float]]) -> None:
    import matplotlib.pyplot as plt

    sizes = [point[0] for point in points]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for number, (axis, unit) in enumerate(zip(axes, ("CPU seconds", "peak MB"), strict=True), 1):
        values = [max(point[number], 1e-3) for point in points]
        axis.loglog(sizes, values, "o-", label="measured")
        line = [values[-1] * size / sizes[-1] for size in sizes]
        axis.loglog(sizes, line, "--", color="grey", label="in proportion")
        axis.set(xlabel=UNITS[what], ylabel=unit)
        axis.legend()
    figure.savefig(RESULTS / f"scale-{what}.png", dpi=120)


if __name__ == "__main__":
    main()
