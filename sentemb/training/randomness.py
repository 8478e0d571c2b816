"""What runs beside training must not change it."""

from contextlib import AbstractContextManager

import torch


def random_state_kept() -> AbstractContextManager[None]:
    """Give the random state of the CPU and of every GPU back as it was."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    return torch.random.fork_rng(devices=devices)
