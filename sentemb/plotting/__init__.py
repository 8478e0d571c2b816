"""Pictures: their one style, and the curves and dots of experiments. Needs matplotlib."""

from importlib.util import find_spec

from sentemb.errors import UsageError, install_command


def require_matplotlib() -> None:
    """Raise unless pictures can be drawn; imports nothing.

    Raises:
        UsageError: When matplotlib is not installed.
    """
    if not find_spec("matplotlib"):
        raise UsageError(
            f"pictures need matplotlib: {install_command('plot')}; without output the numbers "
            "are returned alone."
        )
