"""How the encoders of a method run in training: without padding, with it, or compiled."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, cast

from sentence_transformers import SentenceTransformer
from torch import nn

from sentemb.encoders.compiled import MULTIPLE, compiled, require_compiler, why_not_compiled
from sentemb.encoders.padded import mask_unseen
from sentemb.encoders.without_padding import without_padding
from sentemb.errors import UsageError
from sentemb.method import Method
from sentemb.training.settings import Settings
from sentemb.views import Adversarial

logger = logging.getLogger("sentemb")
SHORT = 16384
"""Tokens of a batch, of all views, up to which a GPU waits for its host. At 4,096 padding costs
less than leaving it out (66 ms a step of BERT-base against 82); where it turns is not measured."""


def with_forwards(settings: Settings, method: Method) -> Settings:
    """Settle whether padding is left out, and whether layers are compiled.

    On a CPU padding is left out, and nothing is compiled. On a GPU short batches are compiled, and
    long ones run without padding.

    Raises:
        UsageError: When both are asked for, or one that cannot be.
    """
    device = method.encoder.device.type
    tokens = settings.batch_size * len(method.views) * settings.max_length
    obstacle = obstacle_of(method, settings)
    if settings.packed and settings.compile:
        raise UsageError(
            "Compiled layers need batches of fixed shapes, which keep their padding: give "
            "`compile=True` or `packed=True`."
        )
    if settings.compile:
        if obstacle:
            raise UsageError(f"`compile=True` cannot be: {obstacle}. Leave it out.")
        require_compiler(device)
    settled = settled_forwards(settings, device, tokens, obstacle)
    if device == "cuda":
        how = (
            "compiled, in fixed shapes"
            if settled.compile
            else "without padding"
            if settled.packed
            else "with padding"
        )
        why = f"; not compiled: {obstacle}" if obstacle and not settled.compile else ""
        logger.info("Batches of at most %d tokens run %s%s.", tokens, how, why)
    return settled


def settled_forwards(
    settings: Settings, device: str, tokens: int, obstacle: str | None
) -> Settings:
    """Return settings whose ``packed`` and ``compile`` are True or False.

    Args:
        settings: What is given there stays.
        device: ``cpu`` or ``cuda``.
        tokens: Of a batch, at most.
        obstacle: Why nothing can be compiled; None where it can be.
    """
    short = device == "cuda" and tokens <= SHORT
    compiles = settings.compile
    if compiles is None:
        compiles = short and obstacle is None and not settings.packed
    packs = settings.packed
    if packs is None:
        packs = not compiles and not short
    return replace(settings, packed=packs, compile=compiles)


def obstacle_of(method: Method, settings: Settings) -> str | None:
    """Say why the layers of a method are not compiled; None where they can be."""
    if any(isinstance(view.perturb, Adversarial) for view in method.views):
        return "an adversarial view computes each batch twice with the same dropout"
    if settings.gradient_checkpointing:
        return "checkpointed layers are computed again"
    if settings.micro_batch:
        return "micro-batches are computed again with the same dropout"
    found = (why_not_compiled(encoder) for encoder in encoders_of(method))
    return next((why for why in found if why), None)


def encoders_of(method: Method) -> list[SentenceTransformer]:
    """Return the encoder, and the momentum copy or second tower beside it."""
    return [m for m in method.modules() if isinstance(m, SentenceTransformer) and len(m) > 1]


@contextmanager
def forwards(method: Method, settings: Settings, texts: Sequence[str]) -> Iterator[None]:
    """Run the encoders of a method as its settings say for a while.

    Args:
        method: What is trained.
        settings: As `with_forwards` returned them.
        texts: Some that forwards without padding are compared on first.
    """
    if settings.packed:
        with checkpointed(method, settings), packed_encoders(method, list(texts)):
            yield
        return
    with checkpointed(method, settings), ExitStack() as padded:
        for encoder in encoders_of(method):
            if settings.compile:
                # gradients of a captured backward stand where the next one writes
                captured = encoder.device.type == "cuda" and settings.accumulation == 1
                padded.enter_context(compiled(encoder, captured=captured))
            elif hasattr(encoder[0], "auto_model"):
                padded.enter_context(mask_unseen(cast(Any, encoder[0]).auto_model))
        yield


@contextmanager
def checkpointed(method: Method, settings: Settings) -> Iterator[None]:
    """Have the encoders' layers keep their inputs alone for the gradient, where that is asked for.

    Raises:
        UsageError: When an encoder's layers cannot.
    """
    models = [
        encoder[0].auto_model for encoder in encoders_of(method) if settings.gradient_checkpointing
    ]
    try:
        for model in models:
            _switch(model, "enable")
    except ValueError as error:
        raise UsageError(f"`gradient_checkpointing` cannot be: {error}") from None
    try:
        yield
    finally:
        for model in models:
            _switch(model, "disable")


def _switch(model: Any, way: str) -> None:
    """Turn checkpointing of layers on or off, under its name in this version of transformers."""
    now, earlier = f"activation_checkpointing_{way}", f"gradient_checkpointing_{way}"
    getattr(model, now if hasattr(model, now) else earlier)()


@contextmanager
def packed_encoders(method: Method, texts: list[str]) -> Iterator[None]:
    """Run the encoders without padding.

    Batches stay as they are drawn: leaving the padding out needs no sorting by length, which would
    change the negatives.

    Args:
        method: What is trained.
        texts: Some that the forwards are compared on first; none where the encoders read nothing.
    """
    pooling: nn.Module | None = getattr(method.twin, "pooling", None)
    with ExitStack() as packed:
        for encoder in encoders_of(method) if texts else ():
            packed.enter_context(without_padding(encoder, texts, pooling))
        yield


def padded_to(settings: Settings) -> int:
    """Return what the tokens of a batch are padded to a multiple of."""
    return MULTIPLE if settings.compile else 1
