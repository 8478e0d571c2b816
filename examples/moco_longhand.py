"""MoCo without the trainer: what happens in a step, and in which order."""

import torch

from sentemb import InfoNCE, View, build_encoder
from sentemb.bundled import bundled
from sentemb.training.collator import Collator
from sentemb.twins import ConstantMomentum, MomentumQueue, layers

torch.manual_seed(0)
encoder = build_encoder("mini", pooling="mean", device="cpu")
head = layers(encoder, 128)
twin = MomentumQueue(encoder, ConstantMomentum(0.99), 256, projector=head).train()
views, loss = (View(), View()), InfoNCE(temperature=0.07)
tokens_of = Collator(encoder, views, max_length=32, seed=0)
trained = [parameter for parameter in twin.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=3e-5)

texts = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()
for step, start in enumerate(range(0, 320, 32)):
    rows = [
        {"text": text, "row": i, "epoch": 0} for i, text in enumerate(texts[start : start + 32])
    ]
    pairs = twin(tokens_of(rows)["views"], views)  # anchors: encoder; positives: target
    value = loss(pairs)  # negatives: the positives of earlier steps
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    twin.on_batch_end()  # the queue takes this step's positives
    twin.on_step_end(progress=step / 10)  # the target follows the encoder
    print(f"step {step}: loss {value.item():.3f}, {len(twin.queue)} in the queue")
