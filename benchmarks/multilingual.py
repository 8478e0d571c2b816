"""Does multilingual distillation bring Chinese names to their English ones, and to STS-zh?

    python benchmarks/multilingual.py              about 4 minutes of one core
    python benchmarks/multilingual.py --steps 5    a try, nothing is written

Pairs are the English and Chinese names of emoji and stamps: a few words each. The student is a BERT
of 2 layers and 128 dimensions with random weights, whose tokenizer is trained on these names; the
teacher is all-MiniLM-L6-v2, which has seen labels. Measured before and after: how often the name
in the other language is the nearest, among emoji that training did not see, and Spearman on STS-zh
dev, whose sentences are no names. The control has the teacher's vectors shuffled among the texts.
One seed. Written to results/.
"""

import argparse
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import torch
from common import RESULTS, data, machine, minilm, table
from taught import shuffled
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

import sentemb
from sentemb.methods import multilingual
from sentemb.suites.chinese import CHINESE_STS

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
STEPS = 400


def names() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return pairs to train on, and those of unseen emoji."""
    seen, unseen = {}, {}
    emoji = pq.read_table(data("multimodal/emoji/emoji_noto.parquet"),
                          columns=["name_en", "name_zh", "unseen"])  # fmt: skip
    for row in emoji.to_pylist():
        (unseen if row["unseen"] else seen)[row["name_en"]] = row["name_zh"]
    stamps = pq.read_table(data("multimodal/stamps/pictures.parquet"),
                           columns=["text_en", "text_zh_CN", "split"])  # fmt: skip
    for row in stamps.to_pylist():
        if row["text_zh_CN"] and row["split"] == "train":
            seen.setdefault(row["text_en"], row["text_zh_CN"])
    return list(seen.items()), [pair for pair in unseen.items() if pair[0] not in seen]


def student(folder: Path, texts: list[str]) -> Path:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=6000, special_tokens=SPECIAL)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=128, **names
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=128,
                        num_hidden_layers=2, num_attention_heads=2, intermediate_size=512,
                        max_position_embeddings=128)  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def measured(encoder, unseen: list[tuple[str, str]]) -> list[str]:
    english, chinese = (
        torch.from_numpy(encoder.encode(list(side), normalize_embeddings=True))
        for side in zip(*unseen, strict=True)
    )
    cosines = chinese @ english.T
    nearest = (cosines.argmax(dim=1) == torch.arange(len(unseen))).float().mean()
    dev = CHINESE_STS[0]
    task = dev.read(dev.name, [data(file) for file in dev.files])
    return [f"{100 * float(nearest):.1f}", f"{task(encoder.encode)['spearman']:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    pairs, unseen = names()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        raw = student(Path(folder) / "raw", [text for pair in pairs for text in pair])
        for kind in ("multilingual", "control: teacher shuffled"):
            encoder = sentemb.build_encoder(raw, pooling="mean", device="cpu")
            if not lines:
                lines.append(["untrained", *measured(encoder, unseen)])
            method = multilingual(encoder, str(minilm()))
            if kind != "multilingual":
                shuffled(method.twin.teacher)
            rows = {"anchor": [a for a, _ in pairs], "positive": [b for _, b in pairs]}
            settings = sentemb.Settings(
                batch_size=64, learning_rate=1e-3, max_steps=steps, max_length=32, warmup=0.05,
                save_steps=10**6,
            )  # fmt: skip
            sentemb.train(method, rows, None, settings)
            lines.append([kind, *measured(encoder.eval(), unseen)])
            print(lines[-1], flush=True)
    header = ["", f"nearest of {len(unseen)} unseen names, zh to en, %", "STS-zh dev, Spearman"]
    text = (
        f"{table(header, lines)}\n\n{len(pairs):,} pairs of names, {steps:,} steps. {machine()}.\n"
    )
    print(text)
    if steps == STEPS:
        (RESULTS / "multilingual.md").write_text(text)


if __name__ == "__main__":
    main()
