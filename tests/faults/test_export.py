"""An export that is killed while it replaces another leaves one of the two, whole."""

import json
import signal
from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer

from sentemb import read_sts
from sentemb.bundled import bundled
from sentemb.cards import write_card
from sentemb.errors import UsageError
from sentemb.inference import export
from sentemb.inference.card_texts import export_card
from sentemb.inference.static import distil
from tests.support.processes import exit_code, forked

DIMS = {"old": 8, "new": 12}
SIDE = {"spearman": 1.0, "sentences_per_second": 1.0, "megabytes": 1.0, "dim": 1}


@pytest.fixture
def write(mini, monkeypatch):
    """Export an encoder; what was distilled of it and its scores are made once."""
    task = read_sts(bundled("graded.tsv"))
    made = {dim: distil(mini, dim) for dim in DIMS.values()}
    scores = {"before": dict(SIDE), "after": dict(SIDE), "texts": 3}
    monkeypatch.setattr(export, "build_copy", lambda *_: mini)
    monkeypatch.setattr(export, "distil", lambda _encoder, dim, _texts: made[dim])
    monkeypatch.setattr(export, "compare", lambda *_: (scores, None))

    def written(folder, version, overwrite=True):
        export.export_static("mini", folder, task, DIMS[version], overwrite=overwrite)

    return written


def version_of(folder: Path) -> str:
    """Load what is there, as a user would; return which version it is."""
    encoder = SentenceTransformer(str(folder), device="cpu")
    record = json.loads((folder / "export.json").read_text())
    (version,) = (name for name, dim in DIMS.items() if dim == record["how"]["dim"])
    assert encoder.encode(["a man"]).shape == (1, DIMS[version])
    return version


def killed(write, folder, stride):
    """Kill before the n-th change of a file, n rising until the export passes."""
    seen = []
    for number in range(1, 400, stride):
        write(folder, "old")
        code = exit_code(forked(lambda: write(folder, "new"), number))
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            return number - 1, seen
        seen.append(version_of(folder))
        with pytest.raises(UsageError, match="not empty"):
            write(folder, "new", overwrite=False)
        write(folder, "new")
        assert version_of(folder) == "new"
        assert list(folder.parent.iterdir()) == [folder]
    raise AssertionError


@pytest.mark.wide
def test_killed_before_some_changes_of_files(write, tmp_path):
    count, seen = killed(write, tmp_path / "static", stride=9)
    assert count > 20
    assert set(seen) == {"old", "new"}


@pytest.mark.long
def test_killed_before_each_change_of_a_file(write, tmp_path):
    count, seen = killed(write, tmp_path / "static", stride=1)
    print(f"killed {count} times; the old version {seen.count('old')} times")
    assert set(seen) == {"old", "new"}
    assert seen == sorted(seen, reverse=True)  # once the new one stands, it stays


def test_what_users_named_is_inert_in_the_card(tmp_path):
    folder = tmp_path / "line\nbreak"
    record = {
        "kind": "static", "model": "runs/\x1b[31mred\n# heading", "modules": "Pooling", "pairs": 2,
        "task": "a|b\udcff", "texts": 3, "before": SIDE, "after": SIDE, "versions": {"torch": "2"},
        "how": {"probabilities": "counts in \u202eevil.txt", "smoothing": 0.1, "tokens": 3,
                "dim": 4, "variance": 0.5},
    }  # fmt: skip
    folder.mkdir()
    write_card(folder, export_card(record, folder.name))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "\\x1b[31mred\\n# heading" in card
    assert "runs/" not in card
    assert "a\\|b\\udcff" in card
    assert "\\u202eevil.txt" in card
    assert not {"\x1b", "\u202e", "\udcff"} & set(card)
    assert "# line\\nbreak" in card
