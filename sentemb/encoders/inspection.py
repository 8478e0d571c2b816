"""An encoder is inspected once, when it is loaded: it must take every text that it may be given."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from sentemb.encoders.places import places
from sentemb.encoders.truncating import NO_LIMIT
from sentemb.encoders.vocabulary import require_rows, require_vocabulary
from sentemb.errors import (
    InputError,
    SentembError,
    TokenizerError,
    is_out_of_memory,
    panics_refused,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
SHORT = ["a", "two words", "some words, and then some more of them."]
LONGEST = 1024
"""Most words of a text that is tried. Where positions have no table, no length fails."""
CUT_SOONER = "Model '%s' has positions for %s tokens: texts are cut there, %s."
Name = str | os.PathLike[str]


def inspect(encoder: "SentenceTransformer", model: Name) -> None:
    """Settle how an encoder pads and where it cuts, and try a blank, a short and its longest text.

    Args:
        encoder: Left in the mode in which it was; its maximum length is lowered to what it has
            positions for, and its end token becomes its padding token where it has none.
        model: Its name, for messages.

    Raises:
        InputError: When its tokenizer has ids that it has no embedding for, or a forward fails.
    """
    settle(encoder, model)
    _try(encoder, [*_blank(encoder), *SHORT], "short texts", model)
    lengths = [reader.max_seq_length for reader in _readers(encoder) if _places_of(reader)]
    if lengths and (words := min(lengths)) <= LONGEST:
        _try(encoder, [" ".join(["a"] * words)], f"a text of {words:,} words", model)


def settle(encoder: "SentenceTransformer", model: Name) -> None:
    """Do what `inspect` does before its forwards.

    Raises:
        InputError: When the tokenizer knows no word, or has ids without an embedding.
    """
    require_vocabulary(encoder.tokenizer, model)
    for reader in _readers(encoder):
        tokenizer = getattr(reader, "tokenizer", None)
        table = _table(reader)
        require_rows(tokenizer, table, model)
        settle_padding(tokenizer, model, table)
        _settle_length(reader, model)


def settle_padding(tokenizer: Any, model: Name, table: Any = None) -> None:
    """Let the end token fill shorter texts up, masked, where no padding token has an embedding.

    Args:
        tokenizer: Of transformers; others are left alone.
        model: Its name, for messages.
        table: Of the embeddings, with ``num_embeddings``; anything else is not compared.

    Raises:
        InputError: When there is no token to take.
    """
    rows = getattr(table, "num_embeddings", None)
    beyond = rows is not None and (getattr(tokenizer, "pad_token_id", None) or 0) >= rows
    if getattr(tokenizer, "pad_token", "") is not None and not beyond:
        return
    names = ("eos_token", "sep_token", "bos_token", "unk_token")
    token = next((t for name in names if (t := getattr(tokenizer, name, None)) is not None), None)
    if token is None:
        raise InputError(
            f"Cannot load model '{os.fspath(model)}': its tokenizer has no padding token, and no "
            "end token that could take its place. Set pad_token in its tokenizer_config.json."
        )
    tokenizer.pad_token = token
    logger.info("Model '%s' has no padding token: %s pads, masked.", os.fspath(model), token)


def _settle_length(reader: Any, model: Name) -> None:
    """Lower the maximum length of a module to what it has positions for."""
    limit: Any = getattr(reader, "max_seq_length", None)
    if limit is not None and not (isinstance(limit, int | float) and limit >= 1):
        raise InputError(
            f"Cannot load model '{os.fspath(model)}': it cuts texts to {limit!r} tokens "
            "(max_seq_length or model_max_length); a whole number of at least 1 is needed."
        )
    room = _places_of(reader)
    if room is not None and (limit is None or limit > room):
        shown = f"instead of {limit:,}" if limit and limit <= NO_LIMIT else "as nothing else is set"
        reader.max_seq_length = room
        logger.info(CUT_SOONER, os.fspath(model), f"{room:,}", shown)


def _places_of(reader: Any) -> int | None:
    model = getattr(reader, "auto_model", None)
    return places(model) if isinstance(model, nn.Module) else None


def _readers(encoder: "SentenceTransformer") -> list[Any]:
    """Return the modules that read text: the first, or those of a router."""
    from sentence_transformers.base.modules import InputModule, Router

    modules = cast("nn.Module", encoder).modules()
    return [m for m in modules if isinstance(m, InputModule) and not isinstance(m, Router)]


def _table(reader: Any) -> nn.Module | None:
    """Return the table of word embeddings, if a module has one."""
    model = getattr(reader, "auto_model", None)
    if model is None:
        tables = (m for m in reader.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag))
        return next(tables, None)
    try:
        table: nn.Module = getattr(model, "text_model", model).get_input_embeddings()
    except (AttributeError, NotImplementedError):  # so transformers says that a model has none
        return None
    return table


def _blank(encoder: "SentenceTransformer") -> list[str]:
    """Return a blank text where the tokenizer makes a token of it; else rows are refused later."""
    tokenizer: Any = encoder.tokenizer
    if encoder.default_prompt_name is not None or not hasattr(tokenizer, "pad_token_id"):
        return [""]
    return [""] if tokenizer("")["input_ids"] else []


def _try(encoder: "SentenceTransformer", texts: list[str], named: str, model: Name) -> None:
    try:
        with _modes_kept(cast("nn.Module", encoder)), panics_refused():
            encoder.encode(texts, show_progress_bar=False)
    except SentembError as error:
        if not isinstance(error, TokenizerError):
            raise
        raise InputError(f"Cannot load model '{os.fspath(model)}': {error}") from error
    except Exception as error:  # a model that does not fit itself raises whatever its parts raise
        if is_out_of_memory(error):
            raise
        first_line = str(error).strip().partition("\n")[0]
        raise InputError(
            f"Cannot use model '{os.fspath(model)}': it fails on {named} "
            f"({type(error).__name__}: {first_line}). Its config, weights, tokenizer and modules "
            "do not fit together: correct its folder, or fetch it again."
        ) from error


@contextmanager
def _modes_kept(module: nn.Module) -> Iterator[None]:
    """Put every part back into training or evaluation mode, which may differ among them."""
    modes = {part: part.training for part in module.modules()}
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
