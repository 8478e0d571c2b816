"""Static models of all-MiniLM-L6-v2: distilled, and trained on its vectors of sentences.

    python benchmarks/static.py [texts]     about 10 minutes with 40,000 texts on a busy core

Each is exported as `sentemb export --static` does, which times both on one thread, and scored on
STS sets, none of whose sentences are among the texts. Written to results/static.md.
"""

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from common import RESULTS, STS_YEARS, data, is_in_sts, lines, machine, minilm, sample, table
from sentence_transformers import SentenceTransformer

from sentemb.datasets import read_sts
from sentemb.inference.export import export_static
from sentemb.words import tokenlearn

TASKS = ("STSB.test", *STS_YEARS)
SHORTEST, LONGEST = 10, 110
"""Characters of a text."""


def mixed(count: int) -> list[str]:
    """Draw sentences of all sources."""
    rows = dict.fromkeys(line.split("\t", 1)[1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    some = sample((row for row in rows if SHORTEST < len(row) < LONGEST), 2 * count)
    return [row for row in some if not is_in_sts(row)][:count]


def main() -> None:
    texts = mixed(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000)
    tasks = [read_sts(data(f"sts/{name}.tsv")) for name in TASKS]
    learn = partial(tokenlearn, texts=texts)
    made = {
        "distilled, 256": {},
        "distilled, 256, tokens counted": {"texts": ("mixed", texts)},
        "trained, 240": {"learn": ("mixed", learn)},
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, options in made.items():
            path, started = Path(folder, name.replace(" ", "-")), time.perf_counter()
            record = export_static(minilm(), path, tasks[0], **options)
            seconds, after = time.perf_counter() - started, record["after"]
            encode = partial(
                SentenceTransformer(str(path), device="cpu").encode, show_progress_bar=False
            )
            scores = [f"{task(encode)['spearman']:.2f}" for task in tasks]
            rows.append([name, *scores, f"{after['sentences_per_second']:,.0f}",
                         f"{after['megabytes']:.1f}", f"{seconds:.0f}"])  # fmt: skip
            print(rows[-1], flush=True)
    header = ["model", *TASKS, "sentences/s", "MB", "seconds to make"]
    about = f"{len(texts):,} sentences of `mixed_tagged`, without those of the tests."
    text = (
        f"{table(header, rows)}\n\n{about} The teacher has 82.03 on STS-B test.\n\n{machine()}.\n"
    )
    print(text)
    (RESULTS / "static.md").write_text(text)


if __name__ == "__main__":
    main()
