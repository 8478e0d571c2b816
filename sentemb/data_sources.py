"""Several data sets of one training, as they are asked for: names, own losses, weights."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from sentemb.errors import UsageError
from sentemb.notation import as_loss
from sentemb.values import as_names

if TYPE_CHECKING:
    from sentemb.datasets.in_memory import Container
    from sentemb.datasets.several import Order, SeveralData
    from sentemb.datasets.training import TrainingData
    from sentemb.losses import Loss
    from sentemb.notation import AnyLoss
    from sentemb.views import View

    Data = str | os.PathLike[str] | Container | TrainingData

Layouts = tuple[tuple[str, ...], ...]
PAIRS: Layouts = (("anchor", "positive", "negative"), ("anchor", "positive"), ("text",))
SCORED: Layouts = (("sentence1", "sentence2", "score"),)
LABELLED: Layouts = (("text", "label"),)


@dataclass(frozen=True)
class DataSource:
    """One of several data sets that a model is trained on.

    Args:
        data: As of `sentemb.train`.
        loss: What its rows are compared by, also in words, as ``cosent``; and so which columns it
            has: graded pairs for a loss of scores, labelled texts for one of classes, else
            triplets, pairs or texts. By default loss and columns are the method's.
        weight: Its share of the batches; of data sets that have none where others have, 1.
        columns: Names of its columns, where they are others.

    Example:
        >>> DataSource("graded.tsv", weight=2).weight
        2
    """

    data: "Data"
    loss: "AnyLoss | None" = None
    weight: float | None = None
    columns: Sequence[str] | None = None

    def own_loss(self) -> "Loss | None":
        """Return the loss as an object; None where it is the method's."""
        return None if self.loss is None else as_loss(self.loss)


def several_of(data: object) -> dict[str, DataSource] | None:
    """Return data sets by their names; None where the data are one data set.

    Several are a dict from names, or a list: of paths (`pathlib.Path`), tables, data that were
    read, or `DataSource`. A list of strings is a list of texts, and a dict of lists has columns.

    Args:
        data: As of `sentemb.train`.

    Raises:
        UsageError: When texts are names of files, as of a list of paths, or there is no data set.

    Example:
        >>> several_of({"nli": "nli.csv", "graded": DataSource("sts.tsv")}).keys()
        dict_keys(['nli', 'graded'])
        >>> list(several_of([Path("a.csv"), Path("b/a.csv.gz")]))
        ['a', 'a_2']
        >>> several_of(["A text.", "Another."]), several_of({"text": ["A text."]})
        (None, None)
    """
    if isinstance(data, Mapping) and not hasattr(data, "column_names"):
        if not data or not all(isinstance(one, str) or _is_source(one) for one in data.values()):
            return None
        return {str(name): _as_source(one) for name, one in data.items()}
    if not isinstance(data, list | tuple) or not data:
        return None
    if all(isinstance(one, str) and Path(one).suffix and Path(one).is_file() for one in data):
        raise UsageError(
            f"data is a list of {len(data)} texts that are names of files: give pathlib.Path for "
            'each, or a dict from names, as {"nli": "nli.csv"}.'
        )
    if not all(map(_is_source, data)):
        return None
    sources = [_as_source(one) for one in data]
    return dict(zip(named(source.data for source in sources), sources, strict=True))


def named(paths: Iterator[object] | Sequence[object]) -> list[str]:
    """Return a name for each data set: its file's, with a number where the name is taken.

    Example:
        >>> named(["a/nli.csv.gz", "b/nli.csv", ["A text."]])
        ['nli', 'nli_2', 'data']
        >>> named(["nli_2.csv", "nli.csv", "b/nli.csv"])
        ['nli_2', 'nli', 'nli_3']
    """
    names: list[str] = []
    for path in paths:
        is_path = isinstance(path, str | os.PathLike)
        name = Path(path).name.partition(".")[0] if is_path else "data"  # type: ignore[arg-type]
        numbered = (f"{name}_{number}" for number in count(2))
        names.append(next(one for one in chain([name], numbered) if one not in names))
    return names


def _is_source(one: object) -> bool:
    table = hasattr(one, "iterrows") or hasattr(one, "column_names") or hasattr(one, "rows")
    return table or isinstance(one, DataSource | os.PathLike)


def _as_source(one: Any) -> DataSource:
    return one if isinstance(one, DataSource) else DataSource(one)


def read_sources(
    sources: Mapping[str, DataSource], layouts: Layouts, mixing: "Order | None" = None
) -> "SeveralData":
    """Read several data sets.

    Args:
        sources: By their names.
        layouts: Of data sets without an own loss.
        mixing: How batches are taken of them: by their ``weights`` where one has a weight, else
            ``proportional`` to their rows by default.

    Raises:
        UsageError: When weights are given and others are asked for, or they sum to 0.
        InputError: When one cannot be read; names the file and the row.
    """
    from sentemb.datasets import as_training_data
    from sentemb.datasets.several import Order, joined
    from sentemb.training.mixing import check_weights

    weights = [source.weight for source in sources.values()]
    is_weighted = any(weight is not None for weight in weights)
    if mixing is None:
        mixing = "weights" if is_weighted else "proportional"
    if is_weighted and mixing != "weights":
        raise UsageError(f"Weights of data sets have no effect beside `mixing='{mixing}'`.")
    if mixing not in (orders := get_args(Order)):
        raise UsageError(f"mixing must be one of {', '.join(orders)}; got '{mixing}'.")
    shares = [1.0 if weight is None else weight for weight in weights]
    if mixing == "weights":
        if not is_weighted:
            raise UsageError("`mixing='weights'` needs a weight of a data set.")
        check_weights(list(sources), shares)
    parts = {
        name: as_training_data(
            source.data,
            layouts if (loss := source.own_loss()) is None else layouts_of(loss),
            None if source.columns is None else as_names("columns", source.columns),
            name=f"data[{name!r}]",
        )
        for name, source in sources.items()
    }
    return joined(parts, mixing, shares if mixing == "weights" else ())


def layouts_of(loss: "Loss") -> Layouts:
    """Return the columns that rows have which a loss compares."""
    from sentemb.losses import (
        AnglE,
        Contrastive,
        CoSENT,
        CosineSimilarity,
        SupConIn,
        SupConOut,
    )
    from sentemb.losses.combine import parts

    found = list(parts(loss))
    if any(isinstance(part, AnglE | CoSENT | CosineSimilarity | Contrastive) for part in found):
        return SCORED
    if any(isinstance(part, SupConIn | SupConOut) for part in found):
        return LABELLED
    return with_margins(PAIRS, loss)


def with_margins(layouts: Layouts, loss: "Loss | None") -> Layouts:
    """Return layouts; before each with a hard negative, the same with a score if the loss has it.

    The score of a row is the margin that `MarginMSE` learns: by how much a teacher, as a
    cross-encoder, scores the positive higher than the negative.

    Example:
        >>> from sentemb.losses import MarginMSE
        >>> with_margins((("anchor", "positive"), ("anchor", "negative")), MarginMSE())
        (('anchor', 'positive'), ('anchor', 'negative', 'score'), ('anchor', 'negative'))
    """
    from sentemb.losses import MarginMSE
    from sentemb.losses.combine import parts

    if loss is None or not any(isinstance(part, MarginMSE) for part in parts(loss)):
        return layouts
    scored = ([(*one, "score"), one] if "negative" in one else [one] for one in layouts)
    return tuple(chain.from_iterable(scored))


def views_of(part: "TrainingData", view: "Callable[[str], View]") -> "tuple[View, ...]":
    """Return a view of each text column of a data set; of single texts two.

    Args:
        part: As it was read.
        view: From a column to its view.
    """
    texts = [column for column in part.rows.column_names if column != "label"]
    return tuple(map(view, texts * 2 if len(texts) == 1 else texts))


def described_sources(
    sources: Mapping[str, DataSource], names: Callable[[object], Any]
) -> dict[str, Any]:
    """Return the options of ``sentemb train`` that stand for data sets.

    Args:
        sources: By their names.
        names: Names what was given as data; None for what has no name.
    """
    from sentemb.runs.conditions import stable_repr

    paths = {name: names(source.data) for name, source in sources.items()}
    made = {name: one.own_loss() for name, one in sources.items()}
    losses = {name: stable_repr(loss) for name, loss in made.items() if loss is not None}
    weights = {name: one.weight for name, one in sources.items() if one.weight is not None}
    return {
        "data": [f"{name}={path or '<memory>'}" for name, path in paths.items()],
        "source_loss": [f"{name}={loss}" for name, loss in losses.items()],
        "source_weight": [f"{name}={weight:g}" for name, weight in weights.items()],
    }
