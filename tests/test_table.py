"""A table of results: what people read, and what programs do."""

import json
import sys

import pytest

from sentemb.errors import UsageError
from sentemb.table import Cell, Report, Table, number

TABLE = Table(
    ["model", "spearman", "rows"],
    [["mini", number("spearman", 61.234, 0.5), Cell(1200, "1,200")], ["a|b_c", None, 7]],
)


def test_text_is_aligned_the_first_column_to_the_left():
    assert str(TABLE) == (
        "model      spearman   rows\n"
        "mini   61.23 ± 0.50  1,200\n"
        "a|b_c                    7"
    )  # fmt: skip


def test_rows_are_dictionaries_of_values():
    assert len(TABLE) == 2
    rows = [
        {"model": "mini", "spearman": 61.234, "rows": 1200},
        {"model": "a|b_c", "spearman": None, "rows": 7},
    ]
    assert list(TABLE) == rows
    assert json.loads(TABLE.to_json()) == rows


def test_markdown_latex_and_html_escape_what_they_would_obey():
    assert TABLE.to_markdown().splitlines()[-1] == r"| a\|b_c |  | 7 |"
    assert r"a|b\_c &  & 7 \\" in TABLE.to_latex()
    assert r"61.23 $\pm$ 0.50" in TABLE.to_latex()
    assert "<td>&lt;b&gt;</td>" in Table(["a"], [["<b>"]])._repr_html_()
    assert "\x1b" not in str(Table(["a"], [["\x1b[31m"]]))


def test_csv_has_the_values_in_full():
    assert TABLE.to_csv() == "model,spearman,rows\nmini,61.234,1200\na|b_c,,7"
    assert Table(["a,b"], [["\x1b[31m"]]).to_csv() == '"a,b"\n\\x1b[31m'


def test_a_report_in_every_format():
    report = Report("x", {"n": 1}, [Table(["other"], [["no"]])], models_as_rows=lambda: TABLE)
    assert report.formatted("table") == repr(TABLE)
    assert report.formatted("markdown") == TABLE.to_markdown()
    assert report.formatted("latex") == TABLE.to_latex()
    assert report.formatted("csv") == TABLE.to_csv()
    assert json.loads(report.formatted("json"))["n"] == 1
    assert Report("x", {}, [TABLE]).formatted("csv") == TABLE.to_csv()


def test_pandas_gets_the_values():
    frame = pytest.importorskip("pandas") and TABLE.to_pandas()
    assert list(frame.columns) == list(TABLE.columns)
    assert frame["spearman"][0] == 61.234


def test_without_pandas_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        TABLE.to_pandas()
