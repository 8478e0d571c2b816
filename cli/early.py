"""What can be checked of a command before torch is imported, so that a mistake costs no seconds.

Names, files and columns are looked at here; the same readers and checks run again where they are
used. What depends on a model is found there alone.
"""

import inspect
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from sentemb import signatures
from sentemb.encoders.lora import Lora, require_peft
from sentemb.errors import UsageError, install_command, nearest
from sentemb.jobs.job_options import NOT_VARIED, OF_LOSS, OF_VIEWS, refuse_replaced
from sentemb.notation import (
    check_loss,
    check_view,
    numbers_of_loss,
    read_value,
    read_values,
    set_in_loss,
)
from sentemb.signatures import METHODS
from sentemb.training.settings import Settings

from . import console
from .config import check_data, given_options, named_files
from .options_of_signatures import parse_dims, parse_prompts

if TYPE_CHECKING:
    from sentemb.encoding import EncodeOptions

BUILT_NETWORKS = ("cnn", "vit")
"""Networks of towers that no folder is needed for."""


def check_training(options: Mapping[str, Any], losses: Sequence[str] = ()) -> None:
    """Raise where a command that trains names what is not there.

    Args:
        options: As typed.
        losses: Of its runs, where they differ in it.

    Raises:
        UsageError: When a method, view, loss, pooling or an option of one is unknown, or would have
            no effect, or a setting is out of its range.
        InputError: When a file is not there, or has other columns.
    """
    recipe, typed = (
        signatures.find_recipe(options["method"]),
        given_options(options["method"], options),
    )
    of_settings = {f.name for f in fields(Settings)}
    settings = {name: getattr(recipe, name) for name in of_settings if hasattr(recipe, name)}
    Settings(**settings | {k: options[k] for k in of_settings if options.get(k) is not None})
    parse_dims(options["matryoshka"])
    parse_prompts(options["prompt"] or [])
    words = [*losses, *([options["loss"]] if options["loss"] else [])]
    refuse_replaced(typed, view=bool(options["view"]), loss=bool(words))
    for view in options["view"] or []:
        check_view(view)
    for loss in words:
        check_loss(loss)
    check_pooling(options["pooling"])
    check_choice("template", options["template"], "sentemb.encoders.templates", "TemplateName")
    check_choice("score", options.get("score"), "sentemb.losses.compared_by", "ScoreName")
    if options["lora"] is not None:
        Lora.parse(options["lora"])
        require_peft()
    if any(option.name == "teacher" for option in signatures.parameters_of(options["method"])):
        check_teacher(options.get("teacher"), options["method"])
    if options.get("second_teacher"):
        check_teachers(options["second_teacher"])
    columns = options["columns"].split(",") if options["columns"] else None
    if recipe.beside:
        check_pictures(options, columns)
        return
    for path in check_data(options).values():
        check_columns(path, recipe.layouts, columns)
    if options["dev"] is not None:
        check_graded(options["dev"])
    check_models(options["model"])


def check_pictures(options: Mapping[str, Any], columns: Sequence[str] | None) -> None:
    """Raise unless the data of a tower are there and have a column of pictures and one of texts."""
    from sentemb.datasets.source import read_source
    from sentemb.modalities.cells import bound_to_pictures, captioned_columns, metadata_of

    check_extra("PIL", "vision", f"--method {options['method']}")
    recipe = signatures.find_recipe(options["method"])
    modalities: Any = recipe.beside.split()
    files = named_files(options["data"] or [])
    several = len(files) > 1 and signatures.binds_several(options["method"])
    if several:
        check_data(options)
    tables = [*files.values(), options["dev"]] if recipe.reads_texts else []
    for path in tables:
        if path is not None and can_be_read_again(path):
            table = metadata_of(path)
            with console.only_warnings():
                present, _ = read_source(table)
                wanted, has_texts = bound_to_pictures(present) if several else (modalities, True)
                own = None if several else columns
                captioned_columns(table, present, wanted, own, has_texts=has_texts)
    if options.get("network") not in (None, *BUILT_NETWORKS):
        check_models(options["network"])
    check_models(options["model"])


def check_config(ctx: typer.Context, config: Path | None) -> None:
    """Raise where a config has what is not an option.

    Raises:
        UsageError: Names the nearest.
    """
    known = [p.name for p in ctx.command.params if p.name not in ("config", "print_config", "help")]
    for name in ctx.default_map or {}:
        if name not in known:
            raise UsageError(
                f"'{config}' has '{name}', which is not an option of train with this method."
                + nearest(name, [str(one) for one in known])
            )


def print_resolved(ctx: typer.Context, config: Path | None, given: Mapping[str, Any]) -> None:
    """Print every option of a training and where it is from, as TOML."""
    method = given["method"]
    recipe = vars(signatures.find_recipe(method))
    origins = {"COMMANDLINE": "typed", "ENVIRONMENT": "environment", "DEFAULT_MAP": str(config)}
    for name, value in given.items():
        if name in ("resume", "allow_changed", "overwrite"):
            continue
        origin = getattr(ctx.get_parameter_source(name), "name", "")
        words = origins.get(origin, "default")
        if value is None and name in recipe:
            value, words = recipe[name], method
        shown = f"{name} = {json.dumps(value)}" if value is not None else f"# {name} ="
        console.show(f"{shown.ljust(40)}  # {words}")


def paths_in(options: Mapping[str, Any]) -> list[str]:
    """Return the options of a training that may name what it reads."""
    typed = given_options(options["method"], options).values()
    files = named_files(options["data"] or []).values()
    named = [*files, options["dev"], options["model"], *typed]
    return [value for value in named if isinstance(value, str)]


def varied_by(option: str, options: Mapping[str, Any], losses: Sequence[str]) -> inspect.Parameter:
    """Return the parameter that a study or a sweep varies: of the losses, if named, or the recipe.

    Raises:
        UsageError: When there is none, or it cannot be varied; names those that can.
    """
    settings = signatures.parameters("sentemb.training.settings", "Settings")
    found = {p.name: p for p in settings if p.name not in NOT_VARIED}
    poolings: Any = Literal[signatures.choices("sentemb.encoders.poolings", "PoolingName")]
    scores: Any = Literal[signatures.choices("sentemb.losses.compared_by", "ScoreName")]
    of_job = {"pooling": poolings, "mask_above": float, "score": scores}
    found |= {name: _parameter(name, kind) for name, kind in of_job.items()}
    replaced = {*signatures.OF_THE_DATA, *(OF_VIEWS if options["view"] else ())}
    replaced |= {*(OF_LOSS if losses else ())}
    own = signatures.parameters_of(options["method"])
    found |= {p.name: p for p in own if p.name not in replaced}
    for words in losses:
        found |= {p.name: _parameter(p.name, type(p.default)) for p in numbers_of_loss(words)}
    name = option.removeprefix("--").replace("-", "_")
    if name not in found:
        allowed = [one.replace("_", "-") for one in found]
        raise UsageError(
            f"'{option}' is not an option with numbers or choices; allowed: {', '.join(allowed)}."
            + nearest(name.replace("_", "-"), allowed)
        )
    for words in losses:
        if name in set_in_loss(words):
            raise UsageError(
                f"'{words}': {name} cannot be set here, because it is the option that the study "
                "varies."
            )
    return found[name]


def space_of(search: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Read the words of ``--search``: two ends of a range as a tuple, or choices as a list.

    Raises:
        UsageError: When an option is unknown or given twice, or its values are invalid.
    """
    space: dict[str, Any] = {}
    for words in search:
        flag, equals, written = words.partition("=")
        if not (equals and written):
            raise UsageError(f"--search takes OPTION=LOW..HIGH or OPTION=A,B,C; got '{words}'.")
        losses = [options["loss"]] if options["loss"] else []
        option = varied_by(flag.strip(), options, losses)
        if option.name in space:
            raise UsageError(f"--search: {flag.strip()} is given twice.")
        low, dots, high = written.partition("..")
        if not dots:
            space[option.name] = read_values(option, written)
            continue
        ends = read_value(option, low), read_value(option, high)
        if option.annotation not in (int, float) or not ends[0] < ends[1]:
            raise UsageError(
                f"--search: a range needs two numbers, the lower first; got '{words}'."
            )
        space[option.name] = ends
    return space


def _parameter(name: str, kind: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)


def check_output_of_run(
    output: Path,
    *,
    resume: bool,
    overwrite: bool,
    seeds: Sequence[int] | None,
    reads: Sequence[str],
) -> None:
    """Raise unless a run may write into a folder; of several processes one looks, later."""
    from sentemb.runs.output import check_output

    if "RANK" not in os.environ:
        check_output(output, resume=resume, overwrite=overwrite, seeds=seeds, reads=reads)


def check_study(output: Path) -> None:
    """Raise unless the runs of a study may be kept in a folder."""
    from sentemb.experiments import check_folder

    check_folder(output)


def check_models(*names: str) -> None:
    """Raise unless each name leads to a model that may be loaded; what warns does so later.

    A folder of towers alone is read where it is loaded.
    """
    from sentemb.locate import locate
    from sentemb.modalities.cells import reads_no_texts

    with console.only_errors():
        for name in names:
            if not reads_no_texts(name):
                locate(name)


def check_teacher(name: str | None, method: str) -> None:
    """Raise unless a teacher is named, and the name leads to a model or a file of vectors."""
    from sentemb.errors import UsageError

    if not name:
        raise UsageError(signatures.value("sentemb.methods.teachers", "NO_TEACHER").format(method))
    check_teachers(name)


def check_teachers(*names: str) -> None:
    """Raise unless each name leads to a model that may be loaded, or to a file of vectors."""
    from sentemb.datasets.text_vectors import names_vectors, width_of_vectors

    for name in names:
        if names_vectors(name):
            width_of_vectors(Path(name))
        else:
            check_models(name)


def check_names(names: Sequence[str]) -> None:
    """Raise unless each name is a method or a model, and comes once."""
    from sentemb.bundled import BUNDLED_ENCODERS
    from sentemb.errors import unknown

    for name in names:
        if not (name in (*METHODS, *BUNDLED_ENCODERS) or "/" in name or Path(name).exists()):
            raise UsageError(unknown("method or model", name, [*METHODS, *BUNDLED_ENCODERS]))
    if len(set(names)) < len(names):
        raise UsageError(f"Give each method or model once, got {', '.join(names)}.")
    check_models(*(name for name in names if name not in METHODS))


def check_pooling(name: str | None) -> None:
    """Raise unless a pooling is known, or none is named."""
    check_choice("pooling", name, "sentemb.encoders.poolings", "PoolingName")


def check_choice(what: str, name: str | None, module: str, choices: str) -> None:
    """Raise unless a name is one of a module's choices, or none is given."""
    from sentemb.errors import unknown

    allowed = signatures.choices(module, choices)
    if name is not None and name not in allowed:
        raise UsageError(unknown(what, name, list(allowed)))


def check_fast(kind: str | None) -> None:
    """Raise unless a kind of fast export is known, or none is named, and can be made here."""
    from sentemb.errors import unknown

    allowed = signatures.choices("sentemb.deployment", "FAST")
    if kind is not None and kind not in allowed:
        raise UsageError(unknown("--fast", kind, list(allowed)))
    if kind == "int8":
        check_extra("onnxruntime", "int8", "--fast int8")


def check_columns(
    data: str | os.PathLike[str],
    layouts: Sequence[tuple[str, ...]],
    columns: Sequence[str] | None = None,
) -> None:
    """Raise unless a file is there and its first row has the columns."""
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.layouts import read_layout

    if can_be_read_again(data):
        with console.only_warnings():
            read_layout(data, layouts, columns, Faults())


def check_readable(*files: Path, columns: Sequence[str] | None = None) -> None:
    """Raise unless files can be opened and their first rows have the columns."""
    from sentemb.checks.columns import find_columns
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.files import read_rows

    for file in files:
        if can_be_read_again(file) and not file.is_dir():
            _, row = next(read_rows(file, Faults("replace")), (0, {}))
            find_columns(list(row), columns if row else None, file)


def check_texts(source: str, column: str = "text") -> None:
    """Raise unless a file is there and its first row has the column; of ``-`` nothing is read."""
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.texts import read_text_rows

    if source != "-" and can_be_read_again(source):
        with console.only_warnings():
            read_text_rows(source, column, Faults())


def check_encoding(
    source: str,
    output: str | None,
    column: str,
    how: "EncodeOptions",
    *,
    device: str | None,
    devices: str | None,
    as_json: bool,
) -> None:
    """Raise where the streams and parts of an encoding do not go together.

    Args:
        source: As typed.
        output: As typed.
        column: Of the texts.
        how: The options.
        device: The one that encodes.
        devices: Those that encode in a process each.
        as_json: Whether a report goes to stdout.
    """
    stdin, piped = source == "-", output == "-"
    lines_only = "of a file: stdin has lines of text alone."
    for is_wrong, reason in (
        (stdin and output is None, "Reading stdin, the output needs a name: give --output."),
        (piped and as_json, "--json and -o - both want stdout: give one of them."),
        (stdin and column != "text", f"--column names a column {lines_only}"),
        (stdin and how.keep_columns, f"--keep-columns keeps those {lines_only}"),
        (piped and how.shard.of > 1, "A shard is kept beside a file: name it with --output."),
        (
            devices is not None and (stdin or piped or device or how.shard.of > 1),
            "--devices encodes a file to a file, by shards: not with -, --device or --shard.",
        ),
    ):
        if is_wrong:
            raise UsageError(reason)


def check_beyond_text(
    source: str, output: str | None, model: str, *, devices: str | None, fast: str | None
) -> None:
    """Raise unless pictures or sounds are encoded from a name to a file, by a model that is there.

    Args:
        source: As typed.
        output: As typed.
        model: Its name.
        devices: Of texts alone.
        fast: Of texts alone.
    """
    for name, given in (("devices", devices), ("fast", fast)):
        if given is not None:
            raise UsageError(f"--{name} is of texts, not of pictures or sounds: leave it out.")
    if "-" in (source, output):
        raise UsageError("Pictures and sounds are encoded from a name to a file: give both.")
    check_models(model)


def check_graded(*files: str | os.PathLike[str] | None) -> None:
    """Raise unless files of graded pairs can be read."""
    from sentemb.datasets.sts import read_sts

    for file in files:
        if file is not None and can_be_read_again(file):
            with console.only_warnings():
                read_sts(file)


def without_effect(flag: str, given: bool, needed: str) -> None:
    """Raise where an option is given that does nothing without another."""
    if given:
        raise UsageError(f"{flag} has no effect without {needed}: leave it out, or give both.")


def one_of_seeds(seed: int, seeds: str | None) -> None:
    """Raise where both ``--seed`` and ``--seeds`` say what the seeds are."""
    from sentemb.errors import UsageError

    if seeds is not None and seed != Settings.seed:
        raise UsageError("--seed has no effect beside --seeds, which names all of them.")


def check_rows_output(
    output: str | None, *, overwrite: bool, as_json: bool, texts_alone: bool = False
) -> None:
    """Raise unless rows can be written to a file, or to stdout alone.

    Args:
        output: As typed.
        overwrite: Whether the file may be there.
        as_json: Whether a report goes to stdout.
        texts_alone: Whether the rows may be texts without other columns, which .txt holds.

    Raises:
        UsageError: When the format is unknown, the file exists, or two outputs want stdout.
    """
    from sentemb.tasks.row_files import require_row_format

    without_effect("--overwrite", overwrite and output in (None, "-"), "an output file")
    if output == "-" and as_json:
        raise UsageError("--json and -o - both want stdout: give one of them.")
    if output is None or output == "-":
        return
    require_row_format(Path(output), texts_alone=texts_alone)
    if Path(output).exists() and not overwrite:
        raise UsageError(f"Output '{output}' exists: give another, or --overwrite.")


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Raise unless ``--plot`` can draw a picture there."""
    check_extra("matplotlib", "plot", "--plot")
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise UsageError(f"Cannot draw '{path}': give .png, .pdf or .svg.")
    if path.exists() and not overwrite:
        raise UsageError(f"Output '{path}' exists: give another, or --overwrite.")


def check_extra(module: str, extra: str, what: str) -> None:
    """Raise unless a package that is not always installed is there.

    Args:
        module: Of the package.
        extra: Of sentemb, which brings it.
        what: Needs it, as the subject of a sentence.
    """
    if not find_spec(module):
        raise UsageError(f"{what} needs {module}: {install_command(extra)}.")


def can_be_read_again(data: str | os.PathLike[str]) -> bool:
    """Tell a file, or a name without one, from a pipe and from a data set of the hub."""
    from sentemb.datasets.source import looks_like_hub_id

    path = Path(data)
    is_stream = path.exists() and not (path.is_file() or path.is_dir())
    return not (is_stream or looks_like_hub_id(os.fspath(data)))
