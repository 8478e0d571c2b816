"""`FinetuneRun`: the result of a fine-tuning run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentemb.cards import Card, Score, public_name
from sentemb.runs.run_result import RunResult


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class FinetuneRun(RunResult):
    """The result of a fine-tuning run; further arguments as in `RunResult`.

    Args:
        dev_rows: Rows of the dev set, which ``metrics`` are measured on.
        unlabelled_rows: Rows without a label or score, of the dev set too, left out.
        truncated_rows: Rows cut to the maximum length.
        unknown_rows: Rows with a token that the tokenizer does not know.
    """

    dev_rows: int
    unlabelled_rows: int
    truncated_rows: int
    unknown_rows: int

    def summary(self) -> str:
        """Say what came of it, and what was left out, cut or unknown, in a few lines."""
        lines = [f"{name:12} {value:8.4f}" for name, value in self.metrics.items()]
        lines.append(
            f"{self.rows:,} rows, {self.dev_rows:,} of dev; left out: {self.empty_rows} empty, "
            f"{self.unlabelled_rows} without a label or score; {self.truncated_rows:,} cut to "
            f"{self.record['settings']['max_length']} tokens, "
            f"{self.unknown_rows:,} with unknown tokens"
        )
        return "\n".join([*lines, *self._ending()])


USAGE = """from transformers import pipeline

print(pipeline("text-classification", "{name}")("A sentence."))"""
OF_CLASSES = ("accuracy", "f1", "f1_macro", "f1_micro", "mcc")


def card_of(record: Mapping[str, Any], name: str) -> Card:
    """Return the model card, from what ``run.json`` holds."""
    settings, data, metrics = (record[key] for key in ("settings", "data", "metrics"))
    dev = public_name(record["dev"])
    how = {
        "start": public_name(record["model"]),
        "labels": ", ".join(record["classes"]) or "none: a regression",
        "R-Drop α, SupCon λ, contrast γ": f"{settings['r_drop']:g}, {settings['supcon']:g}, "
        f"{settings['contrast']:g}",
        "data": f"{public_name(data['source'])}, {record['rows']:,} rows, sha256 "
        f"{data['sha256'][:16]}",
        "left out": f"{record['empty_rows']} empty rows",
        f"rows cut to {settings['max_length']} tokens": f"{record['truncated_rows']:,}",
        "rows with unknown tokens": f"{record['unknown_rows']:,}",
        "batch, learning rate, epochs, seed": f"{settings['batch_size']}, "
        f"{settings['learning_rate']:g}, {settings['epochs']:g}, {settings['seed']}",
        "checkpoint chosen by": f"{settings['metric']} on {dev}, step {record['best_step']} of "
        f"{record['steps']}",
    }
    table: list[Sequence[str]] = [
        ("on the dev set", ""),
        *((key, f"{value:.4f}") for key, value in metrics.items()),
    ]
    return Card(
        name=name,
        what="A classifier fine-tuned with sentemb.",
        usage=USAGE,
        how=how,
        tables=[table],
        base_model=record["model"],
        datasets=[data["source"]],
        scores=[
            Score("text-classification", dev, key, value)
            for key, value in metrics.items()
            if key in OF_CLASSES
        ],
        versions=record["versions"],
        library="transformers",
        pipeline="text-classification",
    )
