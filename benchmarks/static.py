"""Static models side by side: ours distilled, trained and bundled, model2vec's, wordllama's.

    python benchmarks/static.py [texts]     about 15 minutes with 40,000 texts

The teacher is all-MiniLM-L6-v2, but for `tiny`, whose is `mini-sentemb`. Ours are made as `sentemb
export --static` makes them, without and with `--data`; model2vec's by its own distillation, with
its defaults; wordllama's comes in its package. Of peers that are not installed there is no row.
STS: Spearman × 100. TREC: accuracy of a logistic regression on the vectors. CISI: nDCG@10 × 100.
None of the sentences trained on is in an STS set. Rates are sentences a second of CPU
time on one thread, each with its own `encode`: of 10,000 sentences of Wikipedia that it has not
seen, the best of three times. Finished rows are lines of
results/static.jsonl and are not made again; written to results/static.md.
"""

import sys
import tempfile
import time
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from common import (
    DATA,
    RESULTS,
    STS_YEARS,
    data,
    is_in_sts,
    lines,
    machine,
    minilm,
    remembered,
    sample,
    table,
)

import sentemb
from sentemb.bundled import bundled
from sentemb.datasets import read_sts
from sentemb.suites import SUITES, read_suite

SHORTEST, LONGEST = 10, 110
"""Characters of a text."""
AT_ONCE = 10_000
OTHERS = {"transfer": "TREC", "retrieval": "CISI"}


def mixed(count: int) -> list[str]:
    """Draw sentences of all sources."""
    rows = dict.fromkeys(line.split("\t", 1)[1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    some = sample((row for row in rows if SHORTEST < len(row) < LONGEST), 2 * count)
    return [row for row in some if not is_in_sts(row)][:count]


def of_folder(folder: Path):
    """Return how a folder of ours encodes, and its megabytes."""
    size = (folder / "model.safetensors").stat().st_size / 1e6
    return sentemb.load(folder, "cpu").encode, size


def exported(folder: Path, **options):
    sentemb.export(minilm(), folder, static=True, **options)
    return of_folder(folder)


def model2vec(folder: Path):
    from model2vec.distill import distill_from_model
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(minilm()), AutoTokenizer.from_pretrained(minilm())
    made = distill_from_model(model, tokenizer, device="cpu")
    made.save_pretrained(str(folder))
    return made.encode, (folder / "model.safetensors").stat().st_size / 1e6


def wordllama(folder: Path):
    import wordllama

    package = Path(wordllama.__file__).parent  # where its tokenizer is, too
    model = wordllama.WordLlama.load(cache_dir=package, disable_download=True)
    weights = package / "weights/l2_supercat_256.safetensors"
    return model.embed, weights.stat().st_size / 1e6


def measured(make) -> dict:
    """Make a model, score it, and time both."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        encode, megabytes = make(Path(folder) / "model")
        seconds = time.process_time() - started
        row = {"made": seconds, "megabytes": megabytes}

        def vectors(texts):
            return np.asarray(encode(list(texts)), np.float32)

        for name in ("STSB.test", *STS_YEARS):
            row[name] = read_sts(data(f"sts/{name}.tsv"))(vectors)["spearman"]
        for suite, name in OTHERS.items():
            sources = [source for source in SUITES[suite] if source.name == name]
            (task,) = (one.task for one in read_suite(suite, sources, DATA).tasks)
            row[name] = task(vectors)[task.main]
        unseen, rates = list(islice(lines("unlabelled/wiki_sents.txt.gz"), 3 * AT_ONCE)), []
        for start in range(0, len(unseen), AT_ONCE):
            texts = unseen[start : start + AT_ONCE]
            started = time.process_time()
            encode(texts)
            rates.append(len(texts) / (time.process_time() - started))
        return row | {"rate": max(rates), "dim": int(vectors(texts[:1]).shape[1])}


def main() -> None:
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    models = {
        "`tiny`, bundled": lambda path: of_folder(bundled("tiny")),
        "wordllama l2_supercat": wordllama,
        "model2vec, its own distillation": model2vec,
        "distilled": exported,
        "trained on the teacher": lambda path: exported(path, data=mixed(count)),
        "distilled, tokens counted": lambda path: exported(path, texts=mixed(count)),
    }
    rows = []
    for name, make in models.items():
        try:
            row = remembered(RESULTS / "static.jsonl", {"model": name, "texts": count},
                             partial(measured, make))  # fmt: skip
        except ImportError as missing:
            print(f"no row for {name}: {missing}")
            continue
        print(row, flush=True)
        years = np.mean([row[name] for name in STS_YEARS])
        rows.append([name, str(row["dim"]), f"{row['STSB.test']:.2f}", f"{years:.2f}",
                     f"{row['TREC']:.1f}", f"{row['CISI']:.1f}", f"{row['megabytes']:.1f}",
                     f"{row['rate']:,.0f}", f"{row['made']:.0f}"])  # fmt: skip
    header = ["model", "dimensions", "STS-B test", "STS12–16", "TREC", "CISI", "MB",
              "sentences per CPU second", "CPU seconds to make"]  # fmt: skip
    about = (
        f"Trained, and counted, on {count:,} sentences of `mixed_tagged`, without those of the "
        "tests. The teacher has 82.03 on STS-B test."
    )
    text = f"{table(header, rows)}\n\n{about}\n\n{machine()}.\n"
    print(text)
    (RESULTS / "static.md").write_text(text)


if __name__ == "__main__":
    main()
