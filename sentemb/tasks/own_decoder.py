"""A decoder that is trained on some of the texts, so that the others show what it reads."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentemb.decoders.settings import DecoderSettings
from sentemb.errors import FinishedError, InterruptedRunError, UsageError
from sentemb.runs.run_folder import holds_run

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
HELD_OUT, MOST_HELD_OUT = 10, 500
"""Every so manieth text, and at most so many, are not trained on."""
FEWEST = 2 * HELD_OUT


def held_out(texts: Sequence[str]) -> list[str]:
    """Return the texts that are read back: every tenth, at most 500.

    Raises:
        UsageError: When these are fewer than 2.

    Example:
        >>> held_out([f"text {n}" for n in range(1, 31)])
        ['text 10', 'text 20', 'text 30']
    """
    if len(texts) < FEWEST:
        raise UsageError(
            f"privacy of an encoder needs at least {FEWEST} different texts, of which it holds out "
            f"a tenth; got {len(texts)}."
        )
    return list(texts[HELD_OUT - 1 :: HELD_OUT][:MOST_HELD_OUT])


def train_own_decoder(
    model: "str | os.PathLike[str] | SentenceTransformer",
    texts: Sequence[str],
    folder: Path,
    settings: DecoderSettings,
) -> None:
    """Train a decoder of an encoder on texts, unless the folder has just that.

    Args:
        model: The encoder.
        texts: To train on.
        folder: Of the decoder. An interrupted training in it continues.
        settings: How to train.

    Raises:
        UsageError: When the folder has something else.
        InterruptedRunError: When SIGINT or SIGTERM came; what was done is in the folder.
    """
    from sentemb.decoders.run import train_decoder

    logger.info("The decoder that %s of the texts train is in '%s'.", f"{len(texts):,}", folder)
    try:
        train_decoder(model, list(texts), folder, settings, resume=holds_run(folder))
    except FinishedError:
        logger.info("It is trained already.")
    except UsageError as error:
        raise UsageError(
            f"'{folder}' holds something else than a decoder of this encoder, these texts and "
            f"settings ({str(error).partition('. ')[0]}): give another `keep_decoder`."
        ) from error
    except InterruptedRunError as error:
        raise InterruptedRunError(
            f"Interrupted while the decoder was trained; what was done is in '{folder}': give the "
            "same command to resume.",
            error.exit_code - 128,
        ) from None
