"""Do categories of pictures teach a text encoder? Its layers learn them first, then SimCSE texts.

    python benchmarks/visual_text.py [seeds]     five by default, each about 5 minutes of one core

A picture is cut into patches, a linear layer maps each to the width of the words, and the layers,
the positions and the pooling of the text encoder make a vector of them. `SupConOut` brings together
emoji of one group, such as animals or flags, by two artists; no word is seen. Then the layer of the
patches is dropped and unsupervised SimCSE trains the encoder on texts: the same rows in the same
order, and as many steps, whatever came before. Control: the same pictures and steps, the categories
shuffled among them. From the bundled encoder `mini` with mean pooling.

Jian, Gao and Vosoughi, 2022 (arXiv:2209.09433), train both losses at the same time; here one comes
after the other. Whether the layers learn the categories is measured on concepts that were left out:
how often the nearest mean of a category's trained pictures is that of its own. Finished runs are
lines of results/visual_text.jsonl and are not run again; written to results/visual_text.md.
"""

import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from common import RESULTS, data, digest, machine, remembered, spread, table
from datasets import Dataset
from recipes import rows_of as texts_of
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

import sentemb
from sentemb import Pairs
from sentemb.datasets import TrainingData
from sentemb.inference.embedder import Embedder
from sentemb.losses import SupConOut
from sentemb.modalities.picture_files import decode
from sentemb.modalities.picture_views import PictureView
from sentemb.views import Draws

SEEDS = range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
SIZE, PATCH = 32, 8
"""Pixels a side, of a picture and of a patch."""
PICTURE_STEPS, PICTURES, PICTURE_RATE = 200, 64, 3e-4
STEPS, BATCH, RATE, LENGTH = 60, 32, 1e-4, 32
OPTIONS = digest(SIZE, PATCH, PICTURE_STEPS, PICTURES, PICTURE_RATE, STEPS, BATCH, RATE, LENGTH)
ALONE, TAUGHT, SHUFFLED = "SimCSE alone", "categories", "categories shuffled"
SETTINGS = (ALONE, TAUGHT, SHUFFLED)


@cache
def emoji(unseen: bool) -> tuple[Tensor, list[str]]:
    """Return two artists' emoji, ``[rows, 3, SIZE, SIZE]`` in [0, 1], and their groups."""
    from pictures import rows_of

    rows = [
        row
        for artist in ("emoji_noto", "emoji_twemoji")
        for row in rows_of(f"emoji/{artist}", ["image", "group", "unseen"])
        if row["unseen"] is unseen
    ]
    pixels = torch.from_numpy(np.stack([decode(row["image"], SIZE) for row in rows]))
    return pixels.permute(0, 3, 1, 2) / 255, [row["group"] for row in rows]


class PatchesAsWords(nn.Module):
    """A text encoder that reads pictures: a patch is a word."""

    def __init__(self, encoder: SentenceTransformer) -> None:
        super().__init__()
        self.transformer, self.pooling = encoder[0].model, encoder[1]
        words = self.transformer.get_input_embeddings().weight.detach()
        self.project = nn.Linear(3 * PATCH**2, words.shape[1])
        nn.init.normal_(self.project.weight, std=3 * float(words.std()) / PATCH)
        nn.init.zeros_(self.project.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the vectors of pictures; ink is what counts, a white patch is its position."""
        patches = F.unfold(1 - pixels, PATCH, stride=PATCH).transpose(1, 2)
        mask = torch.ones(patches.shape[:2], dtype=torch.long)
        given = {"inputs_embeds": self.project(patches), "attention_mask": mask}
        tokens = self.transformer(**given).last_hidden_state
        return self.pooling({"token_embeddings": tokens, "attention_mask": mask})[
            "sentence_embedding"
        ]


def teach(reader: PatchesAsWords, seed: int, *, shuffled: bool, steps: int) -> None:
    """Bring pictures of one category together."""
    pixels, names = emoji(unseen=False)
    categories = torch.from_numpy(np.unique(names, return_inverse=True)[1])
    generator = torch.Generator().manual_seed(seed)
    if shuffled:
        order = np.random.default_rng(seed).permutation(len(categories))
        categories = categories[torch.from_numpy(order)]
    learning = [{"params": reader.transformer.parameters()},
                {"params": reader.project.parameters(), "lr": 1e-3}]  # fmt: skip
    optimizer = torch.optim.AdamW(learning, lr=PICTURE_RATE, weight_decay=0.0)
    loss, view = SupConOut(0.1), PictureView()
    reader.train()
    for _ in range(steps):
        rows = torch.randint(len(pixels), (PICTURES,), generator=generator)
        keys = torch.randint(2**62, (2, PICTURES), generator=generator)
        both = [view(pixels[rows], Draws(key)) for key in keys]
        one, other = reader(torch.cat(both)).chunk(2)
        optimizer.zero_grad()
        loss(Pairs(one, other, labels=categories[rows])).backward()
        optimizer.step()


@torch.no_grad()
def categories_found(reader: PatchesAsWords) -> float:
    """Return how often a left-out concept is nearest to the mean of its own category, in %."""
    reader.eval()
    (known, names), (asked, true) = emoji(unseen=False), emoji(unseen=True)
    one, other = (F.normalize(torch.cat([reader(part) for part in pixels.split(256)]), dim=1)
                  for pixels in (asked, known))  # fmt: skip
    categories, numbers = np.unique(names, return_inverse=True)
    means = torch.stack([other[torch.from_numpy(numbers == n)].mean(dim=0)
                         for n in range(len(categories))])  # fmt: skip
    nearest = categories[(one @ F.normalize(means, dim=1).T).argmax(dim=1).numpy()]
    return 100 * float((nearest == np.array(true)).mean())


def stsb(encoder: SentenceTransformer, part: str) -> float:
    with Embedder(encoder) as embedder:
        return sentemb.read_sts(data(f"sts/STSB.{part}.tsv"))(embedder.encode)["spearman"]


def run(setting: str, seed: int, picture_steps: int = PICTURE_STEPS, steps: int = STEPS) -> dict:
    torch.manual_seed(seed)
    started = time.process_time()
    encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
    reader = PatchesAsWords(encoder)
    if setting != ALONE:
        teach(reader, seed, shuffled=setting == SHUFFLED, steps=picture_steps)
    found = {"found": categories_found(reader), "dev before": stsb(encoder, "dev")}
    texts = texts_of("simcse-unsup").rows["text"][: steps * BATCH]
    rows = TrainingData(Dataset.from_dict({"text": texts}), "mixed", 0)
    settings = sentemb.Settings(
        batch_size=BATCH, learning_rate=RATE, epochs=1, max_length=LENGTH, seed=seed, select="last"
    )
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        sentemb.train(sentemb.simcse_unsup(encoder), rows, Path(folder) / "model", settings)
    found |= {part: stsb(encoder, part) for part in ("dev", "test")}
    return found | {"seconds": time.process_time() - started}


def main() -> None:
    torch.set_num_threads(1)
    found: dict[str, list[dict]] = {}
    for seed in SEEDS:
        for setting in SETTINGS:
            key = {"setting": setting, "seed": seed, "options": OPTIONS}
            once = remembered(
                RESULTS / "visual_text.jsonl", key, lambda s=setting, n=seed: run(s, n)
            )
            found.setdefault(setting, []).append(once)
            print(once, flush=True)
    base = np.array([one["dev"] for one in found[ALONE]])
    rows = []
    for name, runs in found.items():
        each = {part: [one[part] for one in runs] for part in runs[0] if part != "setting"}
        against = "" if name == ALONE else spread([*(np.array(each["dev"]) - base)])
        rows.append([
            name, spread(each["found"], 1),
            *(spread(each[part]) for part in ("dev before", "dev")), against, spread(each["test"]),
        ])  # fmt: skip
    header = ["first", "category found, %", "dev before SimCSE", "dev after",
              "against SimCSE alone, same seed", "test after"]  # fmt: skip
    groups = emoji(unseen=True)[1]
    largest = 100 * max(map(groups.count, set(groups))) / len(groups)
    seconds = np.mean([one["seconds"] for runs in found.values() for one in runs])
    text = (
        f"{table(header, rows)}\n\nSTS-B Spearman × 100, mean ± sd over {len(SEEDS)} seeds. "
        f"{PICTURE_STEPS} steps of {PICTURES} pictures in two views, {STEPS} steps of {BATCH} "
        f"texts. {largest:.0f} % of the left-out pictures are of the largest of {len(set(groups))} "
        f"categories. {seconds:.0f} CPU seconds a run. {machine()}.\n"
    )
    (RESULTS / "visual_text.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
