"""What the training of a decoder starts from: a language model, and the texts as its tokens."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from sentemb.bars import phase
from sentemb.datasets import TrainingData
from sentemb.decoders.decoder_folder import TrainedDecoder
from sentemb.decoders.kinds import DecoderKind
from sentemb.decoders.language_model import (
    end_of,
    load_language_model,
    small_language_model,
    tokenizer_of_encoder,
    with_places,
)
from sentemb.errors import InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")


@dataclass(frozen=True, repr=False, eq=False)
class DecoderStart:
    """A language model that is not trained yet, and what it is trained on.

    Args:
        tokenizer: Of the language model.
        language_model: A causal model of transformers.
        tokens: Of each text, with the end behind them, as the language model numbers them.
        kept: The texts that are short enough, and whose tokens are known.
        long: How many have more tokens than a text may have.
        known: As in `TrainedDecoder`.
    """

    tokenizer: PreTrainedTokenizerBase
    language_model: Any
    tokens: Sequence[Sequence[int]]
    kept: Sequence[int]
    long: int
    known: NDArray[np.int64] | None = None


def new_start(
    texts: TrainingData, encoder: "SentenceTransformer", kind: DecoderKind, most: int
) -> DecoderStart:
    """Start from a new language model that knows the tokens of the texts alone.

    Args:
        texts: To train on.
        encoder: Whose tokenizer the model gets.
        kind: Of the decoder.
        most: Tokens of the longest text, its end included.

    Raises:
        InputError: When no text is short enough, or the tokenizer has no end.
    """
    tokenizer = tokenizer_of_encoder(encoder)
    tokens, kept, long = _short_enough(texts, tokenizer, most)
    known: Any = np.unique(np.concatenate([np.asarray(tokens[place]) for place in kept]))
    end = int(np.searchsorted(known, end_of(tokenizer)))
    prefix: Any = kind.mapping(1, 64)
    model = small_language_model(len(known), end, prefix.length + most)
    return DecoderStart(tokenizer, model, _numbered(tokens, known), kept, long, known)


def given_start(
    texts: TrainingData, language_model: str | os.PathLike[str], most: int
) -> DecoderStart:
    """Start from a causal model of transformers; the arguments are as in `new_start`."""
    tokenizer, model = load_language_model(language_model)
    return DecoderStart(tokenizer, model, *_short_enough(texts, tokenizer, most))


def start_of_correction(
    texts: TrainingData, first: TrainedDecoder, kind: DecoderKind, most: int
) -> DecoderStart:
    """Start a corrector from the language model of the decoder that it corrects.

    Texts with a token that this one does not know are left out. The arguments are as in
    `new_start`.
    """
    known = first.known
    tokens, kept, long = _short_enough(texts, first.tokenizer, most, known)
    prefix: Any = kind.mapping(1, 64)
    needed = prefix.length + first.config.max_length + most
    model = with_places(first.model.language_model, needed)
    numbered = tokens if known is None else _numbered(tokens, known)
    return DecoderStart(first.tokenizer, model, numbered, kept, long, known)


def _numbered(tokens: Sequence[Sequence[int]], known: NDArray[np.int64]) -> list[list[int]]:
    """Return tokens by their places among those that a language model knows."""
    return [np.searchsorted(known, ids).tolist() for ids in tokens]


def _short_enough(
    texts: TrainingData,
    tokenizer: PreTrainedTokenizerBase,
    most: int,
    known: NDArray[np.int64] | None = None,
) -> tuple[list[list[int]], list[int], int]:
    """Return the tokens of each text with the end behind them, those kept, how many are too long.

    Raises:
        InputError: When all are too long, or have a token that is not known.
    """
    with phase("looking at the texts"):
        end = end_of(tokenizer)
        read = tokenizer(texts.rows["text"][:], add_special_tokens=False)["input_ids"]
    tokens: list[list[int]] = [[*ids, end] for ids in read]
    knows = None if known is None else {*known.tolist()}
    long = [place for place, ids in enumerate(tokens) if len(ids) > most]
    left_out = {
        f"more than {most} tokens (`max_length` allows more)": long,
        "no token": [place for place, ids in enumerate(tokens) if len(ids) < 2],
        "a token that the first decoder does not know": [
            place
            for place, ids in enumerate(tokens)
            if knows is not None and 1 < len(ids) <= most and not knows.issuperset(ids)
        ],
    }
    without = {place for places in left_out.values() for place in places}
    kept = [place for place in range(len(tokens)) if place not in without]
    if not kept:
        unknown = "" if knows is None else ", or one that the first decoder does not know"
        raise InputError(
            f"{texts.source}: every text has more than {most} tokens, or none{unknown}: give a "
            "greater `max_length`."
        )
    for why, places in left_out.items():
        if places:
            first = texts.rows["text"][places[0]][:40]
            count = f"{len(places):,}"
            logger.warning("%s texts have %s and are left out, first %r.", count, why, first)
    return tokens, kept, len(long)
