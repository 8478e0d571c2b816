"""Batches larger than memory: micro-batches against the whole batch, time and memory.

    python benchmarks/cached.py     about 8 minutes on one core

One step of unsupervised SimCSE, forward and backward, on one thread; each run is a process of its
own, the ways taken in turn, three rounds. The peak is the process's greatest resident size above
what it had before the step. `mini` is the bundled encoder; the other has the shape of
all-MiniLM-L6-v2 and random weights. Written to results/cached.md.
"""

import json
import resource
import statistics
import subprocess
import sys
import time

from common import RESULTS, machine, table

CASES = [("mini", 1024, 0), ("mini", 1024, 128), ("mini", 1024, 32)]
CASES += [("mini", 4096, 128), ("6 layers, 384", 256, 0), ("6 layers, 384", 256, 32)]
ROUNDS = 3


def encoder_of(name: str):
    import torch
    from transformers import BertConfig, BertModel

    import sentemb

    encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
    if name != "mini":
        config = BertConfig(
            vocab_size=encoder[0].config.vocab_size,
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
        )
        torch.manual_seed(0)
        encoder[0].model = BertModel(config, add_pooling_layer=False)
    return encoder


def measure(name: str, batch: int, micro_batch: int) -> dict:
    import torch

    import sentemb
    from sentemb.bundled import bundled
    from sentemb.training.collator import Collator

    torch.set_num_threads(1)
    encoder = encoder_of(name)
    views = (sentemb.View(), sentemb.View())
    method = sentemb.Method(views, sentemb.Siamese(encoder), sentemb.InfoNCE()).train()
    texts = bundled("sentences.txt").read_text(encoding="utf-8").splitlines() * 2
    rows = [{"text": text, "row": i, "epoch": 0} for i, text in enumerate(texts[:batch])]
    collator = Collator(encoder, views, 32, 0)
    method(**collator(rows[:8]))["loss"].backward()  # what torch sets up at the first backward
    method.zero_grad()
    tokens = collator(rows)
    method.twin.micro_batch = micro_batch
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    method(**tokens)["loss"].backward()
    seconds = time.process_time() - started
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"seconds": seconds, "megabytes": peak}


def main() -> None:
    found: dict[tuple, list[dict]] = {case: [] for case in CASES}
    for _ in range(ROUNDS):
        for case in CASES:
            command = [sys.executable, __file__, *map(str, case)]
            out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            found[case].append(json.loads(out.splitlines()[-1]))
            print(*case, found[case][-1], flush=True)
    middle = {
        case: {key: statistics.median(one[key] for one in runs) for key in runs[0]}
        for case, runs in found.items()
    }
    rows = []
    for (name, batch, micro), one in middle.items():
        whole = middle.get((name, batch, 0))
        ratio = [f"{one[k] / whole[k]:.2f}" if whole else "" for k in ("seconds", "megabytes")]
        rows.append([name, f"{batch:,}", str(micro) if micro else "whole"])
        rows[-1] += [f"{one['seconds']:.1f}", ratio[0], f"{one['megabytes']:.0f}", ratio[1]]
    header = ["encoder", "batch", "micro-batch", "CPU s", "of whole", "peak MB", "of whole"]
    text = f"{table(header, rows)}\n\nMedians of {ROUNDS} rounds, one thread. {machine()}.\n"
    (RESULTS / "cached.md").write_text(text)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
