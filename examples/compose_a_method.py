"""Any view with any twin and any loss: BYOL's twin on ConSERT's views, with FlatNCE besides."""

import tempfile

import torch

import sentemb
from sentemb.bundled import bundled
from sentemb.losses import FlatNCEOneWay, NegativeCosine, Sum
from sentemb.twins import CosineMomentum, MomentumPredictor, between, layers
from sentemb.views import FeatureCutoff, TokenShuffle

torch.manual_seed(0)
encoder = sentemb.build_encoder("mini", pooling="mean")
twin = MomentumPredictor(
    encoder,
    CosineMomentum(0.99),
    projector=layers(encoder, 256, 64),
    predictor=between(64, 128, 64).to(encoder.device),
)
views = (sentemb.View(perturb=FeatureCutoff(0.2)), sentemb.View(order=TokenShuffle()))
loss = Sum((NegativeCosine(), FlatNCEOneWay(temperature=0.1)), weights=(1.0, 0.1))
method = sentemb.Method(views, twin, loss)
data = sentemb.read_training_data(bundled("sentences.txt"), [("text",)])
dev = sentemb.read_sts(bundled("graded.tsv"))
settings = sentemb.Settings(batch_size=64, learning_rate=3e-5, epochs=1, max_steps=20)
with tempfile.TemporaryDirectory() as folder:
    run = sentemb.train(method, data, f"{folder}/model", settings, dev=dev)
print(f"Spearman {run.before['spearman']:.1f} -> {run.metrics['spearman']:.1f}")
