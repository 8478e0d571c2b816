"""Which versions numbers come from."""

from importlib.metadata import version

PACKAGES = ("sentemb", "torch", "transformers", "sentence-transformers")


def versions() -> dict[str, str]:
    """Return the versions of what decides about numbers."""
    return {name: version(name) for name in PACKAGES}
