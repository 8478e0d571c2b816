"""How much faster is ModernBERT without padding?

    python benchmarks/modernbert.py           about 5 minutes of one core
    python benchmarks/modernbert.py --short   a minute

A ModernBERT of random weights (weights do not matter to time), 6 layers of 256, every third global,
the others local over 128 tokens, one thread, batches of 16 texts as they come. Sentences of the
bundled corpus, and documents of 1 to 25 of them. A forward, and a forward with its gradient; CPU
seconds, with padding and without in turn, the median of the rounds. Written to results/.
"""

import argparse
import random
import statistics
import time

import torch
from common import RESULTS, machine, table
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoTokenizer, ModernBertConfig, ModernBertModel

from sentemb.bundled import bundled
from sentemb.encoders.packed import packed

BATCH, ROUNDS = 16, 3
HEADER = ["texts", "work", "tokens a batch, padded", "real", "s padded", "s without", "ratio",
          "largest difference"]  # fmt: skip


def encoder() -> SentenceTransformer:
    import tempfile

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(bundled("mini"), model_max_length=1024)
    config = ModernBertConfig(
        vocab_size=len(tokenizer), hidden_size=256, intermediate_size=384, num_hidden_layers=6,
        num_attention_heads=4, max_position_embeddings=1024, pad_token_id=tokenizer.pad_token_id,
        cls_token_id=tokenizer.cls_token_id, sep_token_id=tokenizer.sep_token_id,
        bos_token_id=tokenizer.cls_token_id, eos_token_id=tokenizer.sep_token_id,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        ModernBertModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformer = Transformer(folder)
    pooling = Pooling(transformer.get_embedding_dimension(), "mean")
    return SentenceTransformer(modules=[transformer, pooling], device="cpu")


def batches(kind: str, count: int) -> list[list[str]]:
    sentences = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()
    draw = random.Random(0)
    texts = [
        sentences[draw.randrange(len(sentences))]
        if kind == "sentences"
        else " ".join(draw.sample(sentences, draw.randint(1, 25)))
        for _ in range(BATCH * count)
    ]
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]


def seconds(model: SentenceTransformer, features: list[dict], *, learns: bool) -> float:
    started = time.process_time()
    for batch in features:
        with torch.set_grad_enabled(learns):
            vectors = model(dict(batch))["sentence_embedding"]
        if learns:
            vectors.sum().backward()
            model.zero_grad()
    return time.process_time() - started


def rows(model: SentenceTransformer, kind: str, count: int, rounds: int) -> list[list[str]]:
    features = [
        {k: v for k, v in model.preprocess(texts).items() if torch.is_tensor(v)}
        for texts in batches(kind, count)
    ]
    inner = model[0].auto_model
    with torch.no_grad():
        stock = model(dict(features[0]))["sentence_embedding"]
        with packed(inner):
            apart = (model(dict(features[0]))["sentence_embedding"] - stock).abs().max()
    padded = sum(batch["input_ids"].numel() for batch in features) / count
    real = sum(int(batch["attention_mask"].sum()) for batch in features) / count
    found = []
    for learns in (False, True):
        taken: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(rounds):
            taken[False].append(seconds(model, features, learns=learns))
            with packed(inner):
                taken[True].append(seconds(model, features, learns=learns))
        slow, fast = (statistics.median(taken[way]) / count for way in (False, True))
        work = "forward and gradient" if learns else "forward"
        found.append([kind, work, f"{padded:,.0f}", f"{real:,.0f}", f"{slow:.3f}", f"{fast:.3f}",
                      f"{slow / fast:.2f}", f"{float(apart):.0e}"])  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="one round of two batches")
    short = parser.parse_args().short
    torch.set_num_threads(1)
    model = encoder().eval()
    count, rounds = (2, 1) if short else (2, ROUNDS)
    lines = [row for kind in ("sentences", "documents") for row in rows(model, kind, count, rounds)]
    text = f"{table(HEADER, lines)}\n\n{machine()}.\n"
    print(text)
    if not short:
        (RESULTS / "modernbert.md").write_text(text)


if __name__ == "__main__":
    main()
