"""Any function of pairs is a loss: here the margin loss, in three lines, with SimCSE's views."""

import tempfile

import torch

import sentemb
from sentemb.bundled import bundled
from sentemb.functional import cosine


def margin(pairs: sentemb.Pairs) -> torch.Tensor:
    """Each positive should be nearer than every other row's, by a cosine of 0.3."""
    similarities = cosine(pairs.anchor, pairs.positive)
    gaps = 0.3 + similarities - similarities.diagonal().unsqueeze(1)
    return torch.relu(gaps.fill_diagonal_(0)).mean()


torch.manual_seed(0)
encoder = sentemb.build_encoder("mini", pooling="mean")
views = (sentemb.View("anchor"), sentemb.View("positive"))
method = sentemb.Method(views, twin=sentemb.Siamese(encoder), loss=margin)
data = sentemb.read_training_data(bundled("triplets.csv"), [("anchor", "positive")])
dev = sentemb.read_sts(bundled("graded.tsv"))
settings = sentemb.Settings(batch_size=32, learning_rate=3e-4, epochs=1, eval_steps=30)
with tempfile.TemporaryDirectory() as folder:
    run = sentemb.train(method, data, f"{folder}/model", settings, dev=dev)
print(f"Spearman {run.before['spearman']:.1f} -> {run.metrics['spearman']:.1f}")
