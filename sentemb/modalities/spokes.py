"""Several data sets of pictures, each beside sounds or beside texts: what each has is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sentemb.datasets.several import SeveralData
from sentemb.datasets.source import Source, as_source, read_source
from sentemb.evaluation import Evaluator
from sentemb.modalities.captioned import PairedData, read_captioned, warn_of_unused
from sentemb.modalities.cells import bound_by_columns, bound_to_pictures, metadata_of
from sentemb.modalities.towers import TowerConfig


@dataclass(frozen=True)
class SpokeData(SeveralData):
    """Rows of several data sets, each of pictures and what is bound to them.

    Args:
        dev: Rows that are not trained on, and measured on.
    """

    dev: PairedData | None = field(default=None, repr=False)

    @property
    def signals(self) -> dict[str, Any]:
        """What is decoded of the data sets, by their names."""
        return {name: part.signals for name, part in self.parts if isinstance(part, PairedData)}

    def evaluators(self, twin: Any) -> list[Evaluator]:
        """Return what measures retrieval on the dev rows, where there are some."""
        return [] if self.dev is None else self.dev.retrievals(twin)


def read_spoke(
    source: Source,
    configs: Sequence[TowerConfig],
    columns: Sequence[str] | None = None,
    *,
    all_held: bool = False,
) -> PairedData:
    """Read pictures, beside them sounds where the table has some, and texts where it has some.

    Args:
        source: As of `read_captioned`.
        configs: Of the pictures' tower, and of the sounds'.
        columns: Names of its columns, pictures first and texts last, where they are others.
        all_held: As of `read_captioned`.

    Raises:
        InputError: When it has neither sounds nor texts, or as `read_captioned`.
    """
    present, rows = read_source(metadata_of(as_source(source)))
    if columns is None:
        modalities, has_texts = bound_to_pictures(present)
    else:
        modalities, has_texts = bound_by_columns(columns, next(iter(rows), (0, {}))[1])
    read = [config for config in configs if config.modality in modalities]
    return read_captioned(source, read, columns, has_texts=has_texts, all_held=all_held)


def dev_of(given: PairedData | None, parts: Mapping[str, PairedData]) -> PairedData | None:
    """Return the rows to measure on: those given, or else those of the first part that has some.

    Args:
        given: As they were read.
        parts: As they were read, by their names.
    """
    held = {name: part.dev for name, part in parts.items() if part.dev is not None}
    measured = next((n for n, dev in held.items() if "text" in dev.rows.column_names), None)
    if given is not None:
        measured = None
    for name, dev in held.items():
        if name != measured:
            warn_of_unused(len(dev.rows), name)
    return given if measured is None else held[measured]
