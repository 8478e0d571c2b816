"""An encoder's layers, compiled: for short batches, whose launches cost more than their sums."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch

from sentemb.encoders.hooks import name_of
from sentemb.encoders.lora import is_adapted
from sentemb.encoders.packed import can_be_packed, stack_of
from sentemb.encoders.padded import mask_unseen
from sentemb.errors import UsageError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MULTIPLE = 8
"""Tokens of a row are padded to a multiple of this: few shapes, of tiles that tensor cores take."""
APART = ("modernbert", "mpnet")
"""Families whose layers are packed in their own way."""
SHAPES = 128
"""That are compiled at most; any further one runs as it is."""


def require_compiler(device: str) -> None:
    """Raise where torch cannot compile for a device.

    Raises:
        UsageError: When a CPU's C++ compiler, or a GPU's triton, is not installed.
    """
    if device == "cuda":
        if find_spec("triton") is None:
            raise UsageError("`compile=True` needs triton on a GPU: pip install triton.")
        return
    names = (os.environ.get("CXX"), "g++", "clang++", "c++")
    if not any(shutil.which(name) for name in names if name):
        raise UsageError(
            "`compile=True` needs a C++ compiler, and there is no g++ or clang++: install one, or "
            "leave it out."
        )


def why_not_compiled(encoder: "SentenceTransformer") -> str | None:
    """Say why an encoder's layers are not compiled; None where they can be."""
    model: Any = getattr(encoder[0], "auto_model", None)
    if model is None or not can_be_packed(model) or model.config.model_type in APART:
        return f"{name_of(encoder)} is of another family"
    if is_adapted(encoder):
        return "its layers are adapted by LoRA"
    if model.config.output_hidden_states:
        return "the pooling reads several layers"
    return None


@contextmanager
def compiled(encoder: "SentenceTransformer", *, captured: bool) -> Iterator[None]:
    """Run an encoder's layers compiled in training for a while; in evaluation they run as they are.

    Embeddings, and views that reach into them, stay outside. Dropout is drawn by the compiled code:
    other masks of the same distribution, from torch's generator, so that a resumed run draws the
    same. Each shape is compiled when it first comes.

    Args:
        encoder: A sentence-transformers model that `why_not_compiled` allows.
        captured: Replay each shape as a CUDA graph; on a GPU alone.
    """
    model: Any = encoder[0].auto_model
    stack = stack_of(model)
    plain = stack.forward
    mode = "reduce-overhead" if captured else None
    fast = torch.compile(plain, dynamic=False, mode=mode)

    def forward(*args: Any, **kwargs: Any) -> Any:
        return (fast if stack.training else plain)(*args, **kwargs)

    limits = torch._dynamo.config.patch(recompile_limit=SHAPES, accumulated_recompile_limit=SHAPES)
    with limits, mask_unseen(model):
        stack.forward = forward
        try:
            yield
        finally:
            del stack.forward
