"""`DecoderRun`: the result of training a decoder."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentemb.cards import Card, public_name
from sentemb.runs.run_result import RunResult

USAGE = """import sentemb

vectors = sentemb.load("{encoder}").encode(["A man is eating."])
print(sentemb.decode("{{name}}", vectors))"""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DecoderRun(RunResult):
    """The result of training a decoder; further arguments as in `RunResult`.

    Args:
        held_out_rows: Texts that the loss of ``metrics`` is measured on.
        long_rows: Texts of more tokens than ``max_length``, left out.
        unread_rows: Texts without a token, or with one that a corrector's first decoder does not
            know, left out.
    """

    held_out_rows: int
    long_rows: int
    unread_rows: int = 0

    def summary(self) -> str:
        """Say what came of it, and what was left out, in a few lines."""
        loss = self.metrics["loss"]
        lines = [
            f"loss {loss:.4f} a token (perplexity {math.exp(min(loss, 50)):.1f}) on "
            f"{self.held_out_rows:,} held-out texts",
            f"{self.rows:,} texts; left out: {self.empty_rows:,} empty, {self.long_rows:,} of more "
            f"than {self.record['settings']['max_length']} tokens, {self.unread_rows:,} without a "
            "token that is known, or with another",
        ]
        return "\n".join([*lines, *self._ending()])


def card_of(record: Mapping[str, Any], name: str) -> Card:
    """Return the model card, from what ``run.json`` holds."""
    settings, data = record["settings"], record["data"]
    encoder, corrects = public_name(record["model"]), record["corrects"]
    how = {
        "encoder": encoder,
        "kind": record["kind"] + (f" of a {corrects} decoder" if corrects else ""),
        "language model": f"{public_name(record['language_model'])}, "
        f"{record['parameters'] / 1e6:.1f} million parameters",
        "trained on": f"{public_name(data['source'])}, {record['rows']:,} texts, sha256 "
        f"{data['sha256'][:16]}",
        "left out": f"{record['empty_rows']:,} empty texts, {record['long_rows']:,} of more than "
        f"{settings['max_length']} tokens, {record['unread_rows']:,} without a token that is "
        "known, or with another",
        "batch, learning rate, steps, seed": f"{settings['batch_size']}, "
        f"{settings['learning_rate']:g}, {record['steps']:,}, {settings['seed']}",
        "loss on held-out texts": f"{record['metrics']['loss']:.4f} a token",
    }
    return Card(
        name=name,
        what=f"Writes the text that a vector of {encoder} is of; a decoder made with sentemb.",
        usage=USAGE.format(encoder=encoder),
        how=how,
        notes=[
            "What it writes is a guess: it shows what a vector tells, and may name what was never "
            "said."
        ],
        base_model=record["model"],
        datasets=[data["source"]],
        versions=record["versions"],
        library="sentemb",
        pipeline="text-generation",
    )
