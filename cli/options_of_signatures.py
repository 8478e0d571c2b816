"""Options made from settings, recipes and their docstrings, and what is typed for them.

A field of ``Settings`` is an option of ``sentemb train`` because it is a field; a parameter of
``def moco(encoder, queue_size=…)`` is one of ``--method moco``. Their help is what the docstrings
say. All is read from the source: importing it would import torch.
"""

import inspect
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from sentemb import signatures
from sentemb.bundled import BUNDLED_ENCODERS
from sentemb.errors import UsageError
from sentemb.signatures import METHODS, OF_THE_DATA, function_of, parameters_of

from .options import METHOD, RUN, SPEED, complete_one_of

DEFAULT_METHOD = "simcse-unsup"
TRAINING = {"train", "study", "sweep"}
PANELS = {"mask_identical": METHOD} | dict.fromkeys(
    (
        *("select", "eval_steps", "save_steps", "keep_checkpoints"),
        *("on_collapse", "max_bad_steps", "seed", "workers", "report_to"),
    ),
    RUN,
)
"""Where an option is shown in the help of ``sentemb train``, unless it is one of SPEED."""
PLAIN = (int, float, str, bool)
ALIASES = {"learning_rate": ["--lr"], "workers": ["--num-workers"]}
COMPLETED = {
    "precision": signatures.choices("sentemb.encoding.options", "PRECISIONS"),
    "teacher": BUNDLED_ENCODERS,
    "second_teacher": BUNDLED_ENCODERS,
}
"""What a shell completes where an annotation does not say it."""
OF_OWN_DECODER = ("batch_size", "learning_rate", "epochs", "max_steps", "max_length", "save_steps")
"""Settings of a decoder that ``sentemb privacy`` trains; other words of that command are others."""
MOST_SEEDS = 10_000
RENAMED = {"--rdrop": "--r-drop"}
"""Spellings of the version before, which still work, with a warning."""


def flag_of(name: str) -> str:
    """Return the flag of a parameter."""
    return f"--{name.replace('_', '-')}"


def typed(values: Mapping[str, Any]) -> list[str]:
    """Return the words that give options these values."""
    words = []
    for name, value in values.items():
        flag = flag_of(name)
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words += [flag, str(value)]
    return words


def parse_seeds(text: str) -> list[int]:
    """Read ``0-4`` or ``1,7,42``.

    Raises:
        UsageError: When it is neither.
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", part.strip())
        first, last = found.groups() if found else ("", None)
        if not first or int(last or first) >= 2**32:
            raise UsageError(f"--seeds takes 0-4 or 1,7,42, each below 2^32; got '{text}'.")
        if int(last or first) - int(first) >= MOST_SEEDS:
            raise UsageError(f"--seeds takes at most {MOST_SEEDS:,} seeds, got '{text}'.")
        seeds += range(int(first), int(last or first) + 1)
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError(
            f"--seeds needs different seeds, and ranges from low to high; got '{text}'."
        )
    return seeds


def parse_dims(text: str | None) -> tuple[int, ...]:
    """Read ``128,64,32``.

    Raises:
        UsageError: When it is not a list of whole numbers.
    """
    parts = text.split(",") if text is not None else []
    if not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--matryoshka takes lengths as 128,64,32; got '{text}'.")
    return tuple(map(int, parts))


def parse_prompts(typed: Sequence[str]) -> dict[str, str]:
    """Read ``anchor=query: ``, once for each column.

    Raises:
        UsageError: When one names no column, or one column is named twice.
    """
    prompts: dict[str, str] = {}
    for text in typed:
        column, equals, prompt = text.partition("=")
        if not (column and equals):
            raise UsageError(f"--prompt takes COLUMN=TEXT, as anchor='query: '; got '{text}'.")
        if column in prompts:
            raise UsageError(f"--prompt {column} is given twice: give it once.")
        prompts[column] = prompt
    return prompts


def of_this_version(args: Sequence[str]) -> list[str]:
    """Replace renamed flags by their new names, with a warning for each."""
    found = []
    for word in args:
        flag, equals, value = word.partition("=")
        if flag in RENAMED:
            typer.echo(
                f"warning: {flag} is now {RENAMED[flag]}; this version takes both.", err=True
            )
        found.append(RENAMED.get(flag, flag) + equals + value)
    return found


def of_training(args: list[str]) -> list[inspect.Parameter]:
    """Return an option for each of the settings of a training, and of the method in ``args``."""
    method, own = _named_method(args), of_method(args)
    words = dict.fromkeys(_of_recipe(), "the method's")
    if method in METHODS:
        recipe = vars(signatures.find_recipe(method))
        words = {name: f"{recipe[name]}, as {method} has it" for name in words}
    return of_settings("sentemb.training.settings", "Settings", PANELS, SPEED, words) + own


def _of_recipe() -> list[str]:
    """Return the settings whose defaults are a recipe's."""
    recipe = {p.name for p in signatures.parameters("sentemb.methods.recipe", "Recipe")}
    settings = signatures.parameters("sentemb.training.settings", "Settings")
    return [p.name for p in settings if p.name in recipe]


def of_finetuning(panels: Mapping[str, str]) -> list[inspect.Parameter]:
    """Return an option for each of the settings of a fine-tuning."""
    return of_settings("sentemb.finetuning.settings", "FinetuneSettings", panels)


def of_encoding() -> list[inspect.Parameter]:
    """Return an option for each of those of an encoding, but for its shard."""
    return of_settings("sentemb.encoding.options", "EncodeOptions")


def of_few_shot() -> list[inspect.Parameter]:
    """Return an option for each of the settings of a training on examples."""
    panel = "How to train on examples"
    return of_settings("sentemb.tasks.few_shot", "FewShotSettings", panel=panel)


def of_mining() -> list[inspect.Parameter]:
    """Return an option for each of the rules of mining."""
    return of_settings("sentemb.tasks.mining_rules", "MiningRules")


def of_decoder() -> list[inspect.Parameter]:
    """Return an option for each of the settings of a decoder's training."""
    return of_settings("sentemb.decoders.settings", "DecoderSettings")


def of_decoding() -> list[inspect.Parameter]:
    """Return an option for each of those of a decoding."""
    return of_settings("sentemb.decoders.decode_options", "DecodeOptions")


def of_privacy() -> list[inspect.Parameter]:
    """Return an option for each setting of a decoder that is trained on the way."""
    panel = "How to train the decoder of an encoder"
    made = of_settings("sentemb.decoders.settings", "DecoderSettings", panel=panel)
    return [option for option in made if option.name in OF_OWN_DECODER]


def of_words() -> list[inspect.Parameter]:
    """Return an option for each of the settings of word vectors."""
    return of_settings("sentemb.words.skip_gram", "WordSettings")


def of_static() -> list[inspect.Parameter]:
    """Return an option for each of the settings of a static model's training."""
    return of_settings("sentemb.words.token_means", "StaticSettings")


def of_settings(
    module: str,
    name: str,
    panels: Mapping[str, str] | None = None,
    panel: str | None = None,
    by_method: Mapping[str, str] | None = None,
) -> list[inspect.Parameter]:
    """Return an option for each field of a dataclass that holds a number, a word or yes and no.

    Args:
        module: Of the dataclass.
        name: Of the dataclass.
        panels: Heading that an option stands under in the help.
        panel: Heading of all others.
        by_method: Fields whose default a recipe decides, and what that is, in words.
    """
    helps, made = signatures.helps(module, name), []
    for field in signatures.parameters(module, name):
        names = COMPLETED.get(field.name, ())
        if get_origin(field.annotation) is not Literal and field.annotation not in PLAIN:
            continue
        text = _with_flags(helps[field.name], helps)
        if get_origin(field.annotation) is Literal:  # the dataclass says what is meant
            names = get_args(field.annotation)
            text = f"One of {', '.join(names)}. {text}"
            field = field.replace(annotation=str)
        if field.name in (by_method or {}):
            text += f" By default {(by_method or {})[field.name]}."
            field = field.replace(default=None)
        made.append(_option(field, text, (panels or {}).get(field.name, panel), names))
    return made


def of_method(args: list[str]) -> list[inspect.Parameter]:
    """Return the options of the method that the arguments name."""
    method = _named_method(args)
    return options_of_method(method) if method in METHODS else []


def options_of_method(method: str) -> list[inspect.Parameter]:
    """Return an option for each parameter of a recipe."""
    helps = signatures.helps(*function_of(method))
    return [
        _option(p, helps[p.name], f"Options of {method}", COMPLETED.get(p.name, ()))
        for p in parameters_of(method)
        if p.name not in OF_THE_DATA
    ]


def _with_flags(text: str, names: Collection[str]) -> str:
    """Write what a docstring marks: names of options as flags, values as they are."""
    return re.sub(r"``(\w+)``", lambda m: flag_of(m[1]) if m[1] in names else m[1], text)


def _option(
    field: inspect.Parameter, text: str, panel: str | None, values: Sequence[str] = ()
) -> inspect.Parameter:
    """Return a parameter of a command, in typer's words.

    Args:
        field: With its default.
        text: Its help.
        panel: Its heading in the help.
        values: What a shell completes; nothing where they are not known.
    """
    kind = field.annotation
    names = [flag_of(field.name), *ALIASES[field.name]] if field.name in ALIASES else []
    return field.replace(
        kind=inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[
            kind | None if field.default is None else kind,
            typer.Option(
                *names,
                help=text,
                rich_help_panel=panel,
                autocompletion=complete_one_of(values) if values else None,
            ),
        ],
    )


def _named_method(args: list[str]) -> str | None:
    """Return the method of a command that trains, unless it only asks for help on no method."""
    if not TRAINING & set(args):
        return None
    typed = typed_value(args, "--method", "-m")
    return typed or (None if {"--help", "-h"} & set(args) else DEFAULT_METHOD)


def typed_value(args: Sequence[str], *flags: str) -> str | None:
    """Return the value that a flag was typed with, if it was."""
    for position, arg in enumerate(args):
        if arg in flags and position + 1 < len(args):
            return args[position + 1]
        if arg.startswith(tuple(f"{flag}=" for flag in flags if flag.startswith("--"))):
            return arg.partition("=")[2]
    return None
