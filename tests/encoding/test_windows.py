"""Rows into windows, and texts into numbers: every row once, every text once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sentemb.encoding import windows as module
from sentemb.encoding.distinct_texts import DistinctTexts
from sentemb.encoding.shards import Shard
from sentemb.encoding.windows import Window, windows

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=3), max_size=60)


@given(TEXTS)
def test_windows_hold_every_row_once_and_every_text_once(tmp_path_factory, texts):
    seen = DistinctTexts(tmp_path_factory.mktemp("seen") / "texts.sqlite")
    module.ROWS, whole = 7, module.ROWS
    try:
        found = list(windows(texts, seen))
    finally:
        module.ROWS = whole
        seen.close()
    assert [text for window in found for text in window.texts] == texts
    new = [text for window in found for text in window.new]
    assert new == list(dict.fromkeys(texts))
    numbers = [number for window in found for number in window.numbers]
    assert [new[number] for number in numbers] == texts
    assert all(len(window.texts) == 7 for window in found[:-1])
    first_rows = [window.first_row for window in found]
    assert first_rows == [1 + 7 * number for number in range(len(found))]
    for window in found:
        assert window.known == len(set(texts[: window.first_row - 1]))


@given(st.integers(1, 9), st.integers(0, 200))
def test_shards_cover_all_windows_and_do_not_overlap(of, count):
    shards = [Shard(number, of) for number in range(1, of + 1)]
    shares = [[window for window in range(count) if window in shard] for shard in shards]
    assert sorted(window for share in shares for window in share) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_window_of_long_texts_has_fewer_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHARACTERS", 10)
    seen = DistinctTexts(tmp_path / "texts.sqlite")
    found = [window.texts for window in windows(["a" * 9, "b", "c" * 30, "d"], seen)]
    assert found == [["a" * 9, "b"], ["c" * 30], ["d"]]
    seen.close()
    assert list(tmp_path.iterdir()) == []


def test_more_texts_than_a_query_takes(tmp_path):
    seen = DistinctTexts(tmp_path / "texts.sqlite")
    texts = [str(number % 40_000) for number in range(50_000)]
    numbers, new = seen.numbers(texts)
    again, none = seen.numbers(texts[::-1])
    np.testing.assert_array_equal(numbers, np.arange(50_000) % 40_000)
    np.testing.assert_array_equal(again[::-1], numbers)
    assert (len(new), none) == (40_000, [])
    seen.close()


def digest(texts, numbers, known=0):
    return Window(0, 1, texts, np.array(numbers), [], known).digest


def test_what_matters_to_the_hash_of_a_window():
    assert digest(["ab", "c"], [0, 1]) != digest(["a", "bc"], [0, 1])
    assert digest(["a\nb"], [0]) != digest(["a", "b"], [0, 1])
    assert digest(["a"], [0]) != digest(["a"], [1])
    assert digest(["a"], [0]) != digest(["a"], [0], known=1)
