"""What would wait for the device in a step, counted on a CPU."""

import threading
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import TrainerCallback

import sentemb
from sentemb.runs.read_later import ReadLater

WAITING = {
    *("_local_scalar_dense", "nonzero", "unique_consecutive", "unique_dim", "_unique2"),
    *("masked_select", "equal", "is_nonzero"),
}
"""Operators whose result, or its shape, the host needs."""
METHODS = ("tolist", "numpy", "cpu")
"""Of tensors; what they copy has to be there."""
MAKERS = ("tensor", "as_tensor", "from_numpy")
"""What a GPU gets by a copy from memory that is not pinned, which is waited for."""
CORE = str(Path(sentemb.__file__).parent)


class _Operators(TorchDispatchMode):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        waits = name in WAITING or (name == "repeat_interleave" and "output_size" not in kwargs)
        if name in ("index", "index_put", "index_put_"):
            waits = any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])
        if waits:
            self.found.append(f"{name}: {_where()}")
        return function(*args, **(kwargs or {}))


def _where() -> str:
    ours = [f for f in traceback.extract_stack() if f.filename.startswith(CORE)]
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(ours[-3:]))


@contextmanager
def counted(found: list[str]) -> Iterator[None]:
    """Note what waits; what `ReadLater` holds is there already."""
    reading = []

    def noting(name, function):
        def noted(*args, **kwargs):
            if not reading and threading.get_ident() == main:
                found.append(f"{name}: {_where()}")
            return function(*args, **kwargs)

        return noted

    read = ReadLater.read

    def read_later(self):
        reading.append(1)
        try:
            return read(self)
        finally:
            reading.pop()

    main = threading.get_ident()

    with ExitStack() as patches:
        for owner, names in ((torch.Tensor, METHODS), (torch, MAKERS)):
            for name in names:
                patch = mock.patch.object(owner, name, noting(name, getattr(owner, name)))
                patches.enter_context(patch)
        patches.enter_context(mock.patch.object(ReadLater, "read", read_later))
        patches.enter_context(_Operators(found))
        yield


class CountWaits:
    """Counts in each step after the first ones, from its beginning to its end.

    Args:
        first: The first step that is looked at, from 1.

    Attributes:
        begin: The first callback of a trainer.
        end: Its last one.
    """

    def __init__(self, first: int = 3) -> None:
        self.first, self.steps = first, 0
        self.found: list[str] = []
        self.begin, self.end = _Begin(self), _End(self)
        self.open = ExitStack()


class _Begin(TrainerCallback):
    def __init__(self, waits: CountWaits) -> None:
        self.waits = waits

    def on_step_begin(self, args, state, control, **_):
        if state.global_step + 1 >= self.waits.first:
            self.waits.steps += 1
            self.waits.open.enter_context(counted(self.waits.found))


class _End(TrainerCallback):
    def __init__(self, waits: CountWaits) -> None:
        self.waits = waits

    def on_step_end(self, args, state, control, **_):
        self.waits.open.close()
