"""A method for each of several data sets, with one twin: what a batch is compared by."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import torch
from datasets import Dataset
from torch import Tensor

from sentemb.datasets import TrainingData
from sentemb.datasets.several import SOURCE, SeveralData
from sentemb.encoders.embedding import KEYS, TEXTS
from sentemb.errors import UsageError
from sentemb.losses import Loss
from sentemb.method import Method
from sentemb.modalities.captioned import PairedData
from sentemb.training.collator import EPOCH, ROW, Collator
from sentemb.training.forwards import padded_to
from sentemb.training.mixing import Mixing
from sentemb.training.preflight import try_out
from sentemb.training.settings import Settings
from sentemb.twins.cross_modal import SIGNAL
from sentemb.types import Features
from sentemb.views import row_key

Labels = Literal["none", "scores", "classes"]
RETURNED = {"loss", "masked_negatives"}
"""What a method returns beside the terms of its loss."""


class LossOfSources:
    """The loss of each data set; a batch is compared by one of them.

    Args:
        losses: By the names of the data sets.
    """

    def __init__(self, losses: Mapping[str, Loss]) -> None:
        self.losses = dict(losses)

    @property
    def terms(self) -> tuple[Loss, ...]:
        """All losses."""
        return tuple(self.losses.values())

    def __repr__(self) -> str:
        return "; ".join(f"{name}: {loss!r}" for name, loss in self.losses.items())

    def __call__(self, _: Any) -> Tensor:
        """Refuse: pairs do not say of which data set they are.

        Raises:
            UsageError: Always.
        """
        raise UsageError("Pairs do not name their data set: call the method, with its number.")


class MixedMethod(Method):
    """Several methods that train one twin, one for each data set.

    Args:
        methods: By the names of the data sets, in their order; all have the same twin.
        labels: What each data set has.

    Raises:
        UsageError: When twins differ, or a data set is called as what a method returns.
    """

    methods: dict[str, Method]
    labels: tuple[Labels, ...]

    def __init__(self, methods: Mapping[str, Method], labels: Sequence[Labels]) -> None:
        first, *others = methods.values()
        if any(method.twin is not first.twin for method in others):
            raise UsageError("Several data sets train one twin: give every method the same object.")
        if taken := sorted(RETURNED & methods.keys()):
            raise UsageError(f"No data set can be called '{taken[0]}': give it another name.")
        views = list(dict.fromkeys(view for method in methods.values() for view in method.views))
        losses = LossOfSources({name: method.loss for name, method in methods.items()})
        super().__init__(views, first.twin, losses)
        vars(self)["methods"] = dict(methods)  # past nn.Module: their parts are registered
        self.labels = tuple(labels)

    def forward(
        self, views: list[Features], labels: Tensor | None = None, source: int = 0
    ) -> dict[str, Tensor]:
        """Return what the method of a data set returns, its loss also by the data set's name.

        Args:
            views: As of `Method`.
            labels: As of `Method`.
            source: The number of the data set.
        """
        name, method = list(self.methods.items())[source]
        outputs = method(views, labels)
        self.contrasts = method.contrasts
        return {**outputs, name: outputs["loss"].detach()}

    def taught_columns(self) -> list[str]:
        """Return the columns whose texts the teacher reads of any data set."""
        every = (method.taught_columns() for method in self.methods.values())
        return list(dict.fromkeys(column for columns in every for column in columns))


class MixedCollator(Collator):
    """Makes batches of the rows of one data set, as its method sees them.

    Args:
        method: The methods of all data sets.
        data: All data sets.
        others: As of `Collator`.
        options: As of `Collator`.
    """

    def __init__(
        self, method: MixedMethod, data: SeveralData, *others: Any, **options: Any
    ) -> None:
        super().__init__(method.encoder, method.views, *others, **options)
        self.of_sources = [
            _of_one(each, part, *others, **options)
            for each, (_, part) in zip(method.methods.values(), data.parts, strict=True)
        ]
        self._labels = method.labels

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a batch, and the number of its data set.

        Args:
            rows: All of one data set.
        """
        source = int(rows[0][SOURCE])
        batch = self.of_sources[source](rows)
        labels = batch.pop("labels", None)
        if labels is not None and self._labels[source] != "none":
            batch["labels"] = labels.long() if self._labels[source] == "classes" else labels
        return {**batch, SOURCE: source}


def by_source(method: Method, data: TrainingData) -> list[tuple[str, Method, Dataset]]:
    """Return the name, the method and the rows of each data set; of a single one, "" for a name.

    Of several, the rows have no columns but their own.

    Raises:
        UsageError: When one of the two is of several data sets, and the other is not.
    """
    if not isinstance(data, SeveralData):
        if isinstance(method, MixedMethod):
            raise UsageError("A MixedMethod needs the data of all its data sets (SeveralData).")
        return [("", method, data.rows)]
    if not isinstance(method, MixedMethod) or tuple(method.methods) != data.names:
        raise UsageError("Several data sets need a MixedMethod with a method for each, by name.")
    return [(name, method.methods[name], part.rows) for name, part in data.parts]


class PairedCollator(Collator):
    """Adds to each batch what towers read of its rows, as further views.

    Args:
        data: Has it, by the number in each row.
        others: As of `Collator`.
        options: As of `Collator`.
    """

    def __init__(self, data: PairedData, *others: Any, **options: Any) -> None:
        super().__init__(*others, **options)
        self._data = data

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a batch of texts, and beside them what the towers read.

        Args:
            rows: As of `Collator`.
        """
        batch = super().__call__(rows)
        batch["views"] += signals_of(
            self._data, rows, self.seed, self.mask_identical, len(self.views)
        )
        return batch


class SignalCollator(Collator):
    """Makes batches of what towers read, of rows whose texts are not read.

    Args:
        data: Has it, by the number in each row.
        encoder: Says where it is embedded.
        seed: Of everything that towers draw.
        mask_identical: Number what is read, so that duplicates are never negatives.
    """

    def __init__(self, data: PairedData, encoder: Any, seed: int, mask_identical: bool) -> None:
        self._data = data
        self.encoder = encoder
        self.seed = seed
        self.mask_identical = mask_identical
        self.views, self.prompts = (), []
        self.bounded = cast(Any, str)  # of no text

    def columns_ahead(self) -> list[str]:
        """Return no column: there are no tokens."""
        return []

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a batch of what each tower reads.

        Args:
            rows: As of `Collator`.
        """
        return {"views": signals_of(self._data, rows, self.seed, self.mask_identical)}


def signals_of(
    data: PairedData,
    rows: list[dict[str, Any]],
    seed: int,
    mask_identical: bool,
    first: int = 0,
) -> list[Features]:
    """Return what each tower reads of rows, with the keys of what it draws.

    Args:
        data: Has it, by the number in each row.
        rows: As `NumberedRows` gives them.
        seed: Of the keys.
        mask_identical: Whether the numbers are kept, so that duplicates are never negatives.
        first: Views that stand before these.
    """
    views = []
    for view, (name, signals) in enumerate(data.signals.items(), first):
        numbers = [row[name] for row in rows]
        keys = [row_key(seed, row[EPOCH], row[ROW], view) - 2**63 for row in rows]
        read = {SIGNAL: signals.of(numbers), KEYS: torch.tensor(keys)}
        if mask_identical:
            read[TEXTS] = torch.tensor(numbers)
        views.append(read)
    return views


def collator_of(method: Method, settings: Settings, data: TrainingData) -> Collator:
    """Return what makes batches of rows."""
    how = settings.max_length, settings.seed, settings.mask_identical
    packed_on_a_gpu = bool(settings.packed) and method.encoder.device.type == "cuda"
    shape: dict[str, Any] = {"multiple": padded_to(settings), "counts_tokens": packed_on_a_gpu}
    if isinstance(method, MixedMethod) and isinstance(data, SeveralData):
        return MixedCollator(method, data, *how, **shape)
    return _of_one(method, data, *how, **shape)


def _of_one(method: Method, data: TrainingData, *how: Any, **shape: Any) -> Collator:
    """Return what makes batches of the rows of one data set."""
    if isinstance(data, PairedData) and not method.views:
        return SignalCollator(data, method.encoder, *how[1:])
    if isinstance(data, PairedData):
        return PairedCollator(data, method.encoder, method.views, *how, **shape)
    return Collator(method.encoder, method.views, *how, **shape)


def try_out_each(method: Method, data: TrainingData, rows: Dataset, collator: Collator) -> None:
    """Run a few rows of each data set, as `try_out` does.

    Args:
        method: What is trained.
        data: As it was read.
        rows: Those of a single data set that are trained on.
        collator: Of all data sets.
    """
    if not isinstance(collator, MixedCollator):
        try_out(method, rows, collator)
        return
    for (_, one, some), seen in zip(by_source(method, data), collator.of_sources, strict=True):
        try_out(one, some, seen)


def mixing_of(data: TrainingData, batch: int, seed: int) -> Mixing | None:
    """Return how the batches are mixed; None of a single data set.

    Raises:
        UsageError: As `Mixing`.
    """
    if not isinstance(data, SeveralData):
        return None
    return Mixing(data.names, data.sizes, batch, seed, data.order, data.weights)


def record_of_sources(
    method: Method, data: TrainingData, mixing: Mixing | None, steps: int, accumulation: int
) -> list[dict[str, Any]]:
    """Return what ``run.json`` says of each data set, after so many steps; empty of one alone."""
    if mixing is None or not isinstance(data, SeveralData) or not isinstance(method, MixedMethod):
        return []
    batches = mixing.batches_of(steps, accumulation)
    seen = mixing.seen(batches)
    return [
        {
            "name": name,
            "source": part.source,
            "rows": len(part.rows),
            "columns": part.rows.column_names,
            "loss": repr(method.methods[name].loss),
            "batches_an_epoch": int(mixing.counts[number]),
            "batches": seen[number],
            "share": round(seen[number] / max(1, batches), 4),
        }
        for number, (name, part) in enumerate(data.parts)
    ]
