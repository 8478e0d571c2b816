"""Options as typed, or as a config file holds them, into the arguments of the library."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sentemb import signatures
from sentemb.encoders.lora import Lora
from sentemb.errors import UsageError, nearest
from sentemb.notation import check_loss, words_of

from .options_of_signatures import parse_dims, parse_prompts, typed_value


def given_options(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a recipe that were typed otherwise than by default."""
    own = [p for p in signatures.parameters_of(method) if p.name not in signatures.OF_THE_DATA]
    return {p.name: options[p.name] for p in own if options.get(p.name, p.default) != p.default}


def arguments_of_training(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `sentemb.train` for the options of its command, as typed.

    What was not typed is left out, for the library's own default.
    """
    given = given_options(options["method"], options)
    own = {p.name for p in signatures.parameters_of(options["method"])} - {*signatures.OF_THE_DATA}
    made = {k: v for k, v in options.items() if k not in own and v not in (None, [])} | given
    typed = {name: made.pop(name, []) for name in ("source_loss", "source_weight")}
    if "data" in made:
        made["data"] = _data(made["data"], typed["source_loss"], typed["source_weight"])
    if "columns" in made:
        made["columns"] = made["columns"].split(",")
    if "prompt" in made:
        made["prompt"] = parse_prompts(made["prompt"])
    if "matryoshka" in made:
        made["matryoshka"] = parse_dims(made["matryoshka"])
    if "lora" in made:
        made["lora"] = Lora.parse(made["lora"])
    return made


def _data(typed: Sequence[str], losses: Sequence[str], weights: Sequence[str]) -> Any:
    """Return a path, or several data sets by their names."""
    files = named_files(typed)
    if len(files) == 1 and not losses and not weights:
        return next(iter(files.values()))
    from sentemb.data_sources import DataSource

    of_loss, of_weight = of_sources("--source-loss", losses), of_sources("--source-weight", weights)
    return {
        name: DataSource(
            path,
            words_of(of_loss[name]) if name in of_loss else None,
            _number(name, of_weight[name]) if name in of_weight else None,
        )
        for name, path in files.items()
    }


def named_files(typed: str | Sequence[str]) -> dict[str, str]:
    """Return the files of ``--data`` by their names.

    Raises:
        UsageError: When two have one name.

    Example:
        >>> named_files(["a/nli.csv", "graded=sts.tsv", "b/nli.csv"])
        {'nli': 'a/nli.csv', 'graded': 'sts.tsv', 'nli_2': 'b/nli.csv'}
    """
    from sentemb.data_sources import named

    given: list[tuple[str, str]] = []
    for text in [typed] if isinstance(typed, str) else typed:
        found = re.fullmatch(r"([\w-]+)=(.+)", text)
        is_named = found is not None and not Path(text).exists()
        given.append((found[1], found[2]) if found and is_named else ("", text))
    by_file = iter(named([path for name, path in given if not name]))
    names = [name or next(by_file) for name, _ in given]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--data {name} is given twice: give each data set another name.")
    return dict(zip(names, (path for _, path in given), strict=True))


def of_sources(flag: str, typed: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=VALUE``, once for each data set.

    Raises:
        UsageError: When one names no data set, or one is named twice.
    """
    found: dict[str, str] = {}
    for text in typed:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"{flag} takes NAME=VALUE, of a name of --data; got '{text}'.")
        if name in found:
            raise UsageError(f"{flag} {name} is given twice: give it once.")
        found[name] = value
    return found


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--source-weight {name} must be a number, got '{text}'.") from None


def check_data(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of ``--data`` that have no own loss, by their names.

    Raises:
        UsageError: When an option of several data sets names none, or has no effect.
    """
    files = named_files(options["data"] or [])
    losses = of_sources("--source-loss", options["source_loss"] or [])
    weights = of_sources("--source-weight", options["source_weight"] or [])
    for flag, given in (("--source-loss", losses), ("--source-weight", weights)):
        for name in given:
            if name not in files:
                names = ", ".join(files) or "none"
                raise UsageError(
                    f"{flag}: there is no data set '{name}' in --data, which has {names}."
                    + nearest(name, list(files))
                )
    for words in losses.values():
        check_loss(words_of(words))
    for name, text in weights.items():
        _number(name, text)
    if options["mixing"] is not None and len(files) < 2:
        raise UsageError("--mixing has no effect on one data set: leave it out.")
    return {name: path for name, path in files.items() if name not in losses}


def config_of(args: Sequence[str]) -> dict[str, Any]:
    """Return the options in the file that ``--config`` names, if one does.

    Args:
        args: What was typed; the file is TOML, or the ``run.json`` of a run.

    Raises:
        UsageError: When the file cannot be read.
    """
    path = typed_value(args, "--config")
    if path is None:
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = json.loads(text) if path.endswith(".json") else tomllib.loads(text)
        content = content["config"] if path.endswith(".json") else content
    except (OSError, ValueError) as error:
        raise UsageError(f"--config '{path}' cannot be read: {error}.") from None
    except LookupError:
        raise UsageError(
            f"--config '{path}' holds no config: it is of another command or an earlier version."
        ) from None
    return {name.replace("-", "_"): _in_words(name, value) for name, value in content.items()}


def _in_words(name: str, value: Any) -> Any:
    """Return a value of a config as it is typed."""
    if isinstance(value, Mapping):
        return [f"{key}={one}" for key, one in value.items()]
    if name == "view":
        return [words_of(str(one)) for one in ([value] if isinstance(value, str) else value)]
    if name == "loss":
        return words_of(str(value))
    repeated = name in ("prompt", "data", "source_loss", "source_weight")
    if name == "data" and isinstance(value, str):
        return [value]
    return ",".join(map(str, value)) if isinstance(value, list) and not repeated else value
