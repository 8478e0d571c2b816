"""What a command costs before it does anything: CPU seconds and memory.

    python benchmarks/startup.py     about a minute

`sentemb --help`, `sentemb --version`, and encoding one line with the bundled encoder, against a
script that imports sentence-transformers and encodes the same line with the same model. Each is a
process of its own, seven rounds in turn after one that warms the disk and compiles what an
installation from a wheel has compiled. Written to results/startup.md.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import RESULTS, machine, note, table

from sentemb.bundled import bundled

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
        sys.executable, "-c", THEIRS, str(bundled("mini-sentemb"))
    ],
}  # fmt: skip


def cost(command: list[str], folder: str) -> tuple[float, float]:
    """Return CPU seconds and peak MB of a process."""
    compiled_once = {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": ""}
    environment = os.environ | compiled_once
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        sys.exit(f"failed: {' '.join(command[:5])}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _share(measured: list[tuple[float, float]], theirs: list[float]) -> float:
    return statistics.median(
        seconds / them for (seconds, _), them in zip(measured, theirs, strict=True)
    )


def main() -> None:
    rounds = 3 if "--short" in sys.argv else ROUNDS
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "one.txt").write_text("one line\n")
        for number in range(rounds + 1):
            for name, command in COMMANDS.items():
                measured = cost(command, folder)
                if number:
                    found[name].append(measured)
    theirs = [seconds for seconds, _ in found["sentence-transformers, one line"]]
    rows = []
    for name, measured in found.items():
        if name == "sentemb encode, one line":
            note("start-up and one line", _share(measured, theirs), 0.5, at_most=True)
        seconds = [s for s, _ in measured]
        rows.append(
            [name, ", ".join(f"{s:.2f}" for s in seconds), f"{statistics.median(seconds):.2f}",
             f"{_share(measured, theirs):.2f}", f"{max(peak for _, peak in measured):.0f}"]
        )  # fmt: skip
    header = ["command", "CPU s, each round", "median", "of theirs", "peak MB"]
    text = f"{table(header, rows)}\n\n{machine()}.\n"
    print(text)
    if "--short" not in sys.argv:
        (RESULTS / "startup.md").write_text(text)


if __name__ == "__main__":
    main()
