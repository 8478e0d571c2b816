"""Numbers on the device that the host reads later, without waiting for the device to finish."""

import torch
from torch import Tensor


class ReadLater:
    """Copies numbers off the device, behind the work that is queued now.

    Reading waits for that work alone, not for what is queued after it.

    Args:
        numbers: Shape ``[count]``.
    """

    def __init__(self, numbers: Tensor) -> None:
        self._here = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=numbers.is_cuda)
        self._here.copy_(numbers, non_blocking=True)
        self._copied = torch.cuda.Event() if numbers.is_cuda else None  # type: ignore[no-untyped-call]
        if self._copied is not None:
            self._copied.record()

    def read(self) -> list[float]:
        """Return the numbers."""
        if self._copied is not None:
            self._copied.synchronize()
        found: list[float] = self._here.numpy().tolist()
        return found
