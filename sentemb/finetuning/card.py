"""The model card of a fine-tuned classifier."""

from pathlib import Path
from typing import Any

from sentemb.inert import cell
from sentemb.storage import replaced

CARD = """---
library_name: transformers
pipeline_tag: text-classification
tags:
- sentemb
---

# {name}

Fine-tuned with sentemb.

```python
from transformers import pipeline

print(pipeline("text-classification", "{name}")("A sentence."))
```

| | |
|---|---|
| start | {model} |
| labels | {labels} |
| R-Drop α, SupCon λ, contrast γ | {r_drop:g}, {supcon:g}, {contrast:g} |
| data | {source}, {rows:,} rows, sha256 `{sha256}` |
| left out | {empty_rows} empty rows |
| rows cut to {max_length} tokens | {truncated_rows:,} |
| rows with unknown tokens | {unknown_rows:,} |
| batch, learning rate, epochs, seed | {batch_size}, {learning_rate:g}, {epochs:g}, {seed} |
| checkpoint chosen by | {metric} on {dev}, step {best_step} of {steps} |

| on the dev set | |
|---|---|
{scores}
"""


def write_card(folder: Path, record: dict[str, Any]) -> None:
    """Write ``README.md`` from the record of a run; what users named is inert in it."""
    shown = {**record["settings"], **record}
    text = CARD.format(
        **{name: cell(value) if isinstance(value, str) else value for name, value in shown.items()},
        name=cell(folder.name).replace('"', "'"),
        labels=cell(", ".join(record["classes"])) or "none: a regression",
        source=cell(record["data"]["source"]),
        sha256=record["data"]["sha256"][:16],
        scores="\n".join(f"| {name} | {value:.4f} |" for name, value in record["metrics"].items()),
    )
    with replaced(folder / "README.md") as file:
        file.write(text.encode())
