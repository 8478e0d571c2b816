"""Options of the towers of methods, and which of them a network does not read."""

from collections.abc import Callable, Mapping
from typing import Any

from sentemb.values import require_default

UNREAD: dict[str, tuple[str, ...]] = {"cnn": (), "vit": ("stem",)}
"""Networks that are built of options, with those that they do not read."""
NUMBERS = ("stem", "width", "depth")
"""Options that a network from a folder does not read."""


def is_from_folder(network: str) -> bool:
    """Tell whether a network, by its name, is the model of a folder."""
    return network not in UNREAD


def require_read(recipe: Callable[..., Any], network: str, options: Mapping[str, Any]) -> None:
    """Raise where an option is given to a network that does not read it.

    Args:
        recipe: The function that has the options, with their defaults.
        network: ``cnn``, ``vit``, or a folder.
        options: By name.

    Raises:
        UsageError: Names the option.
    """
    unread = {name: options[name] for name in UNREAD.get(network, NUMBERS) if name in options}
    require_default(recipe, f"with network {network}", **unread)
