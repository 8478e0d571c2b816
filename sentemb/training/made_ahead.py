"""Batches that are made in a thread while the step before them runs."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Self

from accelerate.utils import send_to_device
from torch import Tensor

Batch = dict[str, Any]


class MadeAhead:
    """A collator whose batches are made in a thread, one after another.

    Accelerate asks for a batch before it hands out the one before, and moves it to the device after
    that one's step. So it is edited and tokenised during that step. Rows are read, and epochs
    counted, when it is asked for. What a view draws belongs to its row, so the bits stay the same.

    A context manager: batches that were not asked for are left unmade.

    Args:
        collate: From rows to a batch.
    """

    def __init__(self, collate: Callable[[list[dict[str, Any]]], Batch]) -> None:
        self.collate = collate
        self._last: Future[Batch] | None = None

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, "collate")
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def __call__(self, rows: list[dict[str, Any]]) -> "ComingBatch":
        """Return a batch that is being made."""
        self._last = self._thread.submit(self.collate, rows)
        return ComingBatch(self._thread, self._last)

    def rest(self) -> None:
        """Wait until nothing is being made: whoever else needs the tokenizer has it alone."""
        if self._last is not None:
            wait([self._last])


class ComingBatch:
    """A batch that is being made; moving it to a device waits for it.

    Args:
        thread: Where it is made.
        batch: What comes.
    """

    def __init__(self, thread: ThreadPoolExecutor, batch: "Future[Batch]") -> None:
        self._thread, self._batch = thread, batch

    def pin_memory(self, *_: object) -> "ComingBatch":
        """Return the batch in pinned memory, still to come: the one thread does this next."""
        pinned = self._thread.submit(lambda: _pinned(self._batch.result()))
        return ComingBatch(self._thread, pinned)

    def to(self, device: Any, non_blocking: bool = False) -> Batch:
        """Return the batch on a device; an error in its making is raised here."""
        moved: Batch = send_to_device(self._batch.result(), device, non_blocking)
        return moved


def _pinned(part: Any) -> Any:
    if isinstance(part, Tensor):
        return part.pin_memory()
    if isinstance(part, Mapping):
        return {name: _pinned(value) for name, value in part.items()}
    return [_pinned(value) for value in part] if isinstance(part, list) else part
