"""The errors a user can act on; each knows the exit code of the command line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import requires


class SentembError(Exception):
    """What came, what is allowed, what to do, in one line."""

    exit_code = 70


def install_command(extra: str) -> str:
    """Return what installs the packages of an extra, wherever sentemb itself was installed from.

    The packages are named, as pip would look for ``sentemb[extra]`` in an index.

    Example:
        >>> install_command("plot").startswith('pip install "matplotlib')
        True
    """
    listed = [one.partition(";") for one in requires("sentemb") or ()]
    wanted = re.compile(rf"extra\s*==\s*['\"]{extra}['\"]")
    names = [name.strip() for name, _, marker in listed if wanted.search(marker)]
    return " ".join(["pip install", *(f'"{name}"' for name in names)])


class UsageError(SentembError, ValueError):
    """An option or argument that cannot work."""

    exit_code = 2


class FinishedError(UsageError):
    """The run to resume has already finished."""


class InputError(SentembError, ValueError):
    """Data or a model that cannot be read as what it should be; names the row."""

    exit_code = 3


class TextError(InputError):
    """A text that a model cannot take; who knows the rows says which it is.

    Args:
        reason: Why not, and what to do.
        text: The text.
    """

    def __init__(self, reason: str, text: str) -> None:
        shown = f"The text '{text[:30]}'" if text.strip() else "A blank text"
        super().__init__(f"{shown}: {reason}")
        self.reason = reason
        self.text = text


class TokenizerError(InputError):
    """A tokenizer failed in Rust, on a text or when it was loaded."""


class IdenticalViewsError(SentembError, RuntimeError):
    """The two views of a sentence came out equal, so there is nothing to learn from them."""

    exit_code = 3


class StorageError(SentembError, OSError):
    """A file that could not be written: the disk is full, or does not let us."""

    exit_code = 4


class NumericError(SentembError, ArithmeticError):
    """A number that must be finite is not."""

    exit_code = 5


class OutOfMemoryError(SentembError, MemoryError):
    """Memory does not suffice even for the least amount of work at a time.

    Args:
        message: What to do.
        text: The text that is too much, where it is one.
    """

    exit_code = 6

    def __init__(self, message: str, text: str | None = None) -> None:
        super().__init__(message)
        self.text = text


OUT_OF_MEMORY = ("outofmemoryerror", "out of memory", "can't allocate memory", "not enough memory")
"""torch's class, and what its allocators say in plain ``RuntimeError``s."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory did not suffice.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
        (True, False)
    """
    words = f"{type(error).__name__}: {error}".lower()
    return isinstance(error, MemoryError) or any(said in words for said in OUT_OF_MEMORY)


class LockedError(SentembError):
    """Another process writes to the same output."""

    exit_code = 7


class InterruptedRunError(SentembError):
    """A signal ended the run; what it had is saved.

    Args:
        message: What was saved, and how to resume.
        number: Of the signal.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


@contextmanager
def reading() -> Iterator[None]:
    """Make an input error of a lack of permission: it is not the disk that fails.

    Raises:
        InputError: Names the file.

    Example:
        >>> with reading():
        ...     raise PermissionError(13, "Permission denied", "a.txt")
        Traceback (most recent call last):
        sentemb.errors.InputError: Permission denied: 'a.txt'. Check that you have read access.
    """
    try:
        yield
    except PermissionError as error:
        raise InputError(
            f"Permission denied: '{error.filename}'. Check that you have read access."
        ) from error


@contextmanager
def panics_refused() -> Iterator[None]:
    """Make an input error of a panic in the tokenizers library.

    A broken normalizer, or an expression that backtracks without end on one text, panics. The
    exception is not an ``Exception``, so that it would end the program past every handler.

    Raises:
        TokenizerError: When the tokenizer panicked.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        first_line = str(error).strip().partition("\n")[0]
        raise TokenizerError(
            f"the model's tokenizer failed ({first_line[:200]}). Fetch the model again, or leave "
            "the text out."
        ) from error


def unknown(kind: str, name: str, allowed: list[str]) -> str:
    """Say that a name is unknown, and which is meant.

    Example:
        >>> unknown("pooling", "meen", ["cls", "mean"])
        "Unknown pooling 'meen'; allowed: cls, mean. Did you mean 'mean'?"
    """
    return f"Unknown {kind} '{name}'; allowed: {', '.join(allowed)}.{nearest(name, allowed)}"


SHOWN = 5
"""How many names are shown that begin with what was typed."""


def nearest(wanted: str, allowed: list[str]) -> str:
    """Say which allowed name is meant, or which few, where all of them begin with what was typed.

    Example:
        >>> nearest("mena", ["cls", "mean"])
        " Did you mean 'mean'?"
        >>> nearest("avg", ["avg_top2", "mean", "avg_last"])
        " Did you mean 'avg_top2' or 'avg_last'?"
        >>> nearest("queue_size", ["batch_size"])
        ''
    """
    import difflib

    longer = [name for name in allowed if wanted and name.lower().startswith(wanted.lower())]
    close = difflib.get_close_matches(wanted, allowed, n=1)
    meant = longer if 0 < len(longer) <= SHOWN else close
    return f" Did you mean {' or '.join(map(repr, meant))}?" if meant else ""
