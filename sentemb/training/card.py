"""The model card: what a stranger needs to know of a model before using it."""

from pathlib import Path
from typing import Any

from sentemb.inert import cell
from sentemb.storage import replaced

CARD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags:
- sentence-transformers
- sentemb
- {method}
---

# {name}

A sentence encoder trained with sentemb, method `{method}`.

```python
from sentence_transformers import SentenceTransformer

embeddings = SentenceTransformer("{name}").encode(["A sentence.", "Another one."])
```

| | |
|---|---|
| start | {model} |
| modules | {modules} |
| views | {views} |
| loss | {loss} |
| method options | {method_options} |
| data | {data_source}, {rows:,} rows, sha256 `{sha256}` |
| left out | {empty_rows} empty rows, {unlabelled} without a label, {held_out_rows} held out |
| prompts | {prompts} |
| texts cut to {max_length} tokens in training | {truncated_texts:,} |
| texts with unknown tokens | {unknown_texts:,} ({unknown_share:.1%} of the tokens) |
| steps | {steps}, step {best_step} kept |
| batch, learning rate, seed | {batch_size}, {learning_rate:g}, {seed} |
| checkpoint chosen by | {supervision} |

{scores}

{source}"""

SUPERVISION = {
    "spearman": "Spearman on the labelled pairs of {dev}",
    "held-out-loss": "loss on held-out rows of the training data; no graded pair was used",
    "last": "nothing: the last step is kept; no graded pair was used",
}


def write_card(folder: Path, record: dict[str, Any], citation: str | None) -> None:
    """Write ``README.md`` from the record of a run; what users named is inert in it."""
    settings = record["settings"]
    select = settings["select"]
    if select == "auto":
        select = "spearman" if record["dev"] else "last"
    options = ", ".join(f"{k} {v}" for k, v in record["method_options"].items()) or "none"
    shown = {
        **settings,
        **record,
        **_of_texts(record),
        "method_options": options,
        "views": "; ".join(record["views"]),
    }
    text = CARD.format(
        **{name: cell(value) if isinstance(value, str) else value for name, value in shown.items()},
        name=cell(folder.name).replace('"', "'"),
        data_source=cell(record["data"]["source"]),
        unlabelled=record["data"].get("unlabelled_rows", 0),
        sha256=record["data"]["sha256"][:16],
        supervision=SUPERVISION[select].format(dev=cell(str(record["dev"]))),
        scores=_scores(record["before"], record["metrics"]),
        source=f"Source of the method: {citation}.\n" if citation else "",
    )
    with replaced(folder / "README.md") as file:
        file.write((text.rstrip() + "\n").encode())


def _of_texts(record: dict[str, Any]) -> dict[str, Any]:
    """Say what was put before the texts, and how much of them the tokenizer does not know."""
    given = [f"{column} {prompt!r}" for column, prompt in record["prompts"].items() if prompt]
    tokens = record["unknown_tokens"] + record["known_tokens"]
    return {
        "prompts": ", ".join(given) or "none",
        "unknown_share": record["unknown_tokens"] / max(1, tokens),
    }


def _scores(before: dict[str, float], after: dict[str, float]) -> str:
    if not after:
        return "It was not evaluated while it was trained."
    rows = [f"| {name} | {before[name]:.4g} | {after[name]:.4g} |" for name in after]
    return "\n".join(["| on the dev set | before | after |", "|---|---|---|", *rows])
