"""Whether a model's own code may run: only where the caller says so, never a file or a variable."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger("sentemb")
VARIABLE = "SENTEMB_TRUST_REMOTE_CODE"
HINT = "where you trust its author, read that code and use `sentemb.safety.trusting_code()`"
_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusting_code() -> Iterator[None]:
    """Let models that are loaded inside run their own code, as their authors wrote it.

    Example:
        >>> with trusting_code():
        ...     code_is_trusted()
        True
        >>> code_is_trusted()
        False
    """
    before = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(before)


def code_is_trusted() -> bool:
    """Tell whether the caller trusts code."""
    return _trusted.get()


def warn_of_the_variable() -> None:
    """Say that the environment has no say."""
    if os.environ.get(VARIABLE):
        logger.warning(
            "%s is ignored: models' code runs only within `sentemb.safety.trusting_code()`.",
            VARIABLE,
        )
