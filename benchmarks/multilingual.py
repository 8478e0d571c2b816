"""Does multilingual distillation bring Chinese names to their English ones, and to STS-zh?

    python benchmarks/multilingual.py                        about 12 minutes on one core
    python benchmarks/multilingual.py --only control --seeds 1        one run of them
    python benchmarks/multilingual.py --steps 5              a try, nothing is kept

Pairs are the English and Chinese names of emoji and stamps: a few words each. The student is a BERT
of 2 layers and 128 dimensions with random weights, whose tokenizer is trained on these names; the
teacher is all-MiniLM-L6-v2, which has seen labels. Measured before and after: how often the name
in the other language is the nearest, both ways, among emoji that training did not see, and Spearman
on STS-zh dev, whose sentences are no names, beside the share of its tokens that the tokenizer does
not know. The control has the teacher's vectors shuffled among the texts. Three seeds, which draw
the student's weights too. Finished runs are lines of results/multilingual.jsonl and are not run
again; the table of all lines is written to results/multilingual.md.
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean

import pyarrow.parquet as pq
import torch
from common import RESULTS, data, machine, minilm, remembered, spread, table
from taught import shuffled
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

import sentemb
from sentemb.methods import multilingual
from sentemb.suites.chinese import CHINESE_STS

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
STEPS, SEEDS = 400, (0, 1, 2)
KINDS = {"multilingual": "multilingual", "control": "control: teacher shuffled"}
SCORES = ("zh to en", "en to zh", "STS-zh")


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


def student(folder: Path, texts: list[str], seed: int) -> Path:
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
    torch.manual_seed(seed)
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=128,
                        num_hidden_layers=2, num_attention_heads=2, intermediate_size=512,
                        max_position_embeddings=128)  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def chinese_sts():
    """Return STS-zh dev."""
    dev = CHINESE_STS[0]
    return dev.read(dev.name, [data(file) for file in dev.files])


def measured(encoder, unseen: list[tuple[str, str]]) -> dict[str, float]:
    """Return how often a name's translation is the nearest, and Spearman on STS-zh dev."""
    english, chinese = (
        torch.from_numpy(encoder.encode(list(side), normalize_embeddings=True))
        for side in zip(*unseen, strict=True)
    )
    cosines, own = chinese @ english.T, torch.arange(len(unseen))
    found = [(cosines.argmax(dim=way) == own).float().mean() for way in (1, 0)]
    spearman = chinese_sts()(encoder.encode)["spearman"]
    return dict(zip(SCORES, [*(100 * float(one) for one in found), spearman], strict=True))


def unknown_share(tokenizer) -> float:
    """Return how much of STS-zh dev the tokenizer does not know, in percent."""
    task = chinese_sts()
    ids = [n for text in {*task.sentences1, *task.sentences2}
           for n in tokenizer(text, add_special_tokens=False)["input_ids"]]  # fmt: skip
    return 100 * ids.count(tokenizer.unk_token_id) / len(ids)


def run(kind: str, seed: int, steps: int) -> dict:
    pairs, unseen = names()
    with tempfile.TemporaryDirectory() as folder:
        raw = student(Path(folder) / "raw", [text for pair in pairs for text in pair], seed)
        encoder = sentemb.build_encoder(raw, pooling="mean", device="cpu")
    counted = {"pairs": len(pairs), "unseen": len(unseen)}
    counted |= {"unknown": unknown_share(encoder.tokenizer), "before": measured(encoder, unseen)}
    method = multilingual(encoder, str(minilm()))
    if kind == "control":
        shuffled(method.twin.teacher)
    rows = {"anchor": [a for a, _ in pairs], "positive": [b for _, b in pairs]}
    settings = sentemb.Settings(
        batch_size=64, learning_rate=1e-3, max_steps=steps, max_length=32, warmup=0.05,
        save_steps=10**6, seed=seed,
    )  # fmt: skip
    sentemb.train(method, rows, None, settings)
    return counted | {"after": measured(encoder.eval(), unseen)}


def written(file: Path, steps: int) -> str:
    """Return the table of all finished runs."""
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    rows = []
    untrained = {one["seed"]: one["before"] for one in done}  # the same for both kinds of run
    each = {"untrained": [*untrained.values()]}
    each |= {shown: [one["after"] for one in done if one["kind"] == kind]
             for kind, shown in KINDS.items()}  # fmt: skip
    for shown, found in each.items():
        if found:
            scores = [spread([one[score] for one in found], 1) for score in SCORES]
            rows.append([shown, str(len(found)), *scores])
    one = done[0]
    header = ["", "seeds", "zh to en, %", "en to zh, %", "STS-zh dev, Spearman"]
    return (
        f"{table(header, rows)}\n\n{one['pairs']:,} pairs of names, {steps:,} steps of 64, mean ± "
        f"sd over seeds. Nearest of {one['unseen']} unseen names: {100 / one['unseen']:.1f} % by "
        f"chance. The tokenizer does not know {mean(run['unknown'] for run in done):.1f} % of "
        f"the tokens of STS-zh dev. {machine()}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS])
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        kept = options.steps == STEPS
        file = (RESULTS if kept else Path(folder)) / "multilingual.jsonl"
        for kind in options.only:
            for seed in options.seeds:
                given = (kind, seed, options.steps)
                remembered(file, {"kind": kind, "seed": seed}, lambda given=given: run(*given))
        text = written(file, options.steps)
    print(text)
    if kept:
        (RESULTS / "multilingual.md").write_text(text)


if __name__ == "__main__":
    main()
