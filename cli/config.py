"""Options as typed, or as a config file holds them, into the arguments of the library."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sentemb.errors import UsageError

from . import source
from .options_of_signatures import parse_dims, parse_prompts, typed_value
from .spec import make_loss, make_view, words_of


def given_options(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a recipe that were typed otherwise than by default."""
    own = [p for p in source.parameters_of(method) if p.name not in source.OF_THE_DATA]
    return {p.name: options[p.name] for p in own if options.get(p.name, p.default) != p.default}


def arguments_of_training(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `sentemb.train` for the options of its command, as typed.

    What was not typed is left out, for the library's own default.
    """
    given = given_options(options["method"], options)
    own = {p.name for p in source.parameters_of(options["method"])} - {*source.OF_THE_DATA}
    made = {k: v for k, v in options.items() if k not in own and v not in (None, [])} | given
    if "columns" in made:
        made["columns"] = made["columns"].split(",")
    if "prompt" in made:
        made["prompt"] = parse_prompts(made["prompt"])
    if "matryoshka" in made:
        made["matryoshka"] = parse_dims(made["matryoshka"])
    if "view" in made:
        made["view"] = [partial(make_view, words) for words in made["view"]]
    if "loss" in made:
        made["loss"] = make_loss(made["loss"])
    return made


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
    return ",".join(map(str, value)) if isinstance(value, list) and name != "prompt" else value
