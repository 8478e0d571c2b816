"""Any function of pairs is a loss: here the margin loss, in three lines, with SimCSE's views."""

import tempfile

import torch
import torch.nn.functional as F  # noqa: N812

from sentemb import (  # fmt: skip
    Method,
    Pairs,
    Settings,
    Siamese,
    View,
    build_encoder,
    read_sts,
    read_training_data,
    train,
)
from sentemb.embedded import embedded
from sentemb.functional import cosine


def margin(pairs: Pairs) -> torch.Tensor:
    """Each positive should be nearer than every other row's, by a cosine of 0.3."""
    similarities = cosine(pairs.anchor, pairs.positive)
    gaps = 0.3 + similarities - similarities.diagonal().unsqueeze(1)
    return F.relu(gaps.fill_diagonal_(0)).mean()


torch.manual_seed(0)
encoder = build_encoder("mini", pooling="mean")
method = Method(
    views=(View("anchor"), View("positive")),
    twin=Siamese(encoder),
    loss=margin,
)
data = read_training_data(embedded("triplets.csv"), [("anchor", "positive")])
dev = read_sts(embedded("graded.tsv"))
settings = Settings(batch_size=32, learning_rate=3e-4, epochs=1, eval_steps=30)
with tempfile.TemporaryDirectory() as folder:
    run = train(method, data, f"{folder}/model", settings, dev=dev)
print(f"Spearman {run.before['spearman']:.1f} -> {run.metrics['spearman']:.1f}")
