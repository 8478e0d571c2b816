"""Do names of clusters say what is in them? What a decoder writes, words, and the nearest text.

    python benchmarks/cluster_names.py                       about 15 minutes on a quiet core
    python benchmarks/cluster_names.py --steps 20 --rows 300

A decoder of `mini-sentemb` writes texts of the kind that it was trained on, so it is trained on
many kinds of at most 13 words: SQuAD's questions, and three times as many sentences, captions and
glosses. It is kept in a folder of the temporary directory, and continued there. TREC's questions
and the names of emoji are grouped into 20 clusters each, and each cluster is named in three ways:
by the text that the decoder writes of the centre, by the three words of c-TF-IDF, and by the
nearest text. A cluster's label is the most frequent one of its rows. A name that holds a word for
the label counts; which words are for a label was written down before any name was seen: those of
the label itself for emoji, and WORDS for questions. The cosine is that of the name's vector with
the centre. Measurements are lines of results/cluster_names.jsonl, tables results/cluster_names.md;
the nearest texts, which may not be passed on, are counted there and printed.
"""

import argparse
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from common import RESULTS, data, lines, machine, remembered, sample, table

import sentemb
from sentemb.decoders import load_decoder

ENCODER, CLUSTERS = "mini-sentemb", 20
FOLDER = Path(tempfile.gettempdir()) / "sentemb-cluster-names"
DECODER = {
    "batch_size": 32, "learning_rate": 2e-3, "max_length": 20, "save_steps": 300,
    "precision": "bf16",
}  # fmt: skip
WORDS = {
    "ABBR:abb": "abbreviation acronym short",
    "ABBR:exp": "abbreviation acronym stand letters full",
    "DESC:def": "definition define mean meaning term",
    "DESC:desc": "describe description difference",
    "DESC:manner": "how way manner",
    "DESC:reason": "why reason cause purpose",
    "ENTY:animal": "animal bird dog cat fish horse insect",
    "ENTY:body": "body organ bone",
    "ENTY:color": "color colour",
    "ENTY:cremat": "book film movie novel song play show author wrote",
    "ENTY:currency": "currency money",
    "ENTY:dismed": "disease medicine drug illness symptom cancer",
    "ENTY:event": "event war battle game",
    "ENTY:food": "food drink eat dish fruit beer wine",
    "ENTY:instru": "instrument music",
    "ENTY:lang": "language speak",
    "ENTY:letter": "letter alphabet",
    "ENTY:other": "thing kind type",
    "ENTY:plant": "plant tree flower",
    "ENTY:product": "product brand company",
    "ENTY:religion": "religion god church",
    "ENTY:sport": "sport game team ball",
    "ENTY:substance": "substance metal element chemical",
    "ENTY:symbol": "symbol sign",
    "ENTY:techmeth": "technique method",
    "ENTY:termeq": "term name called word",
    "ENTY:veh": "vehicle car ship plane train",
    "ENTY:word": "word",
    "HUM:desc": "who person",
    "HUM:gr": "group team company organization",
    "HUM:ind": "who person man woman name actor president",
    "HUM:title": "title job",
    "LOC:city": "city capital where town",
    "LOC:country": "country where nation",
    "LOC:mount": "mountain where",
    "LOC:other": "where place location",
    "LOC:state": "state where",
    "NUM:code": "code number",
    "NUM:count": "many number",
    "NUM:date": "when year date day",
    "NUM:dist": "far distance long tall high",
    "NUM:money": "cost money price much",
    "NUM:ord": "order rank number",
    "NUM:other": "number",
    "NUM:perc": "percent percentage",
    "NUM:period": "long old age time",
    "NUM:speed": "speed fast",
    "NUM:temp": "temperature hot cold degrees",
    "NUM:volsize": "size big large",
    "NUM:weight": "weight weigh heavy",
}
"""Words for the fine labels of questions; those that most questions have are for none."""
WAYS = ("decoder", "words", "nearest text")
SHOWN = WAYS[:2]


def texts() -> list[str]:
    """Return what the decoder is trained on."""
    of_squad = (row.split("\t")[0] for row in lines("pairs/squad_question_sentence_dev.tsv.gz"))
    tagged = (row.split("\t", 1)[1] for row in lines("unlabelled/mixed_tagged.tsv.gz"))
    questions, others = (
        [text for text in dict.fromkeys(found) if len(text.split()) <= 13]
        for found in (of_squad, tagged)
    )
    return questions + random.Random(0).sample(others, 3 * len(questions))


def decoder(steps: int) -> Path:
    """Return the folder of the decoder, trained to its end."""
    folder = FOLDER / f"decoder-{steps}"
    if not (folder / "run.json").exists():
        sentemb.train_decoder(
            ENCODER, texts(), folder, resume=folder.exists(), **DECODER, max_steps=steps
        )
    return folder


def trec() -> tuple[list[str], list[str]]:
    """Return different questions with their fine labels."""
    content = data("cls/senteval/TREC/train_5500.label").read_text(encoding="latin-1")
    rows = (line.partition(" ") for line in content.splitlines())
    found = {question: label for label, _, question in rows}
    return list(found), list(found.values())


def emoji() -> tuple[list[str], list[str]]:
    """Return different names of emoji with their groups and subgroups."""
    columns = ["label", "group", "subgroup"]
    read = pq.read_table(data("multimodal/emoji/emoji_twemoji.parquet"), columns=columns)
    found = {row["label"]: f"{row['group']}: {row['subgroup']}" for row in read.to_pylist()}
    return list(found), list(found.values())


CORPORA = {"TREC questions": trec, "emoji": emoji}


def stems(text: str) -> set[str]:
    """Return the words of a text without a plural's s.

    >>> sorted(stems("Dogs, and a glass"))
    ['a', 'and', 'dog', 'glass']
    """
    words = re.findall(r"[a-z]+", text.lower())
    return {word.removesuffix("s") if not word.endswith("ss") else word for word in words}


def words_for(label: str) -> set[str]:
    """Return the words that a name of such rows is to have one of."""
    return stems(WORDS.get(label, label)) - {"other"}


def named(decoder: Path, corpus: str, rows: int) -> dict[str, Any]:
    """Group texts; return each cluster's label, size and three names, with the names' cosines."""
    config = load_decoder(decoder).config
    texts, labels = zip(*sample(zip(*CORPORA[corpus](), strict=True), rows), strict=True)
    found = sentemb.cluster(
        list(texts), config.encoder, clusters=CLUSTERS, seeds=0, name_by=decoder
    )
    words = sentemb.cluster(list(texts), config.encoder, clusters=CLUSTERS, seeds=0)
    nearest = [texts[row] for row in found.nearest]
    names = dict(zip(WAYS, (found.names, words.names, nearest), strict=True))
    encoder = sentemb.load(config.encoder)
    cosines = {
        way: (encoder.encode(each, normalize=True) * found.centres).sum(axis=1).tolist()
        for way, each in names.items()
    }
    inside = [
        Counter(labels[row] for row in np.flatnonzero(found.labels == cluster))
        for cluster in range(len(found))
    ]
    labels_of = [counts.most_common(1)[0][0] for counts in inside]
    for label, text in zip(labels_of, nearest, strict=True):
        print(f"  {label}  |  {text}")
    return {
        "names": {way: names[way] for way in SHOWN},
        "hits": {way: holds(names[way], labels_of) for way in WAYS},
        "cosines": cosines,
        "labels": labels_of,
        "shares": [counts.most_common(1)[0][1] / counts.total() for counts in inside],
        "sizes": [counts.total() for counts in inside],
    }


def holds(names: Iterable[str], labels: Iterable[str]) -> list[bool]:
    """Tell of each name whether it has a word for the label."""
    return [bool(stems(n) & words_for(label)) for n, label in zip(names, labels, strict=True)]


def main() -> None:
    """Measure what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000, help="of the decoder")
    parser.add_argument("--rows", type=int, default=10_000, help="at most so many of a corpus")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = decoder(options.steps)
    known = {"decoder": load_decoder(folder).fingerprint[:16], "rows": options.rows}
    counted, shown = [], []
    for corpus in CORPORA:
        one = remembered(
            RESULTS / "cluster_names.jsonl",
            {"corpus": corpus, **known},
            lambda c=corpus: named(folder, c, options.rows),
        )
        labels, hits = one["labels"], one["hits"]
        counted += [
            [
                corpus,
                way,
                f"{sum(hits[way])} of {len(labels)}",
                f"{np.mean(one['cosines'][way]):.3f}",
            ]
            for way in WAYS
        ]
        rows = [
            [
                f"{labels[k]} ({100 * one['shares'][k]:.0f} % of {one['sizes'][k]})",
                *(one["names"][way][k].replace("|", "/") for way in SHOWN),
                ", ".join(way for way in WAYS if hits[way][k]),
            ]
            for k in range(len(labels))
        ]
        header = ["most frequent label", *SHOWN, "with a word for it"]
        shown += [f"{corpus}:", table(header, rows)]
    head = ["texts", "named by", "names with a word for the label", "mean cosine with the centre"]
    about = (
        f"{CLUSTERS} clusters of k-means. Decoder: {options.steps:,} steps, {DECODER}. {machine()}."
    )
    parts = [table(head, counted), *shown, about]
    (RESULTS / "cluster_names.md").write_text("\n\n".join(parts) + "\n")
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
