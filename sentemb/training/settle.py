"""What is settled and checked before a run: selection, clipping, lengths, labels, held-out rows."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from datasets import Dataset

from sentemb.encoders.bounded import Bounded
from sentemb.encoders.lengths import Reading, reading
from sentemb.encoders.panics import failing_text_named
from sentemb.encoders.prompts import prompt_of
from sentemb.encoders.tells_apart import require_telling_apart
from sentemb.errors import InputError, UsageError
from sentemb.evaluation import STS
from sentemb.losses import Loss
from sentemb.losses.combine import has_constant_gradient, parts
from sentemb.method import Method
from sentemb.training.collator import LABEL
from sentemb.training.settings import Select, Settings

logger = logging.getLogger("sentemb")


def with_selection(settings: Settings, dev: STS | None) -> Settings:
    """Settle which checkpoint becomes the model.

    Raises:
        UsageError: When Spearman is to choose and there is no dev set.
    """
    if settings.select == "spearman" and dev is None:
        raise UsageError("select=spearman needs a dev set: give --dev, or select held-out-loss.")
    if settings.select != "auto":
        return settings
    return replace(settings, select="spearman" if dev else "last")


def with_clipping(settings: Settings, loss: Loss) -> Settings:
    """Settle whether gradients are clipped: not by default where they never fade."""
    if settings.max_grad_norm is not None:
        return settings
    if not has_constant_gradient(loss):
        return replace(settings, max_grad_norm=1.0)
    logger.info(
        "Gradients are not clipped: that of FlatNCE keeps its size by design, and clipping would "
        "act at most steps (max_grad_norm 1 clips)."
    )
    return replace(settings, max_grad_norm=0.0)


def check_length(method: Method, max_length: int) -> None:
    """Raise where the encoder does not take so many tokens."""
    limit = method.encoder.max_seq_length
    if limit is not None and max_length > limit:
        raise UsageError(f"max_length is {max_length}, but the encoder takes {limit} tokens.")


def check_pooling(method: Method) -> None:
    """Raise where an encoder's pooling does not see the whole text, see `require_telling_apart`."""
    require_telling_apart(method.encoder)
    if (pooling := getattr(method.twin, "pooling", None)) is not None:
        require_telling_apart(method.encoder, pooling)
    for encoder in method.twin.other_encoders().values():
        require_telling_apart(encoder)


def check_labels(method: Method, rows: Dataset) -> None:
    """Let losses that are particular about labels see all of them before the first step."""
    if LABEL in rows.column_names:
        labels = torch.tensor(rows[LABEL][:])
        for part in parts(method.loss):
            getattr(part, "check_labels", lambda labels: None)(labels)


def check_texts(method: Method, rows: Dataset) -> None:
    """Raise where the rows have nothing to tell apart, or the tokeniser cannot read them.

    Raises:
        InputError: When all have the same text, or no word of the first rows is known.
    """
    column = method.views[0].column
    first = rows[0][column] if len(rows) else ""
    parts = (rows[start : start + 1000][column] for start in range(0, len(rows), 1000))
    if len(rows) > 1 and not any(text != first for part in parts for text in part):
        raise InputError(
            f"All {len(rows)} rows have the same {column}, '{first[:40]}': there is "
            "nothing to tell apart."
        )
    require_known_words(method.encoder.tokenizer, rows[:64][column])


def what_is_read(method: Method, rows: Dataset, max_length: int) -> Reading:
    """Count what the encoder reads and knows of all texts, before the first step.

    Raises:
        InputError: When most of the texts is unknown to it.
    """
    found = Reading()
    for column in sorted({view.column for view in method.views}):
        parts = (rows[start : start + 1000][column] for start in range(0, len(rows), 1000))
        texts = (text for part in parts for text in part)
        prompt = prompt_of(method.encoder, column)
        found += reading(method.encoder.tokenizer, texts, max_length, prompt)
    require_known(found)
    return found


def require_known(found: Reading) -> None:
    """Raise where most of what was read is unknown to the tokenizer.

    Raises:
        InputError: Says how much is unknown.
    """
    if found.is_mostly_unknown:
        raise InputError(
            f"Most of the texts is unknown to the model's tokenizer ({found.share_words()}), so "
            "there is little to learn from: use a model whose tokenizer knows their language and "
            "script."
        )


def require_known_words(tokenizer: Any, texts: Sequence[str]) -> None:
    """Raise where a tokeniser knows no word of the texts; transformers makes up an empty one.

    Raises:
        InputError: When that is so.
    """
    unknown, special = tokenizer.unk_token_id, set(tokenizer.all_special_ids)
    read = list(map(Bounded(tokenizer, 512), texts))
    with failing_text_named(tokenizer, read):
        ids = {token for ids in tokenizer(read)["input_ids"] for token in ids}
    if unknown is not None and unknown in ids and ids <= special:
        raise InputError(
            f"The model's tokenizer knows no word of '{texts[0][:40]}' and the rows after it: is "
            "its tokenizer.json (or vocab.txt) missing, or the text in another script?"
        )


def split_rows(rows: Dataset, batch: int, select: Select) -> tuple[Dataset, Dataset | None]:
    """Keep whole batches of about a twentieth aside where the held-out loss selects."""
    if select != "held-out-loss":
        if len(rows) < 2:
            raise UsageError(f"{len(rows)} row is nothing to contrast: at least 2 are needed.")
        if len(rows) < batch:
            raise UsageError(
                f"The batch of {batch} is larger than the data ({len(rows)} rows): "
                f"give --batch-size {len(rows)} or less, or more data."
            )
        return rows, None
    held = batch * min(8, max(1, len(rows) // (20 * batch)))
    if len(rows) < held + batch:
        raise UsageError(
            f"{len(rows)} rows are too few to hold a batch of {batch} out: "
            f"give --batch-size {len(rows) // 2} or less, or --select last."
        )
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).tolist()
    return rows.select(order[held:]), rows.select(order[:held])
