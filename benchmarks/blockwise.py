"""InfoNCE over many candidates: blocks against one matrix, time and memory.

    python benchmarks/blockwise.py     about 5 minutes on a quiet core

Each size is run in processes of its own, direct and in blocks in turn, forward and backward on one
thread, with negatives that are trained or that a queue holds; the peak is the process's greatest
resident size above what it had before the loss. Direct is cross-entropy over the matrix of cosines,
as it is usually written. Errors are against cross-entropy in float64. Written to
results/blockwise.md, after each size.
"""

import multiprocessing
import resource
import statistics
import time

import torch
import torch.nn.functional as F  # noqa: N812
from common import RESULTS, machine, table

import sentemb
from sentemb.losses import InfoNCE, contrast

SIZES = [(512, 4096, 256), (1024, 65536, 256), (4096, 16384, 256), (4096, 65536, 256)]
NEGATIVES = ("trained", "queue")
VARIANTS = ("cross-entropy", "in blocks")
EXACT = "float64"
ROUNDS = 1
TEMPERATURE = 0.05


def cross_entropy(pairs: sentemb.Pairs) -> torch.Tensor:
    candidates = torch.cat([pairs.positive, pairs.negatives])
    similarities = F.normalize(pairs.anchor, dim=1) @ F.normalize(candidates, dim=1).T
    return F.cross_entropy(similarities / TEMPERATURE, torch.arange(len(pairs.anchor)))


def measure(variant: str, kind: str, batch: int, candidates: int, dim: int) -> dict:
    torch.set_num_threads(1)
    loss = cross_entropy if variant in ("cross-entropy", EXACT) else InfoNCE(TEMPERATURE)
    dtype = torch.float64 if variant == EXACT else torch.float32
    generator = torch.Generator().manual_seed(0)
    anchor = torch.randn(batch, dim, generator=generator)
    positive = anchor + 0.5 * torch.randn(batch, dim, generator=generator)
    negatives = torch.randn(max(1, candidates - batch), dim, generator=generator)
    anchor, positive, negatives = (x.to(dtype) for x in (anchor, positive, negatives))
    leaves = [x.requires_grad_() for x in (anchor, positive)]
    leaves += [negatives.requires_grad_()] if kind == "trained" else []
    small = torch.randn(8, dim, requires_grad=True)  # what torch sets up at the first backward
    contrast.BLOCK, block = 1, contrast.BLOCK
    loss(sentemb.Pairs(small, small + 1, small + 2)).backward()
    contrast.BLOCK = block
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    value = loss(sentemb.Pairs(anchor, positive, negatives))
    gradients = torch.autograd.grad(value, leaves)
    return {
        "seconds": time.process_time() - started,
        "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "value": value.item(),
        "norm": sum(float(g.double().square().sum()) for g in gradients) ** 0.5,
    }


def in_a_process(variant: str, size: tuple) -> dict:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(measure, (variant, *size))


def main() -> None:
    rows, found = [], {}
    for size in [(kind, *size) for size in SIZES for kind in NEGATIVES]:
        exact = in_a_process(EXACT, size)
        for _ in range(ROUNDS):
            for variant in VARIANTS:
                found.setdefault((size, variant), []).append(in_a_process(variant, size))
        middle = {
            v: {
                key: statistics.median(one[key] for one in found[size, v])
                for key in ("seconds", "megabytes", "value", "norm")
            }
            for v in VARIANTS
        }
        blocks = middle["in blocks"]
        for variant in VARIANTS:
            one = middle[variant]
            rows.append(
                [
                    "{1} x {2:,}, {3}, {0}".format(*size),
                    variant,
                    f"{one['seconds']:.2f}",
                    f"{one['megabytes']:.0f}",
                    f"{blocks['seconds'] / one['seconds']:.2f}",
                    f"{blocks['megabytes'] / one['megabytes']:.2f}",
                    *(f"{abs(one[k] / exact[k] - 1):.0e}" for k in ("value", "norm")),
                ]
            )
            print(*rows[-1], sep="  ", flush=True)
        write(rows)


def write(rows: list[list[str]]) -> None:
    header = [
        "rows x candidates, dim, negatives",
        "InfoNCE",
        "CPU s",
        "peak MB",
        "blocks/this, time",
    ]
    header += ["blocks/this, peak", "error of value", "error of gradient's norm"]
    text = f"{table(header, rows)}\n\n{ROUNDS} round(s), one thread. {machine()}\n"
    (RESULTS / "blockwise.md").write_text(text)


if __name__ == "__main__":
    main()
