"""Texts of a file, for commands that have no use for blank ones."""

from os import PathLike

from . import console


def texts_without_blanks(source: str | PathLike[str], column: str) -> list[str]:
    """Read the texts of a file; blank ones are left out, and that is said.

    Raises:
        InputError: When there is no other.
    """
    from sentemb.datasets import read_texts
    from sentemb.errors import InputError

    texts = list(read_texts(source, column))
    kept = [text for text in texts if text.strip()]
    if not kept:
        raise InputError(f"{source} holds no row with text.")
    if len(kept) < len(texts):
        console.log(f"{source}: {len(texts) - len(kept):,} empty rows left out")
    return kept
