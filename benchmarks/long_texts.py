"""Which vectors of long texts find them best: of texts cut, of chunks, of late chunks?

    python benchmarks/long_texts.py                   about 8 minutes of one core
    python benchmarks/long_texts.py --models mini-sentemb

CISI's documents, of which each model reads a part, are searched with its queries: by the vector of
what the model reads (cut), by their best chunk (max) or by the mean of their chunks, weighted by
tokens (mean). The gain over cut has its 95 % interval, by a paired bootstrap over queries.
"""

import argparse
import tempfile
import time

from common import RESULTS, data, machine, table
from search import encoder_named, outcome

import sentemb
from sentemb.datasets.retrieval import read_retrieval
from sentemb.evaluation.bootstrap import paired_bootstrap
from sentemb.evaluation.scores import percent_mean

CHUNKS = ("tokens=64,overlap=16", "tokens=64,overlap=16,late",
          "tokens=120,overlap=20", "tokens=120,overlap=20,late")  # fmt: skip
HEADER = ["model, CISI", "vectors", "nDCG@10, max", "gain over cut", "mean", "gain over cut",
          "seconds"]  # fmt: skip


def rows_of(name: str, encoder: sentemb.Encoder) -> list[list[str]]:
    task = read_retrieval(data("retrieval/cisi"), "CISI")
    documents = [{"id": one, "text": text} for one, text in task.corpus.items()]
    cut, found = None, []
    for chunk in (None, *CHUNKS):
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            index = sentemb.index(documents, f"{folder}/x.index", encoder, chunk=chunk)
            seconds = time.process_time() - started
            if chunk is None:
                cut = outcome(task, index, encoder)
                cells = [f"{percent_mean(cut.items):.2f}", "", "", ""]
            else:
                cells = []
                for how in ("max", "mean"):
                    scored = outcome(task, index, encoder, document_score=how)
                    gain = paired_bootstrap([cut], [scored])
                    cells += [f"{percent_mean(scored.items):.2f}",
                              f"{gain.value:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]"]  # fmt: skip
        first = f"cut at {encoder.max_length} tokens" if chunk is None else chunk
        found.append([name, f"{first} ({len(index.vectors):,})", *cells, f"{seconds:.0f}"])
        print(found[-1], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="mini-sentemb,minilm")
    lines = []
    for name in parser.parse_args().models.split(","):
        encoder = encoder_named(name)
        if encoder is None:
            print(f"left out: {name}; pip install '.[oracle]' brings it")
            continue
        lines += rows_of(name, encoder)
    foot = "nDCG@10 × 100; in brackets, how many vectors; seconds of the processor to make them"
    (RESULTS / "long_texts.md").write_text(f"{table(HEADER, lines)}\n\n{foot}. {machine()}.\n")


if __name__ == "__main__":
    main()
