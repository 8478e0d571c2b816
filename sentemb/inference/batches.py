"""Batches of as many tokens."""

from collections.abc import Iterator, Sequence


def by_tokens(
    lengths: Sequence[int], budget: int, most_rows: int | None = None
) -> Iterator[list[int]]:
    """Cut rows into batches of at most so many tokens, padding included, longest first.

    Args:
        lengths: Tokens of each row.
        budget: Tokens of a batch; a longer row is a batch by itself.
        most_rows: Rows of a batch; by default only tokens limit them.

    Example:
        >>> list(by_tokens([2, 5, 3, 2], budget=6))
        [[1], [2, 0], [3]]
        >>> list(by_tokens([2, 5, 3, 2], budget=99, most_rows=2))
        [[1, 2], [0, 3]]
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        rows = max(1, budget // max(1, lengths[order[start]]))
        rows = min(rows, most_rows or rows)
        yield order[start : start + rows]
        start += rows
