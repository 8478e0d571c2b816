"""What a reader left out or cut, and the log line that says so."""

import logging
from dataclasses import dataclass, field

from sentemb.datasets.faults import Faults, Found

logger = logging.getLogger("sentemb")


@dataclass
class Omitted:
    """Rows that were left out.

    Args:
        blank: Rows whose one text is blank.
        unmarked: Rows without a label or a score.
        without_negatives: Rows without a hard negative, which stay.
    """

    blank: Found = field(default_factory=Found)
    unmarked: Found = field(default_factory=Found)
    without_negatives: Found = field(default_factory=Found)

    def tell(self, source: object, mark: str = "label") -> None:
        """Log what was left out.

        Args:
            source: The file, as it was named.
            mark: What a row has none of.
        """
        parts = [
            f"{found.rows:,} {words} ({numbers(found)})"
            for found, words in (
                (self.blank, "without text"),
                (self.unmarked, f"without a {mark}"),
            )
            if found.rows
        ]
        if parts:
            is_label = self.unmarked.rows and mark == "label"
            hint = " Blank, -, NaN and -1 are not labels." if is_label else ""
            logger.warning("%s: rows left out: %s.%s", source, ", ".join(parts), hint)
        if found := self.without_negatives.rows:
            logger.info("%s: rows without a hard negative: %s (%s).",
                        source, f"{found:,}", numbers(self.without_negatives))  # fmt: skip

    def why(self, mark: str = "label") -> str:
        """Return the first row left out for want of a label, in brackets; "" where none was."""
        return f" (row {self.unmarked.first[0]} has no {mark})" if self.unmarked.rows else ""


def tell_faults(source: object, faults: Faults) -> None:
    """Log how a file was read, which lines were not rows, and which texts were cut."""
    if faults.encoding != "utf-8":
        logger.info("%s: read as %s.", source, faults.encoding.upper())
    if faults.separator:
        logger.info("%s: read as %s.", source, faults.separator)
    if faults.blank_lines.rows:
        logger.info("%s: %d blank lines, which are not rows.", source, faults.blank_lines.rows)
    if faults.long.rows:
        logger.info("%s: rows with a text longer than 1 MiB, which was cut there: %d (%s).",
                    source, faults.long.rows, numbers(faults.long))  # fmt: skip


def numbers(found: Found) -> str:
    """Return the numbers of the first rows.

    Example:
        >>> numbers(Found(7, [1, 2, 3, 4, 5]))
        '1, 2, 3, 4, 5, …'
    """
    return ", ".join(map(str, found.first)) + (", …" if found.rows > len(found.first) else "")
