"""Conditions on columns, and that nothing of them is run."""

import pyarrow
import pytest

from sentemb.errors import UsageError
from sentemb.tasks.row_filters import matching

ROWS = pyarrow.table(
    {
        "lang": ["en", "de", None],
        "year": ["2019", "2021", "2022"],
        "n": [1, 2, 3],
        "a b": [0.1, 0.2, 0.3],
        "stars": ["5", "", "1"],
    }
)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("lang == 'en'", [0]),
        ("lang != 'en'", [1]),
        ("'en' == lang", [0]),
        ("lang == 'de' or year > 2021", [1, 2]),
        ("lang in ('en', 'fr')", [0]),
        ("lang not in ['en']", [1]),
        ("lang is None", [2]),
        ("lang is not None and n != 2", [0]),
        ("1 < n <= 3", [1, 2]),
        ("n > -1", [0, 1, 2]),
        ("not n == 1", [1, 2]),
        ("stars >= 0", [0, 2]),
        ("column('a b') > 0.15", [1, 2]),
    ],
)
def test_conditions(where, rows):
    assert matching(ROWS, where).nonzero()[0].tolist() == rows


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            "lan == 'en'",
            "no column 'lan'; there are lang, .* Did you mean 'lang'",
        ),
        ("lang ==", "cannot be read"),
        ("lang", "a condition compares columns with values"),
        ("__import__('os').system('x') == 1", "cannot be read"),
        ("lang.upper() == 'EN'", "cannot be read"),
        ("n + 1 == 2", "cannot be read"),
        ("1 == 1", "cannot be read"),
        ("n == None", "cannot be read"),
        ("n in lang", "cannot be read"),
        ("not " * 3000 + "n == 1", "nested too deeply|cannot be read"),
        ("n == 'a'", "values of different kinds"),
        ("lang > 3", "values of different kinds"),
    ],
)
def test_other_words_are_refused(where, message):
    with pytest.raises(UsageError, match=message):
        matching(ROWS, where)
