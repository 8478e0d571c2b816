"""What static and 8-bit models of all-MiniLM-L6-v2 lose on STS-B, and gain in speed.

    python benchmarks/export.py     about 4 minutes

Each is exported as `sentemb export` does, which scores it beside the original and times both on the
sentences of the set, in turns, on one thread. Written to results/export.md.
"""

import tempfile
from itertools import islice
from pathlib import Path

from common import RESULTS, data, lines, machine, minilm, note, table

from sentemb.datasets import read_sts
from sentemb.inference.export import export_int8, export_static


def main() -> None:
    task = read_sts(data("sts/STSB.test.tsv"))
    wiki = list(islice(lines("unlabelled/wiki_sents.txt.gz"), 50_000))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, export in {
            "static, 256": lambda path: export_static(minilm(), path, task),
            "static, 256, tokens counted in 50,000 sentences": lambda path: export_static(
                minilm(), path, task, texts=("wiki", wiki)
            ),
            "static, 384, tokens counted": lambda path: export_static(
                minilm(), path, task, dim=384, texts=("wiki", wiki)
            ),
            "int8": lambda path: export_int8(minilm(), path, task),
        }.items():
            record = export(Path(folder, name.replace(" ", "-")))
            before, after = record["before"], record["after"]
            speeds = [side["sentences_per_second"] for side in (before, after)]
            if name == "static, 256":
                note("static export, throughput", speeds[1] / speeds[0], 50)
            rows.append(
                [name, f"{before['spearman']:.2f}", f"{after['spearman']:.2f}",
                 *(f"{speed:,.0f}" for speed in speeds), f"{speeds[1] / speeds[0]:.1f}",
                 f"{before['megabytes']:.0f}", f"{after['megabytes']:.0f}"]
            )  # fmt: skip
            print(rows[-1], flush=True)
    header = ["export", "STS-B test before", "after", "sentences/s before", "after", "times",
              "MB before", "after"]  # fmt: skip
    text = f"{table(header, rows)}\n\n{machine()}.\n"
    print(text)
    (RESULTS / "export.md").write_text(text)


if __name__ == "__main__":
    main()
