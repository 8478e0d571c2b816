"""What a run reads, so that it is never removed for it."""

from typing import Any

from sentemb.datasets import TrainingData


def read_by(data: TrainingData, tokenizer: Any = None) -> list[str]:
    """Return the paths that rows, and the model of a tokenizer, are from; some may be hub ids."""
    model = str(getattr(tokenizer, "name_or_path", "") or "")
    cached = [str(file["filename"]) for file in data.rows.cache_files]
    return [path for path in (str(data.source), model, *cached) if path]
