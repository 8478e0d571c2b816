"""``run.json``: how a model was made."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sentemb.datasets import TrainingData
from sentemb.storage import replaced


def data_record(data: TrainingData, named: str) -> dict[str, Any]:
    """Describe the rows: where they are from, how many, and a hash of their texts."""
    digest = hashlib.sha256()
    for row in data.rows:
        digest.update(json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return {
        "source": named,
        "columns": data.rows.column_names,
        "rows": len(data.rows),
        "unlabelled_rows": data.unlabelled_rows,
        "sha256": digest.hexdigest(),
    }


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    text = json.dumps({"schema": f"sentemb.{path.stem}/1", **content}, indent=2)
    with replaced(path) as file:
        file.write((text + "\n").encode())
