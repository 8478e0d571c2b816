"""What one of several processes does: three steps of some methods on its share of each batch.

Run by tests/training/test_processes.py, alone and as two processes.
"""

from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from torch.nn.parallel import DistributedDataParallel

from sentemb import Method, Settings
from sentemb.bundled import bundled
from sentemb.datasets.in_memory import InMemory
from sentemb.losses import SymmetricInfoNCE
from sentemb.methods import (
    arccse,
    byol,
    clip,
    distill,
    gist,
    lit,
    moco,
    rankcse,
    siglip,
    simclr_pictures,
    simcse_sup,
    simcse_unsup,
    sncse,
    starbucks,
    supcon,
    swav,
    two_tower,
    whitenedcse,
)
from sentemb.modalities.captioned import PairedData, read_captioned, read_signals
from sentemb.modalities.towers import Tower, TowerConfig
from sentemb.runs.processes import leave_processes
from sentemb.training.collator import Collator, NumberedRows
from sentemb.training.mixed import collator_of
from sentemb.training.teaching import teach_few
from sentemb.twins import Hub
from sentemb.views import FeatureCutoff, View
from tests.support.encoders import mini
from tests.support.helpers import without_dropout

BATCH, STEPS = 16, 3
HARD = ("anchor", "positive", "negative", "negative_2")
PICTURE = TowerConfig(size=8, width=8, depth=2, dim=12)
SOUND = TowerConfig("sound", size=16, width=8, depth=2, dim=12)


def bound(encoder: SentenceTransformer) -> Method:
    twin = Hub(encoder, Tower(SOUND), Tower(PICTURE))
    return Method((View("text"),), twin, SymmetricInfoNCE(0.05))


def pictures_and_sounds() -> PairedData:
    """Return the bundled pictures, each beside a log-mel of its own."""
    import pyarrow.parquet

    draw = np.random.default_rng(0)
    rows = [
        {
            "image": row["image"],
            "sound": draw.standard_normal((64, 16)).astype(np.float16).tobytes(),
            "text": row["caption"],
        }
        for row in pyarrow.parquet.read_table(bundled("pictures.parquet")).to_pylist()
    ]
    return read_captioned(InMemory(rows[: BATCH * STEPS], (), "rows"), [PICTURE, SOUND])


def pictures() -> PairedData:
    return read_captioned(bundled("pictures.parquet"), [PICTURE])


OF_TOWERS = {
    "clip": pictures,
    "siglip": pictures,
    "lit": pictures,
    "simclr-pictures": lambda: read_signals(bundled("pictures.parquet"), PICTURE),
    "hub": pictures_and_sounds,
}
RECIPES = {
    "simcse": simcse_unsup,
    "moco": lambda encoder: moco(encoder, queue_size=24, momentum=0.9),
    "byol": byol,
    "supcon": supcon,
    "two-tower": lambda encoder: two_tower(encoder, columns=("text", "text")),
    "distill": lambda encoder: distill(encoder, "mini-sentemb"),
    "rankcse": lambda encoder: rankcse(encoder, "mini-sentemb"),
    "gist": lambda encoder: gist(encoder, "mini-sentemb", HARD, temperature=0.2),
    "sncse": lambda encoder: sncse(encoder, margin_weight=1.0),
    "whitenedcse": lambda encoder: whitenedcse(encoder, group_width=4),
    "arccse": arccse,
    "starbucks": starbucks,
    "negatives": lambda encoder: simcse_sup(encoder, HARD, hard_negative_weight=2.0),
    "clip": lambda encoder: clip(encoder, size=8, width=8, depth=2, dim=12),
    "siglip": lambda encoder: siglip(encoder, size=8, width=8, depth=2, dim=12),
    "lit": lambda encoder: lit(encoder, size=8, width=8, depth=2),
    "simclr-pictures": lambda _: simclr_pictures(size=8, width=8, depth=2, dim=12, projection=6),
    "hub": bound,
    "swav": lambda encoder: swav(encoder, prototypes=8, queue_size=16, frozen_steps=1),
}


OF_TRIPLETS = ("negatives", "gist")


def build(name: str) -> Method:
    pooling = "mean" if name == "starbucks" else "cls_before_pooler"
    method = RECIPES[name](without_dropout(mini(pooling)))
    if name in (*OF_TRIPLETS, *OF_TOWERS):
        return method.double()
    views = (View(), View(perturb=FeatureCutoff(0.3)))[-len(method.views) :] + method.views[2:]
    return Method(views, method.twin, method.loss).double()


def losses_and_state(name: str, state: PartialState) -> dict[str, torch.Tensor]:
    """Return the losses, the gradients of the last step, and everything that is saved."""
    method = build(name).train()
    alone = state.num_processes == 1
    wrapped = method if alone else DistributedDataParallel(method, broadcast_buffers=False)
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.05)
    texts = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()
    columns = {"text": texts[: BATCH * STEPS]}
    if name == "supcon":
        columns["label"] = [number % 5 for number in range(BATCH * STEPS)]
    if name in OF_TRIPLETS:
        columns = {column: texts[k * BATCH * STEPS :][: BATCH * STEPS]
                   for k, column in enumerate(HARD)}  # fmt: skip
        columns["negative_2"] = [t if n % 3 else "" for n, t in enumerate(columns["negative_2"])]
    rows = NumberedRows(Dataset.from_dict(columns))
    teach_few(method, rows.rows)
    collator = Collator(method.encoder, method.views, 32, 0)
    if name in OF_TOWERS:
        data = OF_TOWERS[name]()
        rows, collator = NumberedRows(data.rows), collator_of(method, Settings(max_length=32), data)
    mine = BATCH // state.num_processes
    found = {}
    for step in range(STEPS):
        first = step * BATCH + state.process_index * mine
        batch = collator([rows[i] for i in range(first, first + mine)])
        optimizer.zero_grad()
        loss = wrapped(**batch)["loss"]
        loss.backward()
        method.twin.on_batch_end()
        found[f"loss {step}"] = loss.detach()
        if step < STEPS - 1:
            optimizer.step()
            method.twin.on_step_end(step / STEPS)
    gradients = {f"gradient {n}": p.grad for n, p in method.named_parameters() if p.requires_grad}
    return found | gradients | dict(method.state_dict())


def work(folder: Path) -> None:
    """Leave what each process has found in a folder."""
    state = PartialState(cpu=True)
    for name in RECIPES:
        torch.save(losses_and_state(name, state), folder / f"{name}-{state.process_index}.pt")
    leave_processes()
