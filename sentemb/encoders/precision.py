"""Which precision a device computes in."""

from sentemb.errors import UsageError


def require_precision(precision: str, device: str) -> None:
    """Raise where a device does not compute in a precision.

    Args:
        precision: ``fp32``, ``bf16`` or ``fp16``.
        device: ``cpu``, ``cuda`` or another type of torch's.

    Raises:
        UsageError: When fp16 is asked for without a GPU.
    """
    if precision == "fp16" and device == "cpu":
        raise UsageError("precision fp16 needs a CUDA GPU: use fp32, or bf16, on this machine.")
