"""`Table` and `Report`: results as text, HTML, Markdown, LaTeX, pandas or JSON."""

import csv
import html
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sentemb.errors import UsageError
from sentemb.inert import cell as markdown_cell
from sentemb.inert import inert
from sentemb.versions import versions

if TYPE_CHECKING:
    import pandas

LATEX = {
    **{sign: rf"\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
}


Format = Literal["table", "markdown", "latex", "csv", "json"]
"""What `Report.formatted` writes."""


@dataclass(frozen=True)
class Cell:
    """A value and the text that a table shows for it."""

    value: Any
    text: str


@dataclass(frozen=True, repr=False)
class Table:
    """Values in named columns.

    Printing a table aligns its columns, the first to the left and the others to the right. A
    notebook shows it as HTML. Iterating gives each row as a dictionary of values.

    Args:
        columns: Their names.
        rows: Cells, or bare values; a float is shown with four decimals, None as an empty cell.

    Example:
        >>> table = Table(["model", "spearman"], [["mini", number("spearman", 61.234)]])
        >>> table
        model  spearman
        mini      61.23
        >>> list(table)
        [{'model': 'mini', 'spearman': 61.234}]
        >>> print(table.to_markdown())
        | model | spearman |
        | :-- | --: |
        | mini | 61.23 |
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give each row as a dictionary of values by column."""
        for row in self.rows:
            yield dict(zip(self.columns, (_cell(one).value for one in row), strict=True))

    def __repr__(self) -> str:
        """Return the table as aligned text."""
        lines = [list(self.columns), *self._texts()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        aligned = [
            "  ".join(
                text.ljust(width) if place == 0 else text.rjust(width)
                for place, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return inert("\n".join(aligned))

    def _repr_html_(self) -> str:
        def row(tag: str, texts: Sequence[str]) -> str:
            cells = "".join(f"<{tag}>{html.escape(inert(text))}</{tag}>" for text in texts)
            return f"<tr>{cells}</tr>"

        body = "".join(row("td", texts) for texts in self._texts())
        head = row("th", self.columns)
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"

    def to_markdown(self) -> str:
        """Return the table in Markdown, numbers aligned to the right."""
        rule = [":--", *["--:"] * (len(self.columns) - 1)]
        lines = [map(markdown_cell, self.columns), rule]
        lines += [map(markdown_cell, texts) for texts in self._texts()]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def to_latex(self) -> str:
        """Return the table as a LaTeX ``tabular``; it needs the package booktabs."""
        head, *body = (
            " & ".join("".join(LATEX.get(sign, sign) for sign in inert(text)) for text in texts)
            + r" \\"
            for texts in [self.columns, *self._texts()]
        )
        alignment = "l" + "r" * (len(self.columns) - 1)
        start, end = rf"\begin{{tabular}}{{{alignment}}}", r"\end{tabular}"
        return "\n".join([start, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end])

    def to_csv(self) -> str:
        """Return the values with commas between, in full precision; None is empty."""
        text = io.StringIO(newline="")
        lines = [[*self.columns], *([_cell(one).value for one in row] for row in self.rows)]
        csv.writer(text, lineterminator="\n").writerows(
            [inert(value) if isinstance(value, str) else value for value in line] for line in lines
        )
        return text.getvalue().removesuffix("\n")

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the values as a data frame.

        Raises:
            UsageError: When pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise UsageError(
                "to_pandas needs pandas: pip install pandas; iterating over the table gives its "
                "rows as dictionaries."
            ) from error
        rows = [[_cell(one).value for one in row] for row in self.rows]
        return pandas.DataFrame(rows, columns=list(self.columns))

    def to_json(self) -> str:
        """Return the values as a JSON list of one object a row."""
        return json.dumps(list(self), ensure_ascii=False)

    def _texts(self) -> list[list[str]]:
        return [[_cell(one).text for one in row] for row in self.rows]


@dataclass(frozen=True, repr=False)
class Report:
    """What a command found: the tables it shows, and a record of everything.

    Printing a report shows its tables and notes; a notebook shows them as HTML. ``report["name"]``
    is what the record holds under that name.

    Args:
        schema: The name of the record's form, which is the command's.
        record: Everything that was found, as JSON has it.
        tables: What is shown, one after the other.
        notes: Lines below them.
        values: All numbers in one table, for `to_pandas`; None where the first table has them all.
        models_as_rows: Makes the table of a row a model, where the first table is another. It is
            made when it is asked for, since its intervals take time.
    """

    schema: str
    record: dict[str, Any]
    tables: Sequence[Table]
    notes: Sequence[str] = ()
    values: Table | None = None
    models_as_rows: Callable[[], Table] | None = None

    def __getitem__(self, name: str) -> Any:
        """Return a part of the record."""
        return self.record[name]

    def __len__(self) -> int:
        """Return the number of rows that iterating gives."""
        return len(self._values)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give each row of the values as a dictionary."""
        return iter(self._values)

    def __repr__(self) -> str:
        """Return the tables as aligned text, and the notes."""
        notes = [inert("\n".join(self.notes))] if self.notes else []
        return "\n\n".join([*map(repr, self.tables), *notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(inert(note))}</p>" for note in self.notes)
        return "".join(table._repr_html_() for table in self.tables) + notes

    def to_markdown(self) -> str:
        """Return the tables in Markdown."""
        return "\n\n".join(table.to_markdown() for table in self.tables)

    def to_latex(self) -> str:
        """Return the tables as LaTeX; they need the package booktabs."""
        return "\n\n".join(table.to_latex() for table in self.tables)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the values as a data frame.

        Raises:
            UsageError: When pandas is not installed.
        """
        return self._values.to_pandas()

    def to_json(self) -> str:
        """Return the record as one JSON object, as ``--json`` prints it."""
        schema = f"sentemb.{self.schema}/1"
        return json.dumps({"schema": schema, "versions": versions(), **self.record})

    def overview(self) -> Table:
        """Return the table of a row a model, or a run; of an evaluation, a column a task."""
        return self.models_as_rows() if self.models_as_rows else self.tables[0]

    def formatted(self, style: Format) -> str:
        """Return the overview as text, or everything as JSON.

        Args:
            style: ``table`` (aligned text), ``markdown``, ``latex``, ``csv`` or ``json``.
        """
        if style == "json":
            return self.to_json()
        table = self.overview()
        ways = {"markdown": table.to_markdown, "latex": table.to_latex, "csv": table.to_csv}
        return ways.get(style, table.__repr__)()

    @property
    def _values(self) -> Table:
        return self.tables[0] if self.values is None else self.values


def number(name: str, value: float | None, sd: float | None = None) -> Cell:
    """Return the cell of a measure: a correlation × 100 has two decimals, anything else four.

    Args:
        name: Of the measure.
        value: Of the measure; None gives an empty cell.
        sd: Standard deviation over several seeds, shown behind the value.
    """
    return decimals(2 if name.startswith(("spearman", "pearson")) else 4, value, sd)


def decimals(digits: int, value: float | None, sd: float | None = None) -> Cell:
    """Return the cell of a number with so many decimals, and its deviation where it is given."""
    if value is None:
        return Cell(None, "")
    deviation = "" if sd is None else f" ± {sd:.{digits}f}"
    return Cell(value, f"{value:.{digits}f}{deviation}")


def _cell(value: Any) -> Cell:
    if isinstance(value, Cell):
        return value
    if isinstance(value, float):
        return decimals(4, value)
    return Cell(value, "" if value is None else str(value))
