"""`overview`: every recipe beside the others, with what it is made of."""

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sentemb.encoders.build import build_encoder
from sentemb.methods.recipe import METHODS, Recipe, recipe_named
from sentemb.modalities.towers import Tower, TowerConfig
from sentemb.table import Cell, Report, Table

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HEADS = ("projector", "predictor")
COLUMNS = ["method", "data", "pooling", "twin", "loss", "batch", "rate", "epochs", "tokens"]


def overview() -> Report:
    """Return a row for each recipe, as ``sentemb methods`` shows them: what a run uses by default.

    ``data`` are the columns that are read, the fullest first; ``pooling`` is for a raw encoder;
    ``twin`` names the heads that training alone has; ``tokens`` is the length texts are cut to.

    Example:
        >>> overview()["methods"]["simcse-sup"]["batch_size"]
        512
    """
    recipes = {name: recipe_named(name) for name in METHODS}
    encoders = {
        pooling: build_encoder("mini", pooling=pooling, device="cpu")
        for pooling in {recipe.pooling for recipe in recipes.values()}
    }
    found = {
        name: _described(recipe, deepcopy(encoders[recipe.pooling]))
        for name, recipe in recipes.items()
    }
    rows = [
        [
            name,
            "; ".join(map(", ".join, one["layouts"])),
            one["pooling"],
            one["twin"],
            one["loss"],
            one["batch_size"],
            Cell(one["learning_rate"], f"{one['learning_rate']:g}"),
            Cell(one["epochs"], f"{one['epochs']:g}"),
            one["max_length"],
        ]
        for name, one in found.items()
    ]
    papers = [f"{name}: {one['citation']}" for name, one in found.items()]
    return Report("methods", {"methods": found}, [Table(COLUMNS, rows)], papers)


@contextmanager
def _needed(parameters: Sequence[str], dim: int) -> Iterator[dict[str, Any]]:
    """Have at hand what a recipe cannot be built without."""
    if "hub" not in parameters:
        yield {"teacher": "mini"} if "teacher" in parameters else {}
        return
    with TemporaryDirectory(prefix="sentemb-") as folder:
        Tower(TowerConfig(dim=dim)).save(Path(folder))
        yield {"hub": folder}


def _described(recipe: Recipe, encoder: "SentenceTransformer") -> dict[str, Any]:
    parameters = list(inspect.signature(recipe.build).parameters.values())[1:]
    functions = ("build", "towers_of", "several")
    settings = {k: v for k, v in vars(recipe).items() if k not in functions}
    dim = int(encoder.get_embedding_dimension() or 1)
    with _needed([p.name for p in parameters], dim) as needed:
        method = recipe.build(encoder if recipe.reads_texts else None, **needed)
    heads = [name for name, _ in method.twin.named_children() if name in HEADS]
    twin = " + ".join([type(method.twin).__name__, *heads])
    loss = re.sub(r"\(.*", "", repr(method.loss), flags=re.DOTALL)
    options = {p.name: p.default for p in parameters if p.name not in ("columns", "classes")}
    return {"options": options, "twin": twin, "loss": loss, **settings}
