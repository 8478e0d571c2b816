"""Every encoder of a method without padding."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sentemb.encoders.without_padding import without_padding
from sentemb.method import Method


@contextmanager
def packed_encoders(method: Method, texts: list[str]) -> Iterator[None]:
    """Run the encoder, and the momentum copy or second tower beside it, without padding.

    Batches stay as they are drawn: leaving the padding out needs no sorting by length, which would
    change the negatives.

    Args:
        method: What is trained.
        texts: Some that the forwards are compared on first.
    """
    from sentence_transformers import SentenceTransformer

    pooling = getattr(method.twin, "pooling", None)
    encoders = [m for m in method.modules() if isinstance(m, SentenceTransformer) and len(m) > 1]
    with ExitStack() as packed:
        for encoder in encoders:
            packed.enter_context(without_padding(encoder, texts, pooling))
        yield
