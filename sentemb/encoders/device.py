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


def devices_named(words: str) -> list[str]:
    """Return the devices of ``cuda:0,cpu``, of ``0,1`` (GPUs), or of ``all`` (all GPUs).

    Raises:
        UsageError: When one has no such name, or there is no GPU.

    Example:
        >>> devices_named("0,1")
        ['cuda:0', 'cuda:1']
    """
    if words == "all":
        import torch

        found = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        if not found:
            raise UsageError("devices is all, but this machine has no CUDA GPU: name others.")
        return found
    names = [word.strip() for word in words.split(",")]
    found = [f"cuda:{name}" if name.isdecimal() else name for name in names]
    for device in found:
        require_device_name(device)
    return found


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
