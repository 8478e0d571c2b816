"""Preflight: what is settled, checked and tried out before anything is written."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor

from sentemb.encoders.embedding import KEYS
from sentemb.encoders.lengths import Reading, reading, require_known, require_known_words
from sentemb.encoders.poolings import pools_mask
from sentemb.encoders.tells_apart import require_telling_apart
from sentemb.errors import InputError, OutOfMemoryError, SentembError, UsageError
from sentemb.evaluation import STS
from sentemb.losses import Loss
from sentemb.losses.combine import has_constant_gradient, parts
from sentemb.method import Method
from sentemb.runs.out_of_memory import OutOfMemorySignal, running_out_told
from sentemb.runs.random_state import random_state_kept
from sentemb.training.collator import LABEL, Collator, NumberedRows
from sentemb.training.held_out import loss_of
from sentemb.training.settings import Select, Settings
from sentemb.training.teaching import teach_few
from sentemb.training.tokenised_rows import ColumnWriter, TokenisedRows
from sentemb.types import Features
from sentemb.views import Adversarial, Draws, View

logger = logging.getLogger("sentemb")

LOOKED_AT = 256
"""Rows that are looked at, the first of the data."""
FEW = 8
"""Rows that are tried out, where the twin does not need more."""
AT_ONCE = 32
MOST = 0.5
"""Share of unchanged rows above which a view is warned about."""


def with_selection(settings: Settings, dev: STS | None) -> Settings:
    """Settle which checkpoint becomes the model.

    Raises:
        UsageError: When Spearman is to choose and there is no dev set.
    """
    if settings.select == "spearman" and dev is None:
        raise UsageError(
            "`select='spearman'` needs a dev set: give `dev`, or `select='held-out-loss'`."
        )
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
        "Gradients are not clipped: FlatNCE's keeps its size by design, and clipping would "
        "act at most steps (max_grad_norm 1 clips)."
    )
    return replace(settings, max_grad_norm=0.0)


def check_length(method: Method, max_length: int) -> None:
    """Raise where the encoder does not take so many tokens."""
    limit = method.encoder.max_seq_length
    if limit is not None and max_length > limit:
        raise UsageError(f"max_length is {max_length}, but the encoder takes {limit} tokens.")
    added = getattr(method.encoder.tokenizer, "num_special_tokens_to_add", lambda: 0)()
    if added >= max_length:
        raise UsageError(
            f"max_length is {max_length}, which leaves no room for the text: the tokenizer adds "
            f"{added} tokens to each."
        )


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

    A method without views reads no text.

    Raises:
        InputError: When all have the same text, no word of the first rows is known, or a template
            is read at a token that a text has too.
    """
    if not method.views:
        return
    column = method.views[0].column
    first = rows[0][column] if len(rows) else ""
    parts = (rows[start : start + 1000][column] for start in range(0, len(rows), 1000))
    if len(rows) > 1 and not any(text != first for part in parts for text in part):
        raise InputError(
            f"All {len(rows)} rows have the same {column}, '{first[:40]}': training "
            "needs different ones."
        )
    require_known_words(method.encoder.tokenizer, rows[:64][column])
    for view in method.views:
        if view.template is not None or pools_mask(method.encoder):
            _require_no_mask(rows, view.column, str(method.encoder.tokenizer.mask_token))


def _require_no_mask(rows: Dataset, column: str, mask: str) -> None:
    """Raise where a text holds the token that its template is read at."""
    for start in range(0, len(rows), 1000):
        for number, text in enumerate(rows[start : start + 1000][column], start=start + 1):
            if mask in text:
                raise InputError(
                    f"Row {number:,} has {mask} in its {column}, where the embedding is read: take "
                    "it out of the text."
                )


def first_texts(method: Method, rows: Dataset, count: int = 8) -> list[str]:
    """Return the texts of the first view of the first rows; none of a method without views."""
    return list(rows[:count][method.views[0].column]) if method.views else []


def what_is_read(rows: Dataset, collator: Collator) -> tuple[Reading, TokenisedRows]:
    """Count what the encoder reads and knows of all texts, before the first step.

    Returns:
        The counts; and the tokens, so that no step has to make them.

    Raises:
        InputError: When most of the texts of a column is unknown to it.
    """
    found, kept = Reading(), {}
    ahead = collator.columns_ahead()
    prompts = dict(zip([v.column for v in collator.views], collator.prompts, strict=True))
    for column, prompt in sorted(prompts.items()):
        parts = (rows[start : start + 1000][column] for start in range(0, len(rows), 1000))
        texts = (text for part in parts for text in part)
        tokenizer, limit = collator.encoder.tokenizer, collator.max_length
        if column not in ahead:
            counts = reading(tokenizer, texts, limit, prompt)
        else:
            with ColumnWriter(collator.tokenizer.ids([prompt or " "])[0]) as writer:
                counts = reading(tokenizer, texts, limit, prompt, writer.add)
                if made := writer.column():
                    kept[column] = made
        require_known(counts, column if len(prompts) > 1 else None)
        found += counts
    return found, kept


def split_rows(rows: Dataset, batch: int, select: Select) -> tuple[Dataset, Dataset | None]:
    """Keep whole batches of about a twentieth aside where the held-out loss selects."""
    if select != "held-out-loss":
        if len(rows) < 2:
            raise UsageError(
                f"Contrastive training needs at least 2 rows; the data has {len(rows)}."
            )
        if len(rows) < batch:
            raise UsageError(
                f"The batch of {batch} is larger than the data ({len(rows)} rows): "
                f"give `batch_size={len(rows)}` or less, or more data."
            )
        return rows, None
    held = batch * min(8, max(1, len(rows) // (20 * batch)))
    if len(rows) < held + batch:
        raise UsageError(
            f"{len(rows)} rows are too few to hold a batch of {batch} out: "
            f"give `batch_size={len(rows) // 2}` or less, or `select='last'`."
        )
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).tolist()
    return rows.select(order[held:]), rows.select(order[:held])


def try_out(method: Method, rows: Dataset, collator: Collator) -> None:
    """Run a few rows before anything is written, so that what cannot work fails at once.

    Twice where there is a queue: it is filled then, and emptied again.
    """
    warn_of_unchanged(method, rows, collator)
    count = max(FEW, method.twin.least_rows)
    column = first_texts(method, rows, max(1000, count)) or [""] * min(len(rows), count)
    longest = sorted(range(len(column)), key=lambda row: -len(column[row]))
    few = NumberedRows(rows.select(longest[:count]))
    teach_few(method, few.rows)
    batch = few.__getitems__(list(range(len(few))))
    was_training = method.training
    with random_state_kept():
        while not _fits_into_memory(method, batch, collator):
            pass
    method.train(was_training)


def _fits_into_memory(method: Method, batch: list[dict[str, Any]], collator: Collator) -> bool:
    """Run a few rows; where memory ran out, have the encoder take half as many at once.

    Raises:
        OutOfMemoryError: When not even one row at a time fits.
    """
    try:
        with running_out_told():
            _run(method, batch, collator)
        return True
    except OutOfMemorySignal as error:
        reason = str(error)
    try:
        rows = method.halve_micro_batch(len(batch))
    except SentembError as error:
        raise OutOfMemoryError(
            f"Memory does not suffice for {len(batch)} of the rows ({reason}), and {error} Give a "
            "smaller `max_length`, or a smaller `model`."
        ) from None
    logger.warning(
        "%d of the rows did not fit into memory (%s): the encoder now takes %d rows at once. The "
        "batch stays as it is.",
        len(batch),
        reason,
        rows,
    )
    return False


def _run(method: Method, batch: list[dict[str, Any]], collator: Collator) -> None:
    loss = loss_of(method.train(), batch, collator)
    if not loss.requires_grad:
        raise UsageError(
            "The loss does not depend on the embeddings by a gradient, so nothing would be "
            "trained: compute it in torch, without .item(), .detach() or numpy."
        )
    if before := method.twin.queue_state():
        method.twin.on_batch_end()
        try:
            loss_of(method, batch, collator)
            _require_a_reader_of_the_queue(method)
        finally:
            method.twin.restore_queue(before)


def _require_a_reader_of_the_queue(method: Method) -> None:
    """Raise where the twin has a queue of negatives, and the loss does not read them.

    Raises:
        UsageError: When that is so.
    """
    if method.twin.queue_holds_negatives and method.unread & {"negatives", "own"}:
        raise UsageError(
            "This loss does not contrast rows with the queue, so the queue has no effect: use a "
            "loss with negatives, as infonce, or a method without a queue."
        )


@torch.no_grad()
def warn_of_unchanged(method: Method, rows: Dataset, collator: Collator) -> None:
    """Warn of each view that leaves most of the first rows as they are."""
    looked_at: list[View] = []
    for number, view in enumerate(method.views, start=1):
        stages = [view.edit, view.edit_tokens, view.order, view.perturb]
        if not any(stages) or view in looked_at:
            continue
        looked_at.append(view)
        share, count = unchanged_share(view, rows, collator)
        if share > MOST:
            names = " and ".join(type(stage).__name__ for stage in stages if stage is not None)
            logger.warning(
                "View %d (%s) leaves %.0f %% of the first %d rows as they are, so it adds little "
                "to dropout: raise its rate, or use a view that suits these texts.",
                number,
                names,
                100 * share,
                count,
            )


def unchanged_share(view: View, rows: Dataset, collator: Collator) -> tuple[float, int]:
    """Return the share of the first rows that reach the encoder as they are, and of how many.

    Tokens are compared, so an edit that the tokenizer does not see changes nothing. What an
    adversarial view adds depends on the loss, and is taken for a change.
    """
    first = NumberedRows(rows.select(range(min(len(rows), LOOKED_AT))))
    unchanged = 0
    for start in range(0, len(first), AT_ONCE):
        some = first.__getitems__(list(range(start, min(start + AT_ONCE, len(first)))))
        clean, seen = (_features(each, some, collator) for each in (View(view.column), view))
        changed = torch.tensor([a != b for a, b in zip(_ids(clean), _ids(seen), strict=True)])
        unchanged += int((~(changed | _moved(view, seen, _width(collator)))).sum())
    return unchanged / len(first), len(first)


def _features(view: View, rows: list[dict[str, Any]], collator: Collator) -> Features:
    features: Features = collator.seeing((view,))(rows)["views"][0]
    return features


def _ids(features: Features) -> Iterator[list[int]]:
    for ids, mask in zip(features["input_ids"], features["attention_mask"], strict=True):
        yield ids[mask.bool()].tolist()


def _moved(view: View, features: Features, width: int) -> Tensor:
    """Say of which rows an order or a perturbation changes anything."""
    mask, draws = features["attention_mask"].bool(), Draws(features[KEYS])
    moved = torch.full((len(mask),), isinstance(view.perturb, Adversarial))
    if view.order is not None:
        places = torch.arange(mask.shape[1])
        moved |= ((view.order(mask, draws) != places) & mask).any(dim=1)
    if view.perturb is not None:
        ones = torch.ones(*mask.shape, width)
        moved |= (view.perturb(ones, mask, draws) != ones).flatten(1).any(dim=1)
    return moved


def _width(collator: Collator) -> int:
    return int(collator.encoder.get_embedding_dimension() or 1)
