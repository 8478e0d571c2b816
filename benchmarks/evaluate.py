"""The STS suite against sentence-transformers' evaluators: the same scores, the time of both.

    python benchmarks/evaluate.py            about 10 minutes on 2 cores, on a quiet machine
    python benchmarks/evaluate.py --short    300 pairs of STS-B, twice; nothing is written

all-MiniLM-L6-v2 on STS12–16, STS-B and SICK-R, 18,850 pairs, with two threads. Theirs is an
`EmbeddingSimilarityEvaluator` a task, at the better of batches of 16 and 32; ours is what
`sentemb evaluate --suite sts` does once files are read and the model is loaded, alignment and
uniformity included, which theirs has not. Both in turn, in one process, by the wall clock. Exits 1
where a Spearman differs by more than 0.01, or the ratio of medians is above 0.60.
"""

import argparse
import statistics
import sys
import time
from dataclasses import replace

import torch
from common import DATA, RESULTS, Load, data, machine, minilm, note, table
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

from sentemb.encoders import build_encoder
from sentemb.evaluation import STS
from sentemb.evaluation.cache import EncodeCache
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from sentemb.suites import SUITES, read_suite

BAR = 0.60
THREADS = 2
ROUNDS = 3


def first(task: STS, rows: int) -> STS:
    sentences1, sentences2 = task.sentences1[:rows], task.sentences2[:rows]
    return replace(task, sentences1=sentences1, sentences2=sentences2, scores=task.scores[:rows])


def ours(encoder, tasks: list[STS]) -> dict[str, float]:
    with Embedder(encoder) as embedder:
        encode = EncodeCache(embedder.encode)
        return {task.name: task(encode)["spearman"] for task in tasks}


def theirs(encoder, tasks: list[STS], batch: int) -> dict[str, float]:
    found = {}
    for task in tasks:
        evaluator = EmbeddingSimilarityEvaluator(
            list(task.sentences1),
            list(task.sentences2),
            list(task.scores),
            batch_size=batch,
            main_similarity="cosine",
            show_progress_bar=False,
            write_csv=False,
        )
        found[task.name] = 100 * evaluator(encoder)["spearman_cosine"]
    return found


def timed(way) -> tuple[float, dict[str, float]]:
    started = time.perf_counter()
    found = way()
    return time.perf_counter() - started, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="2 rounds of 300 pairs")
    short = parser.parse_args().short
    torch.set_num_threads(THREADS)
    data("sts/senteval")
    tasks = [one.task for one in read_suite("sts", SUITES["sts"], DATA).tasks]
    (stsb,) = [first(task, 300) for task in tasks if task.name == "STS-B"]
    tasks = [stsb] if short else tasks
    plain, peer = load_encoder(str(minilm())), build_encoder(minilm(), device="cpu")
    batch = min((16, 32), key=lambda size: timed(lambda: theirs(peer, [stsb], size))[0])
    rows, seconds, scores = [], {"theirs": [], "ours": []}, {}
    for repeat in range(2 if short else ROUNDS):
        ways = [
            ("theirs", lambda: theirs(peer, tasks, batch)),
            ("ours", lambda: ours(plain, tasks)),
        ]
        with Load() as load:
            for name, way in ways[:: -1 if repeat % 2 else 1]:
                took, scores[name] = timed(way)
                seconds[name].append(took)
        last = [seconds[name][-1] for name in seconds]
        rows.append(
            [str(repeat + 1), *(f"{took:.1f}" for took in last), f"{last[1] / last[0]:.2f}",
             f"{load.others:.0%}"]
        )  # fmt: skip
        print(rows[-1], flush=True)
    ratio = statistics.median(seconds["ours"]) / statistics.median(seconds["theirs"])
    apart = max(abs(scores["ours"][name] - scores["theirs"][name]) for name in scores["ours"])
    note("the STS suite", ratio, BAR, at_most=True)
    header = ["round", "theirs, s", "ours, s", "ours of theirs", "other load"]
    text = (
        f"{table(header, rows)}\n\nRatio of medians {ratio:.2f}; at most {BAR:.2f} is asked for. "
        f"Spearman × 100 differs by at most {apart:.4f}.\n\n"
        f"{sum(len(task.scores) for task in tasks):,} pairs, {THREADS} threads, theirs in batches "
        f"of {batch}. {machine()}.\n"
    )
    print(f"\n{text}")
    if not short:
        (RESULTS / "evaluate.md").write_text(text)
    if apart > 0.01 or ratio > BAR:
        sys.exit("the scores differ, or the ratio is above its bar")


if __name__ == "__main__":
    main()
