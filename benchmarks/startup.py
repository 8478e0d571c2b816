"""What a command costs before it does anything: CPU seconds and memory.

    python benchmarks/startup.py     about a minute

`sentemb --help`, `sentemb --version`, and encoding one line with the embedded encoder, against a
script that imports sentence-transformers and encodes the same line with the same model. Each is a
process of its own, seven rounds in turn after one that warms the disk. Written to
results/startup.md.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import RESULTS, machine, table

from sentemb.embedded import embedded

ROUNDS = 7
THEIRS = """
import sys, numpy
from sentence_transformers import SentenceTransformer
encoder = SentenceTransformer(sys.argv[1], device="cpu")
numpy.save("theirs.npy", encoder.encode(["one line"]))
"""
SENTEMB = [sys.executable, "-m", "sentemb_cli"]
COMMANDS = {
    "sentemb --help": [*SENTEMB, "--help"],
    "sentemb --version": [*SENTEMB, "--version"],
    "sentemb encode, one line": [*SENTEMB, "encode", "one.txt", "--overwrite"],
    "sentence-transformers, one line": [
        sys.executable, "-c", THEIRS, str(embedded("mini-sentemb"))
    ],
}  # fmt: skip


def cost(command: list[str], folder: str) -> tuple[float, float]:
    """Return CPU seconds and peak MB of a process."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        sys.exit(f"failed: {' '.join(command[:5])}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "one.txt").write_text("one line\n")
        for number in range(ROUNDS + 1):
            for name, command in COMMANDS.items():
                measured = cost(command, folder)
                if number:
                    found[name].append(measured)
    theirs = [seconds for seconds, _ in found["sentence-transformers, one line"]]
    rows = []
    for name, measured in found.items():
        seconds = [s for s, _ in measured]
        shares = [ours / them for ours, them in zip(seconds, theirs, strict=True)]
        rows.append(
            [name, ", ".join(f"{s:.2f}" for s in seconds), f"{statistics.median(seconds):.2f}",
             f"{statistics.median(shares):.2f}", f"{max(peak for _, peak in measured):.0f}"]
        )  # fmt: skip
    header = ["command", "CPU s, each round", "median", "of theirs", "peak MB"]
    text = f"{table(header, rows)}\n\n{machine()}.\n"
    print(text)
    (RESULTS / "startup.md").write_text(text)


if __name__ == "__main__":
    main()
