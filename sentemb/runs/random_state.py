"""The state of random generators, CPU's and GPU's: read, given back, kept."""

from contextlib import AbstractContextManager

import torch


def random_state() -> list[torch.Tensor]:
    """Return the state of the CPU's generator, and of this process's GPU."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state())
    return states


def set_random_state(states: list[torch.Tensor]) -> None:
    """Go back to a random state."""
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.cuda.set_rng_state(state)


def random_state_kept() -> AbstractContextManager[None]:
    """Give the random state of the CPU and of every GPU back as it was."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    return torch.random.fork_rng(devices=devices)
