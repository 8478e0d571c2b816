"""`MethodSteps`: the steps of a method, with its terms, its queue and its micro-batches."""

import logging
import math
from typing import Any

import torch
from torch import Tensor

from sentemb.errors import OutOfMemoryError, SentembError
from sentemb.method import Method
from sentemb.training.collapse import CollapseMonitor
from sentemb.training.guarded import GuardedTrainer
from sentemb.training.resumed import require_number
from sentemb.training.settings import OnCollapse

logger = logging.getLogger("sentemb")

MASKED = "masked_negatives"
MICRO_BATCH = "micro_batch"


class MethodSteps(GuardedTrainer):
    """Take the steps of a method: log what its loss names, and give back what a bad step changed.

    Args:
        method: What is trained.
        on_collapse: As in `Settings`.
        kwargs: As for any Trainer.
    """

    def __init__(self, method: Method, on_collapse: OnCollapse, **kwargs: Any) -> None:
        self.method = method
        self.collapse = CollapseMonitor(method, on_collapse)
        self._terms: dict[str, list[Tensor]] = {}
        self._counts: dict[str, int] = {}
        self._queue: list[Tensor] = []
        self._fitted = 0  # rows, once memory ran out
        super().__init__(model=method, **kwargs)
        self.add_callback(self.collapse)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the loss; keep its terms for the log, where it names them."""
        outputs = model(**inputs)
        self.method.twin.on_batch_end()
        for name, value in outputs.items():
            if name != "loss":
                self._terms.setdefault(name, []).append(value)
        return (outputs["loss"], outputs) if return_outputs else outputs["loss"]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, with each term's mean and the count of masked negatives since the last line."""
        if "loss" in logs:
            if MASKED in self._terms:
                logs[MASKED] = int(torch.stack(self._terms.pop(MASKED)).sum())
            for name, values in self._terms.items():
                logs[f"loss_{name}"] = round(float(torch.stack(values).mean()), 4)
            self._terms.clear()
            logs |= self.collapse.measure()
        super().log(logs, start_time)

    def unlogged(self) -> dict[str, Any]:
        """Return what the next line of the log is made of, as JSON."""
        terms = {name: [value.item() for value in values] for name, values in self._terms.items()}
        return super().unlogged() | {"terms": terms, MICRO_BATCH: self._fitted}

    def take_up(self, unlogged: dict[str, Any]) -> None:
        """Go on with a line of the log, and with the micro-batch that fitted."""
        super().take_up(unlogged)
        require_number(unlogged, MICRO_BATCH)
        for values in unlogged["terms"].values():
            for value in values:
                require_number({"terms": value}, "terms", least=-math.inf, finite=False)
        self._terms = {
            name: [torch.tensor(value, device=self.args.device) for value in values]
            for name, values in unlogged["terms"].items()
        }
        self._fitted = unlogged[MICRO_BATCH]
        if self._fitted:
            self.method.set_micro_batch(min(self._fitted, self.micro_batch or self._fitted))

    @property
    def micro_batch(self) -> int:
        """Rows that the encoder takes at once; 0 for all."""
        return self.method.twin.micro_batch

    def use_less_memory(self, reason: str) -> None:
        """Have the encoder take half as many rows at once; the batch stays as it is.

        Raises:
            OutOfMemoryError: Where that cannot be, or is of no use.
        """
        if self.args.world_size > 1:
            super().use_less_memory(reason)
        try:
            rows = self.method.halve_micro_batch(self.args.per_device_train_batch_size)
        except SentembError as error:
            raise OutOfMemoryError(
                f"Memory does not suffice ({reason}), and {error} Give a smaller --batch-size or "
                f"--max-length. {self.goes_on_from()}"
            ) from None
        self._fitted = rows
        self.log({MICRO_BATCH: rows})
        logger.warning(
            "Step %d did not fit into memory (%s): the encoder now takes %d rows at once. The batch"
            " stays as it is.",
            self.state.global_step + 1,
            reason,
            rows,
        )

    def gives_numbers(self) -> bool:
        """Say whether the present weights give finite embeddings, whatever the loss is."""
        return "spread" in self.collapse.measure()

    def begin_step(self) -> None:
        """Note what a step must give back if it is skipped."""
        super().begin_step()
        self._queue = self.method.twin.queue_state()
        self._counts = {name: len(values) for name, values in self._terms.items()}

    def _undo(self) -> None:
        super()._undo()
        self.method.twin.restore_queue(self._queue)
        counts = self._counts
        self._terms = {name: self._terms[name][:count] for name, count in counts.items()}
