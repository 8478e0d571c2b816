"""Where a model computes."""

import re

from sentemb.errors import UsageError

NAMES = re.compile(r"cpu|mps|cuda(:\d+)?")


def require_device_name(device: str | None) -> None:
    """Raise unless a device has a name that torch knows; torch itself is not imported.

    Raises:
        UsageError: Names what is allowed.

    Example:
        >>> require_device_name("gpu")
        Traceback (most recent call last):
        sentemb.errors.UsageError: device must be cpu, cuda, cuda:N or mps, got 'gpu'.
    """
    if device is not None and not (isinstance(device, str) and NAMES.fullmatch(device)):
        raise UsageError(f"device must be cpu, cuda, cuda:N or mps, got {device!r}.")


def present_device(device: str | None) -> str:
    """Return the device that is asked for; without one, the GPU if there is one.

    Raises:
        UsageError: When this machine has no such device.
    """
    import torch

    require_device_name(device)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is None:
        return "cuda" if gpus else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda" and int(number or 0) >= gpus:
        there = f"{gpus} CUDA GPUs" if gpus else "no CUDA GPU"
        raise UsageError(
            f"device '{device}' is not available, because this machine has {there}: use cpu."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError(
            "device 'mps' is not available, because this machine has no Apple GPU: use cpu."
        )
    return device
