"""Batches of as many tokens, and how many those are."""

from collections.abc import Iterator, Sequence

USUAL = 512
"""Tokens of a forward on a CPU. More are a little faster, and take twice the memory and more."""
LEAST, MOST = 4096, 262144
"""On a GPU: below it waits for its host, and far above it gains nothing."""
LIVE = 8
"""Numbers as wide as the feed-forward layer that a forward holds for each token: the hidden states,
queries, keys and values, and both sides of the layer, with as many again for what is not given
back yet."""
SHARE = 0.5
"""Of the free memory: the rest is for other processes, and for long texts' attention."""


def tokens_that_fit(free: int, width: int, bytes_a_number: int) -> int:
    r"""Return how many tokens of a forward fit into a GPU's memory, a power of 2.

    .. math:: 2^{\lfloor \log_2 (0.5\, m / (8\, w\, b)) \rfloor}, \quad
        \text{at least } 4{,}096 \text{ and at most } 262{,}144

    A batch that does not fit all the same is halved.

    Args:
        free: m, the free bytes.
        width: w, of the feed-forward layers.
        bytes_a_number: b, of one activation.

    Example:
        >>> tokens_that_fit(70 * 2**30, 1536, 2), tokens_that_fit(2 * 2**30, 3072, 4)
        (262144, 8192)
    """
    fitting = int(SHARE * free / (LIVE * width * bytes_a_number))
    return int(min(MOST, max(LEAST, 1 << max(0, fitting.bit_length() - 1))))


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
