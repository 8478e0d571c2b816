"""Where views reach into an encoder: hooks that are there for one forward, on stock models."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.types import TokenEmbeddings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@contextmanager
def perturbed(
    encoder: "SentenceTransformer", change: Callable[[TokenEmbeddings], TokenEmbeddings]
) -> Iterator[None]:
    """Change the output of the embedding block: after its LayerNorm and dropout, as ConSERT.

    Raises:
        UsageError: When the encoder has no embedding block.
    """
    block = getattr(getattr(encoder[0], "auto_model", None), "embeddings", None)
    if block is None:
        raise UsageError(
            f"{name_of(encoder)} has no embedding block to perturb: use views that edit the text, "
            "or an encoder like BERT."
        )

    def hook(_module: object, _args: object, output: TokenEmbeddings) -> TokenEmbeddings:
        return change(output)

    handle = block.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def reordered(encoder: "SentenceTransformer", order: Tensor) -> Iterator[None]:
    """Put the word embedding of token ``order[i, j]`` at place j, and the output back in order.

    Absolute, relative and rotary positions all go by the place, so all see the new order; poolings
    read a token at its own row.

    Args:
        encoder: A sentence-transformers model.
        order: Shape ``[rows, tokens]``.

    Raises:
        UsageError: When the encoder has no word embeddings.
    """
    model = getattr(encoder[0], "auto_model", None)
    if model is None:
        raise UsageError(
            f"{name_of(encoder)} has no word embeddings to shuffle: use views that edit the text, "
            "or an encoder like BERT."
        )
    back = order.argsort(dim=1)
    shuffled = []

    def shuffle(_module: object, _args: object, output: TokenEmbeddings) -> TokenEmbeddings:
        shuffled.append(True)
        return _rows_in(output, order)

    def restore(_module: object, _args: object, output: dict[str, Any]) -> dict[str, Any]:
        output["token_embeddings"] = _rows_in(output["token_embeddings"], back)
        if "all_layer_embeddings" in output:
            layers = output["all_layer_embeddings"]
            output["all_layer_embeddings"] = tuple(_rows_in(layer, back) for layer in layers)
        return output

    handles = [words.register_forward_hook(shuffle) for words in _word_embeddings(model)]
    handles.append(encoder[0].register_forward_hook(restore))
    try:
        yield
        if len(shuffled) != 1:
            raise UsageError(
                f"{name_of(encoder)} looked its word embeddings up {len(shuffled)} times, so its "
                "tokens cannot be shuffled: use views that edit the text."
            )
    finally:
        for handle in handles:
            handle.remove()


def _word_embeddings(model: Any) -> list[nn.Module]:
    """Return every module of the table: T5's encoder looks it up by another than the model's."""
    table = model.get_input_embeddings().weight
    return [m for m in model.modules() if isinstance(m, nn.Embedding) and m.weight is table]


def _rows_in(embeddings: TokenEmbeddings, order: Tensor) -> TokenEmbeddings:
    return embeddings.gather(1, order.unsqueeze(2).expand_as(embeddings))


def name_of(encoder: "SentenceTransformer") -> str:
    """Name the model rather than the module that wraps it."""
    return type(getattr(encoder[0], "auto_model", None) or encoder[0]).__name__
