"""What the commands do, as functions of the same names: data of any kind in, a result out.

Keywords are the flags of the command with underscores. A name becomes an object here, rows of any
kind become data; the rest is done by the functions that these call.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.bundled import bundled
from sentemb.datasets import as_sts, as_training_data, read_inputs, read_sts, read_texts
from sentemb.datasets.layouts import kind_of
from sentemb.datasets.source import as_source
from sentemb.errors import InputError, UsageError, nearest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.datasets import TrainingData
    from sentemb.datasets.in_memory import Container
    from sentemb.encoders import PoolingName
    from sentemb.evaluation import STS
    from sentemb.finetuning import FinetuneRun, FinetuneSettings
    from sentemb.finetuning.predict import Predictions
    from sentemb.method import Method
    from sentemb.methods import Recipe
    from sentemb.training import Run, Settings

    Data = str | os.PathLike[str] | Container

ALSO_CALLED = {"lr": "learning_rate", "rdrop": "r_drop", "num_workers": "workers"}
"""Flags that are not called what their setting is."""
LABELLED = (("sentence1", "sentence2", "label"), ("text", "label"))
SCORED = (("sentence1", "sentence2", "score"), ("text", "score"))
INPUTS = (("sentence1", "sentence2"), ("text",))


def train(
    method: "str | Method" = "simcse-unsup",
    data: "Data | TrainingData | None" = None,
    output: str | os.PathLike[str] | None = None,
    settings: "Settings | None" = None,
    dev: "Data | STS | None" = None,
    *,
    model: "str | os.PathLike[str] | SentenceTransformer | None" = None,
    pooling: "PoolingName | None" = None,
    prompt: Mapping[str, str] | None = None,
    columns: Sequence[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
    **options: Any,
) -> "Run":
    """Train an encoder, as ``sentemb train`` does, and save it as a sentence-transformers model.

    Args:
        method: A recipe's name, or a `Method`.
        data: A path or a hub id; a list of texts, of tuples or of dicts; a dict of columns; a
            `datasets.Dataset`; a `pandas.DataFrame`. By default what is bundled for the recipe.
        output: Folder of the model; by default a temporary one, which lives as long as the result.
        settings: How to train; by default the recipe's.
        dev: Graded pairs that choose the checkpoint, of any kind that ``data`` may have.
        model: What a recipe trains: a bundled encoder (by default ``mini``), a folder, a hub id,
            or a `SentenceTransformer`, which is changed.
        pooling: By default the model's own, or the recipe's for a raw encoder.
        prompt: What is put before the texts of a column, by column.
        columns: Names of the columns of the data, where they are others.
        resume: Continue from the last checkpoint in ``output``.
        overwrite: Replace an earlier run in ``output``.
        allow_changed: What a resumed run may have otherwise than it was started with.
        options: Fields of `Settings`, as ``batch_size``; and the recipe's own, as ``temperature``.

    Raises:
        UsageError: When there is no such method or option; names the nearest.
        InputError: When the data cannot be read; names the row.

    Further errors are those of `sentemb.training.train`.
    """
    from transformers import set_seed

    from sentemb.methods import method_named, options_of, recipe_named
    from sentemb.runs.run_result import Provenance
    from sentemb.training import Settings
    from sentemb.training import train as run

    named = isinstance(method, str)
    recipe = recipe_named(method) if isinstance(method, str) else None
    own = options_of(method) if isinstance(method, str) else []
    known = [field.name for field in fields(Settings)]
    given = _known(options, [*known, *own], f"method '{method}'" if named else "a Method")
    of_settings = {name: value for name, value in given.items() if name in known}
    if settings is None and recipe is not None:
        defaults = {name: getattr(recipe, name) for name in known if hasattr(recipe, name)}
        settings = Settings(**defaults | of_settings)
    else:
        settings = settings or Settings(batch_size=64, learning_rate=3e-5, epochs=1)
        settings = replace(settings, **of_settings)
    source = data
    if source is None:
        if recipe is None:
            raise UsageError("data is needed to train a Method: only recipes have bundled data.")
        source = bundled(recipe.bundled_data)
    rows = as_training_data(source, recipe.layouts if recipe else None, columns)
    provenance = Provenance(
        data=_name_of(data, "bundled:" + (recipe.bundled_data if recipe else "")),
        dev=_name_of(dev, "bundled:graded.tsv" if data is None else None),
    )
    if data is None and dev is None:
        dev = bundled("graded.tsv")
    if isinstance(method, str):
        recipe = recipe_named(method)
        of_data = {"columns": rows.rows.column_names, "classes": len(rows.classes)}
        of_method = {name: of_data[name] for name in own if name in of_data}
        of_method |= {name: value for name, value in given.items() if name in own}
        provenance = replace(
            provenance,
            method=method,
            method_options=_with_defaults(recipe, given),
            citation=recipe.citation,
            model=_name_of(model, "mini"),
        )
        set_seed(settings.seed)
        method = method_named(method, model, pooling=pooling, prompt=prompt, **of_method)
    elif model is not None or pooling is not None or prompt is not None:
        raise UsageError("model, pooling and prompt are for recipes: a Method has its encoder.")
    return run(
        method,
        rows,
        None if output is None else Path(output),
        settings,
        dev=None if dev is None else as_sts(dev),
        resume=resume,
        overwrite=overwrite,
        allow_changed=allow_changed,
        provenance=provenance,
    )


def finetune(
    data: "Data | TrainingData | None" = None,
    dev: "Data | TrainingData | None" = None,
    output: str | os.PathLike[str] | None = None,
    settings: "FinetuneSettings | None" = None,
    *,
    model: str = "mini",
    columns: Sequence[str] | None = None,
    regression: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
    **options: Any,
) -> "FinetuneRun":
    """Fine-tune a classifier, or a regression, as ``sentemb finetune`` does.

    Args:
        data: Texts or pairs with a label, of any kind that `train` takes; by default the bundled
            ones.
        dev: The same; it chooses the checkpoint.
        output: Folder of the model; by default a temporary one, which lives as long as the result.
        settings: How; by default those of `FinetuneSettings`.
        model: A bundled encoder, a folder or a hub id.
        columns: Names of the columns, where they are others.
        regression: Whether the labels are scores.
        resume: Continue from the last checkpoint in ``output``.
        overwrite: Replace an earlier run in ``output``.
        allow_changed: What a resumed run may have otherwise than it was started with.
        options: Fields of `FinetuneSettings`, as ``r_drop``.

    Raises:
        UsageError: When there is no such option; names the nearest.
        InputError: When the data cannot be read; names the row.

    Further errors are those of `sentemb.finetuning.finetune`.
    """
    from sentemb.finetuning import FinetuneSettings
    from sentemb.finetuning import finetune as run
    from sentemb.runs.run_result import Provenance

    known = [field.name for field in fields(FinetuneSettings)]
    given = _known(options, known, "finetune")
    settings = replace(settings or FinetuneSettings(), **given)
    if (data is None) != (dev is None):
        raise UsageError("data and dev go together: the dev set chooses the checkpoint.")
    layouts = SCORED if regression else LABELLED
    if data is None or dev is None:
        whole = as_training_data(bundled("topics.tsv"), layouts, columns)
        rows, held = _every_fourth(whole, held=False), _every_fourth(whole, held=True)
    else:
        rows = as_training_data(data, layouts, columns)
        held = as_training_data(dev, layouts, columns, classes=rows.classes, name="dev")
    kinds = [kind_of(each.rows.column_names) for each in (rows, held)]
    if kinds[0] != kinds[1]:
        raise InputError(f"data has {kinds[0]}, dev has {kinds[1]}: give two of one kind.")
    return run(
        model,
        rows,
        held,
        None if output is None else Path(output),
        settings,
        resume=resume,
        overwrite=overwrite,
        allow_changed=allow_changed,
        provenance=Provenance(
            model=model,
            data=_name_of(data, "bundled:topics.tsv"),
            dev=_name_of(dev, "bundled:topics.tsv"),
        ),
    )


def predict(
    model: str,
    data: "Data",
    *,
    columns: Sequence[str] | None = None,
    batch_size: int = 64,
    max_length: int = 128,
) -> "Predictions":
    """Return the label and its probability, or the score, of every row, as ``sentemb predict``.

    Args:
        model: What `finetune` left, or any classifier of transformers.
        data: Texts or pairs, of any kind that `train` takes.
        columns: The column of a text, or the two of a pair, where they have other names.
        batch_size: Rows of a forward.
        max_length: Tokens that a row is cut to.

    Raises:
        InputError: When the model is no classifier, or the data cannot be read.
        UsageError: When the model gives a row several labels.
    """
    from sentemb.finetuning.predict import predictions

    return predictions(model, read_inputs(data, INPUTS, columns), batch_size, max_length)


def export(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    static: bool = False,
    int8: bool = False,
    sts: "Data | STS | None" = None,
    dim: int | None = None,
    texts: "Data | None" = None,
    column: str = "text",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Make an encoder smaller and faster, as ``sentemb export`` does; return ``export.json``.

    Args:
        model: A bundled encoder, a folder or a hub id.
        output: Folder to write.
        static: A vector a token, whose mean a text is; or
        int8: an ONNX file in 8-bit integers, which needs the extra ``int8``.
        sts: Graded pairs that both are compared on; by default the bundled ones.
        dim: Numbers of a vector of ``static``; 0 keeps all. By default 256.
        texts: What the tokens of ``static`` are counted in; by default Zipf's law.
        column: The column of ``texts`` that holds them.
        overwrite: Replace an earlier export in the folder.

    Raises:
        UsageError: When not exactly one of ``static`` and ``int8`` is given.
        InputError: When the model or the data cannot be read.
    """
    from sentemb.inference.export import export_int8, export_static

    if static == int8:
        raise UsageError("Give one of static and int8.")
    if int8 and (dim is not None or texts is not None):
        raise UsageError("dim and texts are for static: they have no effect beside int8.")
    task, folder = as_sts(bundled("graded.tsv") if sts is None else sts, "sts"), Path(output)
    if int8:
        return export_int8(model, folder, task, overwrite=overwrite)
    counted: tuple[str, Iterable[str]] | None = None
    if texts is not None:
        given = as_source(texts, name="texts")
        counted = str(given), read_texts(given, column)
    return export_static(model, folder, task, dim, counted, overwrite=overwrite)


def postprocess(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    whiten: bool = False,
    remove_top: int | None = None,
    dims: int | None = None,
    data: "Data | None" = None,
    column: str = "text",
    sts: "Data | STS | None" = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Whiten vectors, or remove their top components, as ``sentemb postprocess`` does.

    Args:
        model: A bundled encoder, a folder or a hub id.
        output: Folder to write, a plain sentence-transformers model.
        whiten: Centre, turn and scale so that the covariance is the identity; or
        remove_top: subtract the mean and so many components of most variance.
        dims: Components that ``whiten`` keeps; by default all in which vectors vary.
        data: Texts that the map is fitted to; by default the bundled ones.
        column: The column of ``data`` that holds them.
        sts: Graded pairs that both are compared on; by default the bundled ones.
        overwrite: Replace an earlier postprocess in the folder.

    Returns:
        What ``postprocess.json`` holds.

    Raises:
        UsageError: When not exactly one of ``whiten`` and ``remove_top`` is given.
        InputError: When the model or the data cannot be read.
    """
    from sentemb.geometry.linear_maps import all_but_the_top, whitening
    from sentemb.inference.postprocess import postprocess as run

    if whiten == (remove_top is not None):
        raise UsageError("Give one of whiten and remove_top.")
    if dims is not None and not whiten:
        raise UsageError("dims is for whiten: it has no effect beside remove_top.")
    fit = (
        partial(whitening, dims=dims)
        if remove_top is None
        else partial(all_but_the_top, components=remove_top)
    )
    given = as_source(bundled("sentences.txt") if data is None else data)
    texts = [text for text in read_texts(given, column) if text.strip()]
    if not texts:
        raise InputError(f"{given} holds no row with text.")
    return run(
        model,
        Path(output),
        fit,
        (Path(str(given)).name, texts),
        read_sts(bundled("graded.tsv")) if sts is None else as_sts(sts, "sts"),
        how="whiten" if whiten else "remove-top",
        overwrite=overwrite,
    )


def _known(options: Mapping[str, Any], known: Sequence[str], what: str) -> dict[str, Any]:
    """Return options under the names of their settings.

    Raises:
        UsageError: When there is no such option; names the nearest.
    """
    given: dict[str, Any] = {}
    for name, value in options.items():
        meant = ALSO_CALLED.get(name, name)
        if meant not in known:
            raise UsageError(
                f"No option '{name}' of {what}; allowed: {', '.join(known)}."
                + nearest(name, list(known))
            )
        if meant in given:
            raise UsageError(f"{meant} is given twice, under two names: give it once.")
        given[meant] = value
    return given


def _every_fourth(data: "TrainingData", *, held: bool) -> "TrainingData":
    """Return every fourth row, or the others."""
    chosen = [row for row in range(len(data.rows)) if (row % 4 == 3) == held]
    return replace(data, rows=data.rows.select(chosen))


def _with_defaults(recipe: "Recipe", given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a recipe that are not of the data, as given or by default."""
    options = list(signature(recipe.build).parameters.values())[1:]
    of_data = ("columns", "classes")
    return {p.name: given.get(p.name, p.default) for p in options if p.name not in of_data}


def _name_of(given: object, default: str | None) -> str | None:
    """Name a path, a hub id or a bundled encoder; None for an object."""
    if given is None:
        return default
    return os.fspath(given) if isinstance(given, str | os.PathLike) else None
