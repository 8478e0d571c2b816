"""Views of one's own: an edit of the text, and a perturbation of its token embeddings."""

import tempfile
from random import Random

import torch

import sentemb
from sentemb.bundled import bundled
from sentemb.views import Draws


def without_vowels(text: str, random: Random) -> str:
    """Drop a third of the vowels, as a hasty writer does."""
    return "".join(c for c in text if c not in "aeiou" or random.random() > 1 / 3)


def quieter(embeddings: torch.Tensor, mask: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Scale each token by a number of its own between a half and one."""
    return embeddings * (0.5 + 0.5 * draws.uniform(mask.shape[1])).unsqueeze(2)


torch.manual_seed(0)
encoder = sentemb.build_encoder("mini", pooling="mean")
views = (sentemb.View(edit=without_vowels), sentemb.View(perturb=quieter))
method = sentemb.Method(views, twin=sentemb.Siamese(encoder), loss=sentemb.NTXent(0.1))
data = sentemb.read_training_data(bundled("sentences.txt"), [("text",)])
dev = sentemb.read_sts(bundled("graded.tsv"))
settings = sentemb.Settings(batch_size=32, learning_rate=3e-5, epochs=1, max_steps=20)
with tempfile.TemporaryDirectory() as folder:
    run = sentemb.train(method, data, f"{folder}/model", settings, dev=dev)
print(f"Spearman {run.before['spearman']:.1f} -> {run.metrics['spearman']:.1f}")
