"""Entry point: the commands, and how errors become one line and an exit code."""

import errno
import inspect
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sentemb.errors import UsageError

from . import console
from . import options_of_signatures as options
from .commands import (
    analyze,
    calibrate,
    check,
    classify,
    cluster,
    compare,
    decode,
    dedup,
    encode,
    evaluate,
    export,
    finetune,
    index,
    info,
    merge,
    methods,
    mine,
    plot,
    postprocess,
    predict,
    privacy,
    push,
    rerank,
    score,
    search,
    static,
    study,
    summarise,
    sweep,
    train,
    train_decoder,
    views,
    word2vec,
)
from .commands import map as text_map
from .config import config_of

EXIT_CODES = """Exit codes: 0 ok, 1 a check found errors, 2 usage, 3 bad or unsafe input or model,
4 file or disk, 5 not a number, 6 out of memory, 7 locked by another run, 70 internal error,
130 interrupted, 143 terminated."""
ENVIRONMENT = "Environment: NO_COLOR=1: no colours; FORCE_COLOR=1: colours; TQDM_DISABLE=1: no bars"

ASKED = "_SENTEMB_COMPLETE"
"""Set by a shell that asks what can be typed."""
WORDS = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
"""What was typed so far: for bash, and for the other shells."""

COMMANDS: tuple[Any, ...] = (
    *(
        train,
        plot,
        study,
        sweep,
        compare,
        finetune,
        predict,
        evaluate,
        analyze,
        encode,
        merge,
    ),
    *(index, search, rerank, score, mine),
    *(cluster, dedup, calibrate, summarise, classify, text_map),
    *(train_decoder, decode, privacy),
    *(word2vec, static, export, postprocess, push, check, methods, views, info),
)
"""Modules with the function of their name, and EXAMPLES; shown in this order. A command has hyphens
where its function has underscores."""
INTERNAL = 70
OF_TRAIN = ("ctx", "config", "print_config", "dry_run")
"""What the commands that train in other ways have not."""
ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}
NO_TELEMETRY = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
"""Read by the libraries when they are imported, which no command has done yet."""


class Commands(TyperGroup):
    """Run a command; turn what goes wrong into one line and an exit code."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """Read the arguments; typer would end at an interrupt without a word."""
        try:
            return super().make_context(info_name, options.of_this_version(args), *rest, **extra)
        except KeyboardInterrupt:
            console.error("interrupted")
            raise typer.Exit(130) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        from sentemb.errors import panics_refused

        try:
            with panics_refused():
                result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except KeyboardInterrupt:
            self._stop("interrupted", 130, ctx)
        except BrokenPipeError:
            console.drop_unwritten()
            raise typer.Exit(0) from None
        except Exception as error:
            if isinstance(error, typer.Exit) or type(error).__module__.startswith("typer"):
                raise
            message, code = _explain(error)
            self._stop(console.with_flags(message, _flags(ctx), plain=code == 2), code, ctx)

    def _stop(self, message: str, code: int, ctx: Any) -> None:
        if ctx.params.get("debug"):
            traceback.print_exc()
        if code == INTERNAL or os.environ.get("RANK", "0") == "0":  # else one of them has said it
            console.error(message)
        raise typer.Exit(code)


def _explain(error: Exception) -> tuple[str, int]:
    """Return the line to show and the exit code."""
    from sentemb.errors import SentembError, is_out_of_memory

    if isinstance(error, SentembError):
        return str(error), error.exit_code
    if is_out_of_memory(error):
        return "out of memory: give a smaller --batch-size.", 6
    if isinstance(error, OSError):
        if error.errno == errno.EBADF and error.filename is None:
            return "stdin or stdout, which this command needs, is closed.", 4
        return str(error), 4
    handle, report = tempfile.mkstemp(prefix="sentemb-error-", suffix=".txt", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exc(file=file)
    summary = str(error).partition("\n")[0]
    return f"internal error, {type(error).__name__}: {summary} (report: {report})", INTERNAL


def _flags(ctx: Any) -> dict[str, console.Flag]:
    """Return the flag of each parameter of the running command, by the name it has in Python."""
    command = ctx.command.commands.get(ctx.invoked_subcommand or "")
    found = [*ctx.command.params, *(command.params if command else ())]
    return {option.name: _flag(option) for option in found}


def _flag(option: Any) -> console.Flag:
    """Return the long flag of an option; of an argument, its name in the usage line."""
    long = [flag for flag in option.opts if flag.startswith("--")]
    spelled = long[0] if long else option.name.upper()
    return console.Flag(spelled, getattr(option, "multiple", False))


def _version(wanted: bool) -> None:
    if wanted:
        import sentemb

        typer.echo(f"sentemb {sentemb.__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Log warnings only, and show no bars.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use no network: of the hub, only its cache.")
    ] = False,
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code",
            help="Run the code that a model contains. Read it first: it can do whatever you can.",
        ),
    ] = False,
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter",
            help="Delimiter of tables: comma, semicolon, tab or bar. By default, each header "
            "decides.",
        ),
    ] = None,
) -> None:
    """Train, evaluate and use sentence embeddings by contrastive learning."""
    ctx.obj = _flags(ctx)
    console.configure(quiet=quiet, flags=ctx.obj)
    os.environ |= NO_TELEMETRY | (OFFLINE if offline else {})
    if trust_remote_code:
        from sentemb.safety import trusting_code

        ctx.with_resource(trusting_code())
    if delimiter is not None:
        from sentemb.datasets.delimiters import separated_by

        ctx.with_resource(separated_by(delimiter))


def expanded(
    function: Callable[..., None], options: Sequence[inspect.Parameter]
) -> Callable[..., None]:
    """Put options in the place of a command's parameter ``options``, which gets them as a dict."""
    own = [p for p in inspect.signature(function).parameters.values() if p.name != "options"]

    def command(**arguments: Any) -> None:
        made = {p.name: arguments.pop(p.name) for p in options}
        function(**arguments, options=made)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *options]]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = function.__doc__
    return command


def without_any(function: Callable[..., None]) -> Callable[..., None]:
    """Return a stand-in for a command, for a list of commands."""

    def command() -> None: ...

    command.__doc__ = function.__doc__
    return command


def as_train(
    function: Callable[..., None],
    train: Callable[..., None],
    args: list[str],
    left_out: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> Callable[..., None]:
    """Give a command the options of ``sentemb train``, those of the method in ``args`` among them.

    Args:
        function: Gets them as ``options``, but for those that it has a parameter for.
        train: The command ``train``.
        args: What was typed.
        left_out: Options to leave out. Leaving out ``method`` leaves out its options too.
        defaults: Where they differ from those of ``train``.
    """
    own = {*inspect.signature(function).parameters, *left_out, *OF_TRAIN}
    method = [] if "method" in left_out else args
    found = [*inspect.signature(train).parameters.values(), *options.of_training(method)]
    found = [
        p.replace(default=(defaults or {}).get(p.name, p.default))
        for p in found
        if p.name not in own
    ]
    return expanded(function, found)


def name_of(module: Any) -> str:
    """Return the name of a module's command."""
    return str(module.__name__.rpartition(".")[2]).replace("_", "-")


def _command(module: Any, name: str, args: list[str]) -> Callable[..., None]:
    """Return a command with its options; one that ``args`` do not name is only listed."""
    function: Callable[..., None] = getattr(module, name.replace("-", "_"))
    if args and name not in args:  # none where a shell asks what can be typed
        return without_any(function)
    if name == "train":
        return expanded(function, options.of_training(args))
    if name in ("study", "sweep", "compare"):
        return as_train(function, train.train, args, module.LEFT_OUT, module.DEFAULTS)
    if name == "finetune":
        return expanded(function, options.of_finetuning(module.PANELS))
    made = {
        "encode": options.of_encoding,
        "classify": options.of_few_shot,
        "train-decoder": options.of_decoder,
        "decode": options.of_decoding,
        "privacy": options.of_privacy,
        "mine": options.of_mining,
        "word2vec": options.of_words,
        "static": options.of_static,
    }
    return expanded(function, made[name]()) if name in made else function


def build(args: list[str]) -> typer.Typer:
    """Build the application; ``train`` gets the options of the method that ``args`` names."""
    app = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        epilog=f"{EXIT_CODES}\n\n{ENVIRONMENT}",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    config: dict[str, Any] = {}
    if "train" in args:
        try:
            config = config_of(args)
        except UsageError as error:
            app.command("train", context_settings=ANYTHING)(_raising(error))
            return app
    if "method" in config and options.typed_value(args, "--method", "-m") is None:
        args = [*args, "--method", config["method"]]
    for module in COMMANDS:
        name = name_of(module)
        settings = {"default_map": config} if name == "train" else {}
        command = _command(module, name, args)
        app.command(name, epilog=module.EXAMPLES, context_settings=settings)(command)
    return app


def _raising(error: Exception) -> Callable[..., None]:
    """Return a command that says what was wrong before there was one."""

    def command() -> None:
        raise error

    return command


def typed_words(args: Sequence[str]) -> list[str]:
    """Return the words after the program's name, also where a shell asks what can follow on them.

    Args:
        args: Those that the program was started with.
    """
    if ASKED not in os.environ:
        return list(args)
    return next((os.environ[name] for name in WORDS if name in os.environ), "").split()[1:]


def main() -> None:
    """Run the command line."""
    console.open_missing()
    try:
        build(typed_words(sys.argv[1:]))()
    except OSError as error:  # help or usage that cannot be written; commands have their own words
        message, code = _explain(error)
        console.error(message)
        sys.exit(code)
    finally:
        console.drop_unwritten()
