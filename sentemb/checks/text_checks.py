"""What is wrong with texts."""

from collections.abc import Callable, Sequence
from typing import Any

from sentemb.checks.columns import Columns
from sentemb.checks.hashes import Seen, normalised
from sentemb.checks.problem import Problem, of_rows
from sentemb.datasets.faults import Faults, Found
from sentemb.datasets.layouts import shown
from sentemb.datasets.roles import is_negative

Count = Callable[[list[str]], list[int]]
Unknown = Callable[[list[str]], list[bool]]
AT_ONCE = 1024
"""Rows whose tokens are counted at once."""


def none_unknown(texts: list[str]) -> list[bool]:
    """Tell of no text that it is unknown."""
    return [False] * len(texts)


class TextChecks:
    """Looks at the texts of each row.

    Args:
        columns: Of the file.
        faults: Of its reader; values that are not texts are counted there, too.
        count: Counts the tokens of texts.
        max_length: Tokens that an encoder reads of a text.
        unknown: Tells of texts whether an encoder does not know most of their tokens.
    """

    def __init__(
        self,
        columns: Columns,
        faults: Faults,
        count: Count,
        max_length: int,
        unknown: Unknown = none_unknown,
    ) -> None:
        self._is_unknown, self._unknown = unknown, Found()
        self.columns, self.faults, self.count, self.limit = columns, faults, count, max_length
        self.seen = Seen(len(columns.texts))
        self.longest = 0
        self._blank, self._no_text, self._over = Found(), Found(), Found()
        self._equal, self._negative, self._listed = Found(), Found(), Found()
        self._lacking, self._negatives = Found(), 0
        self._hard = [column for role, column in columns.roles.items() if is_negative(role)]
        self._may_lack_one = len(self._hard) > 1
        self._words = dict.fromkeys(columns.texts, False)
        self._waiting: list[tuple[int, list[str]]] = []
        of = columns.role
        self._sides = (of("anchor"), of("positive")), (of("sentence1"), of("sentence2"))
        self._against = [name for name in (of("anchor"), of("positive")) if name]

    def add(self, number: int, row: dict[str, Any], label: str | None) -> None:
        """Look at a row."""
        values = {column: _several(role, row.get(column))
                  for role, column in self.columns.roles.items()}  # fmt: skip
        given = [value for several in values.values() for value in several]
        if any(value is not None and not isinstance(value, str) for value in given):
            self._no_text.add(number)
        if (positive := self.columns.role("positive")) and len(values[positive]) > 1:
            self._listed.add(number)
        texts = {
            column: next((one for one in several if isinstance(one, str) and one.strip()), "")
            for column, several in values.items()
        }
        if any("\ud800" <= character <= "\udfff" for text in given
               if isinstance(text, str) and not text.isascii() for character in text):  # fmt: skip
            self.faults.invalid.add(number)
        hard = [one for column in self._hard for one in values[column]
                if isinstance(one, str) and one.strip()]  # fmt: skip
        self._may_lack_one |= any(isinstance(row.get(column), list) for column in self._hard)
        self._negatives += len(hard)
        if self._hard and not hard:
            self._lacking.add(number)
        if any(not text.strip() for column, text in texts.items() if column not in self._hard):
            self._blank.add(number)
        for column, text in texts.items():
            self._words[column] |= bool(text.strip()) and not _is_number(text)
        self._compare(number, texts, hard)
        self.seen.add(number, list(texts.values()), label)
        further = [text for text in hard if text not in texts.values()]
        self._waiting.append((number, [*texts.values(), *further]))
        if len(self._waiting) == AT_ONCE:
            self._tokens()

    def _compare(self, number: int, texts: dict[str, str], hard: list[str]) -> None:
        def equal(first: str | None, second: str | None) -> bool:
            return (
                first is not None
                and second is not None
                and bool(texts[first].strip())
                and normalised(texts[first]) == normalised(texts[second])
            )

        if any(equal(*pair) for pair in self._sides):
            self._equal.add(number)
        pair = {normalised(texts[column]) for column in self._against if texts[column].strip()}
        if any(normalised(text) in pair for text in hard):
            self._negative.add(number)

    def _tokens(self) -> None:
        texts = [text.encode(errors="replace").decode() for _, row in self._waiting for text in row]
        counts, unknown, end = self.count(texts), self._is_unknown(texts), 0
        for number, row in self._waiting:
            start, end = end, end + len(row)
            most = max(counts[start:end], default=0)
            self.longest = max(self.longest, most)
            if most > self.limit:
                self._over.add(number)
            if any(unknown[start:end]):
                self._unknown.add(number)
        self._waiting.clear()

    def problems(self) -> list[Problem]:
        """Return what is wrong with all rows that were added."""
        self._tokens()
        exact, alike = self.seen.duplicates()
        several = len(self.columns.texts) > 1
        return [
            *of_rows("not_text", "error", self._no_text, "a text column holds something else"),
            *of_rows("blank", "error" if several else "note", self._blank,
                     "a text is blank" if several else "blank: train leaves it out"),
            *self._of_numbers(),
            *of_rows("negative_is_positive", "error", self._negative,
                     "the negative is the anchor or the positive"),
            *of_rows("equal_sides", "note", self._equal, "both sides of the pair are the same"),
            *of_rows("duplicates", "note", exact, "the same as an earlier row"),
            *of_rows("near_duplicates", "note", alike,
                     "the same as an earlier row but for case and spaces"),
            *of_rows("unknown_tokens",
                     "error" if 2 * self._unknown.rows > len(self.seen.rows) else "note",
                     self._unknown, "the model's tokenizer does not know most of a text"),
            *of_rows("over_long", "note", self._over,
                     f"more than {self.limit} tokens: cut there"),
            *of_rows("listed", "note", self._listed, "a list of positives: the first is read"),
            *of_rows("no_negatives",
                     "note" if self._negatives and self._may_lack_one else "error", self._lacking,
                     "no negative of its own" if self._negatives else "no row has a negative"),
        ]  # fmt: skip

    def _of_numbers(self) -> list[Problem]:
        columns: Sequence[str] = [name for name, words in self._words.items() if not words
                                  and not (name in self._hard and self._may_lack_one)]  # fmt: skip
        if not columns or not len(self.seen.rows):
            return []
        message = (
            f"column {shown(columns[:1])} holds no word: are columns swapped, or named wrongly?"
        )
        return [Problem("no_words", "error", message)]


def _several(role: str, value: Any) -> list[Any]:
    """Return the values of a column, of which positives and negatives may have a list."""
    may_be_listed = role == "positive" or is_negative(role)
    return value if may_be_listed and isinstance(value, list) else [value]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
