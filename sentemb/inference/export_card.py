"""The card of an export: what it is, how it is used, what it lost and gained."""

from pathlib import Path
from typing import Any

from sentemb.inference.card_cells import cells, name_cell

RECORD = "export.json"
CARD = """---
library_name: {library}
pipeline_tag: sentence-similarity
tags:
- sentemb
---

# {name}

{what} Made by `sentemb export --{kind}`
from `{model}` ({modules}).

```python
{usage}
```

{note}

| | `{model}` | {kind} |
|---|---|---|
| Spearman x 100 on {task}, {pairs:,} pairs | {before[spearman]:.2f} | {after[spearman]:.2f} |
| sentences/s, {texts:,} sentences of {task} | {rates[0]:,.0f} | {rates[1]:,.0f} |
| weights, MB | {before[megabytes]:.1f} | {after[megabytes]:.1f} |
| numbers a vector | {before[dim]} | {after[dim]} |

Rates are medians of three rounds that take turns on one thread of a CPU; the encoder's are those of
`sentemb encode`.

{how}

Versions: {versions}.
"""
WORDS = {
    "static": {
        "library": "sentence-transformers",
        "what": "A static model: the vector of a text is the mean of its tokens' vectors.",
        "usage": "from sentence_transformers import SentenceTransformer\n\n"
        'embeddings = SentenceTransformer("{name}").encode(["A sentence."])',
        "note": "The order of words has no influence, and no text is too long. A text of unknown\n"
        "tokens alone has the zero vector.",
        "how": "Each of {tokens:,} tokens was embedded alone, the vectors were reduced to {dim}\n"
        "principal components ({variance:.1%} of the variance) and weighted by a / (a + p), a =\n"
        "{smoothing:g}, p by {probabilities}. Special and unused tokens have the zero vector.\n\n"
        "Method: Tulkens & van Dongen, 2024 (Model2Vec); Arora et al., 2017 (SIF).",
    },
    "int8": {
        "library": "sentemb",
        "what": "An encoder in 8-bit integers, an ONNX file.",
        "usage": "from sentemb.inference.int8 import Int8Encoder\n\n"
        'embeddings = Int8Encoder("{name}").encode(["A sentence."])',
        "note": 'It needs `pip install "sentemb[int8]"`. It does not load in '
        "`SentenceTransformer`: its ONNX\nbackend needs optimum-onnx, which asks for transformers "
        "below 4.58. A text's vector depends a\nlittle on the texts it is encoded with.",
        "how": "Weights are rounded by channel, what they multiply by batch; the vectors' mean\n"
        "cosine to the encoder's is {cosine:.4f}.\n\n"
        "Method: onnxruntime's dynamic quantisation; Jacob et al., 2018 (arXiv:1712.05877).",
    },
}
"""What differs between the kinds; in braces, what is told of how it was made."""


def write_card(folder: Path, record: dict[str, Any]) -> None:
    """Write ``README.md`` from the record of an export."""
    record, name = cells(record), name_cell(folder.name)
    how = {**record["how"], "name": name}
    words = {key: text.format(**how) for key, text in WORDS[record["kind"]].items()}
    versions = ", ".join(f"{package} {number}" for package, number in record["versions"].items())
    rates = [record[side]["sentences_per_second"] for side in ("before", "after")]
    told = {**record, **words, "versions": versions, "rates": rates}
    text = CARD.format(**told, name=name)
    (folder / "README.md").write_text(text, encoding="utf-8")
