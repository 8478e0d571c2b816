"""`map`: texts or pictures as points of a plane, on a page to search, hover and select in."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sentemb.datasets.layouts import shown
from sentemb.datasets.roles import LABEL, column_of
from sentemb.errors import InputError, UsageError, nearest
from sentemb.modalities.cells import TEXTS, modality_of, texts_of_cell
from sentemb.storage import replaced
from sentemb.table import Table
from sentemb.tasks.beyond_text import signals_embedded
from sentemb.tasks.cluster import cluster
from sentemb.tasks.map_page import coloring, page
from sentemb.tasks.projection import Points, Projection, aligned, check_projection, projected
from sentemb.tasks.vectors import Embedded, embedded

if TYPE_CHECKING:
    import pandas

    from sentemb.datasets.in_memory import Container
    from sentemb.modalities.cells import Modality
    from sentemb.tasks.vectors import AnyEncoder

HTML, PICTURES = ".html", (".png", ".pdf", ".svg")
CLUSTER = "cluster"
NO_VALUE = "(none)"


@dataclass(frozen=True, repr=False)
class TextMap:
    """Texts, or pictures or sounds by their names, as points, one map a model.

    Args:
        texts: One a row; of what is not text, its name.
        points: For each model, ``[texts, 2]``; maps after the first are turned to lie as it does.
        colorings: For each way to colour, the group of each text; the first is shown first.
        projection: ``pca`` or ``umap``.
        source: What the texts were read from.
        modality: What the rows are; None of texts.
        thumbnails: Of pictures, a WebP each.
    """

    texts: Sequence[str]
    points: Mapping[str, Points]
    colorings: Mapping[str, Sequence[str]]
    projection: Projection
    source: str
    modality: "Modality | None" = None
    thumbnails: Sequence[bytes] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.texts)

    def __repr__(self) -> str:
        """Return what is on the map."""
        groups = ", ".join(f"{len(set(g))} of {name}" for name, g in self.colorings.items())
        return f"TextMap({self.title}; models: {', '.join(self.points)}; groups: {groups})"

    @property
    def title(self) -> str:
        """What the map shows, in a few words."""
        by = {"pca": "principal components", "umap": "UMAP"}[self.projection]
        return f"{len(self.texts):,} {self.rows} of {Path(self.source).name} by {by}"

    @property
    def rows(self) -> str:
        """What the rows are called."""
        return f"{self.modality or 'text'}s"

    def to_html(self) -> str:
        """Return the page: one file that needs no network."""
        return page(self.title, self.texts, self.points, self.colorings, self.thumbnails, self.rows)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return each text with its groups, and its place in each map.

        Raises:
            UsageError: When pandas is not installed.
        """
        places = {
            f"{axis} of {model}" if len(self.points) > 1 else axis: points[:, n].tolist()
            for model, points in self.points.items()
            for n, axis in enumerate("xy")
        }
        columns: dict[str, Sequence[Any]] = {
            self.modality or "text": self.texts,
            **self.colorings,
            **places,
        }
        return Table(list(columns), list(zip(*columns.values(), strict=True))).to_pandas()

    def to_dict(self) -> dict[str, Any]:
        """Return what is on the map, as JSON has it, without the texts."""
        groups = {name: coloring(name, each)["names"] for name, each in self.colorings.items()}
        return {
            self.rows: len(self.texts),
            "models": list(self.points),
            "projection": self.projection,
            "groups": groups,
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the map as a page (.html), or as a picture (.png, .pdf, .svg; needs matplotlib).

        Raises:
            UsageError: When the file ends otherwise, or matplotlib is not installed.
        """
        target = Path(path)
        require_map_file(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix != HTML:
            return self._draw(target)
        with replaced(target) as file:
            file.write(self.to_html().encode())
        return target

    def _draw(self, path: Path) -> Path:
        from sentemb.plotting import require_matplotlib

        require_matplotlib()
        from sentemb.modalities.picture_files import decode
        from sentemb.modalities.thumbnails import side_of
        from sentemb.plotting.points import draw_points

        name, groups = next(iter(self.colorings.items()))
        found = coloring(name, groups)
        of = np.array(found["of"])
        pictures = [decode(each, side_of(len(self))) for each in self.thumbnails]
        names, colors = found["names"], found["colors"]
        return draw_points(path, self.points, of, names, colors, self.title, pictures)


def map(  # noqa: A001 -- the name of the command
    data: "str | os.PathLike[str] | Container | Embedded",
    model: "AnyEncoder | Sequence[AnyEncoder]" = "mini-sentemb",
    *,
    column: str = "text",
    color_by: str | None = None,
    clusters: int | None = None,
    projection: Projection = "pca",
    seed: int = 0,
    device: str | None = None,
    modality: "Modality | None" = None,
) -> TextMap:
    """Place texts or pictures on a map by their vectors, as ``sentemb map`` does.

    ``map(…).save("map.html")`` writes a page to search, hover and select in.

    Args:
        data: Texts, of any kind that `sentemb.tasks.vectors.embedded` takes; or a folder of
            pictures or sounds, for a model that was trained on them.
        model: A bundled encoder, a folder, a hub id, a `SentenceTransformer` or an `Encoder`; or
            several, for maps side by side.
        column: The column of the texts, or of the pictures.
        color_by: The column that points are coloured by; by default ``label`` where there is one.
            Clusters can be chosen on the page, too, and are the default without it.
        clusters: How many clusters `cluster` finds in the vectors of the first model, by k-means;
            by default about the root of half the texts.
        projection: ``pca`` or ``umap``, which needs umap-learn and keeps neighbours together.
        seed: Of clusters and UMAP.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; by default the GPU if there is one.
        modality: ``picture`` or ``sound``: what the rows of a table hold in the place of texts, as
            in `Encoder.encode_file`. Pictures are shown on the map.

    Raises:
        InputError: When the data or a model cannot be read, or the texts are too few; names the
            row.
        UsageError: When an option is out of its range, or umap-learn is not installed.

    Example:
        >>> map(["A cat.", "A dog.", "Two cats.", "A car."], clusters=2)
        TextMap(4 texts of data by principal components; models: mini-sentemb; groups: 2 of cluster)
    """
    check_projection(projection, seed)
    several = isinstance(model, Sequence) and not isinstance(model, str)
    models = cast("list[AnyEncoder]", list(cast("Any", model)) if several else [model])
    if isinstance(data, Embedded) and len(models) > 1:
        raise UsageError("These vectors are one model's: give the texts to compare several models.")
    held = None if isinstance(data, Embedded) else modality or modality_of(data)
    points: dict[str, Points] = {}
    first: Embedded | None = None
    for one in models:
        found = _embedded(data, one, held, column, device)
        first = first or found
        places = projected(found.vectors, projection, seed)
        name = found.model if found.model not in points else f"{found.model} ({len(points) + 1})"
        points[name] = aligned(places, next(iter(points.values()))) if points else places
    if first is None:
        raise UsageError("`model` is an empty list: name at least one.")
    colorings = _columns(first, color_by)
    if CLUSTER not in colorings:
        colorings[CLUSTER] = _clusters(first, clusters, seed)
    pictures = _thumbnails(data, column, len(first.texts)) if held == "picture" else ()
    return TextMap(first.texts, points, colorings, projection, first.source, held, pictures)


def _embedded(
    data: Any, model: "AnyEncoder", held: "Modality | None", column: str, device: str | None
) -> Embedded:
    """Return texts with their vectors; or pictures, each with its caption behind its name."""
    if held is None:
        return embedded(data, model, column=column, device=device)
    from sentemb.encoder import load

    found = signals_embedded(data, load(model, device), held, column)
    captions = next((found.columns[name] for name in TEXTS if name in found.columns), None)
    if captions is None:
        return found
    both = zip(found.texts, captions, strict=True)
    texts = [": ".join([name, *texts_of_cell(caption)[:1]]) for name, caption in both]
    return replace(found, texts=texts)


def _thumbnails(data: Any, column: str, count: int) -> Sequence[bytes]:
    from sentemb.modalities.thumbnails import thumbnails

    return thumbnails(data, count, None if column == "text" else column)


def require_map_file(path: Path) -> None:
    """Raise unless a map can be written to a file of that name.

    Raises:
        UsageError: Names the endings.
    """
    if path.suffix not in (HTML, *PICTURES):
        raise UsageError(
            f"Cannot write '{path}': give a file ending in {', '.join((HTML, *PICTURES))}."
        )


def _columns(found: Embedded, color_by: str | None) -> dict[str, list[str]]:
    """Return the values of the column that points are coloured by."""
    present = list(found.columns)
    if color_by is not None and color_by not in present:
        raise InputError(
            f"{found.source} has no column '{color_by}' beside its texts; it has "
            f"{shown(present) or 'none'}.{nearest(color_by, present)}"
        )
    name = color_by or column_of(LABEL, present)
    if name is None:
        return {}
    values = found.columns[name]
    return {name: [NO_VALUE if v is None or str(v) == "" else str(v) for v in values]}


def _clusters(texts: Embedded, clusters: int | None, seed: int) -> list[str]:
    """Return the number and name of each text's cluster."""
    found = cluster(texts, clusters=clusters, seeds=0, seed=seed)
    return [f"{label + 1}: {found.names[label]}" for label in found.labels]
