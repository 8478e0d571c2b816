"""Random inputs, numbered rows, encoders without dropout."""

import math
import os
import socket
import subprocess
import sys

import torch

from sentemb import Pairs
from sentemb.encoders import set_dropout


def random_pairs(batch: int, dim: int, candidates: int = 0, seed: int = 0) -> Pairs:
    generator = torch.Generator().manual_seed(seed)

    def draw(rows: int) -> torch.Tensor:
        return torch.randn(rows, dim, dtype=torch.float64, generator=generator)

    return Pairs(draw(batch), draw(batch), draw(candidates) if candidates else None)


def masked(contrast) -> int:
    """How many candidates of a contrast are not negatives, for their text or similarity."""
    return int(contrast.masked())


def numbered(rows, epoch=0):
    """Rows as the trainer hands them to a collator."""
    return [{**row, "row": number, "epoch": epoch} for number, row in enumerate(rows)]


def without_dropout(encoder):
    set_dropout(encoder, 0.0)
    return encoder


class PowerCut:
    """A loss that ends the run at its n-th training batch; some rows are tried before the first."""

    def __init__(self, loss, batches):
        self.loss, self.left = loss, batches + 1

    def __call__(self, pairs):
        if torch.is_grad_enabled():
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        return self.loss(pairs)

    @property
    def terms(self):
        return (self.loss,)

    def __repr__(self):
        return repr(self.loss)


def state(method):
    return {name: tensor.clone() for name, tensor in method.state_dict().items()}


def assert_bit_equal(a, b):
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


def start_two(command: list[str]) -> list[subprocess.Popen]:
    """Start a command as two processes that know of each other, as torchrun would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return [
        subprocess.Popen(
            command,
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]


def outputs_of(running: list[subprocess.Popen]) -> list[str]:
    outputs = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(outputs)
    return outputs


def assert_refused(sentemb, folder, files, command, code, message):
    """A command ends with one line of error, and leaves the folder as it was."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    before = sorted(folder.rglob("*"))
    process = sentemb(*command.split())
    stderr = process.stderr.decode()
    assert process.returncode == code, stderr
    assert message.lower() in stderr.lower()
    assert stderr.count("error: ") <= 1
    assert process.stdout == b""
    assert sorted(folder.rglob("*")) == before


def at(*degrees):
    """Unit vectors in the plane."""
    radians = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([radians.cos(), radians.sin()], dim=1)


def cos(degrees):
    return math.cos(math.radians(degrees))
