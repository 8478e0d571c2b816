"""The card of a post-processed encoder: what its vectors went through, what that did to STS."""

from pathlib import Path
from typing import Any

from sentemb.inference.card_cells import cells, name_cell

RECORD = "postprocess.json"
CARD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags:
- sentence-transformers
- sentemb
---

# {name}

`{model}`, with a linear map behind it: {what}.
Made by `sentemb postprocess`; {modules}.

```python
from sentence_transformers import SentenceTransformer

embeddings = SentenceTransformer("{name}").encode(["A sentence.", "Another one."])
```

| | |
|---|---|
| fitted to | {data[name]}, {data[texts]:,} distinct texts, sha256 `{sha256}`; no label was used |
| numbers a vector | {dim_before}, now {dim} |
| {variance_of} | {variance:.1%} of the variance |

{table}

Source of the method: {source}.
Versions: {versions}.
"""
WORDS = {
    "whiten": {
        "what": "whitening, x ↦ (x − μ)W, so that the covariance of the texts' vectors is the "
        "identity",
        "variance_of": "kept components had",
        "source": "Su et al., 2021 (arXiv:2103.15316)",
    },
    "remove-top": {
        "what": "all but the top, which takes away the mean and the components of most variance",
        "variance_of": "removed components had",
        "source": "Mu and Viswanath, 2018 (arXiv:1702.01417)",
    },
}
NUMBERS = ("spearman", "pearson", "alignment", "uniformity")


def write_card(folder: Path, name: str, record: dict[str, Any]) -> None:
    """Write ``README.md`` from the record."""
    record, name = cells(record), name_cell(name)
    rows = [f"| {record['task']}, {record['pairs']:,} pairs | before | after |", "|---|---|---|"]
    for number in NUMBERS:
        if number in record["before"]:
            digits = 2 if number in NUMBERS[:2] else 4
            sides = (f"{record[side][number]:.{digits}f}" for side in ("before", "after"))
            label = f"{number} × 100" if digits == 2 else number
            rows.append(f"| {label} | {' | '.join(sides)} |")
    versions = ", ".join(f"{package} {number}" for package, number in record["versions"].items())
    told = {**record, **WORDS[record["kind"]], "versions": versions, "name": name}
    text = CARD.format(**told, table="\n".join(rows), sha256=record["data"]["sha256"][:16])
    (folder / "README.md").write_text(text, encoding="utf-8")
