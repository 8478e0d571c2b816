"""`sentemb index` and `sentemb search`: what they print, write and refuse."""

import json

import pytest

TABLE = "id\tlang\ttext\n1\ten\tA cat sleeps.\n2\ten\tA dog barks.\n3\tde\tDie Katze schläft.\n"


@pytest.fixture
def indexed(sentemb, tmp_path):
    (tmp_path / "a.tsv").write_text(TABLE)
    made = sentemb("index", "a.tsv", "-o", "a.index", "--json")
    assert json.loads(made.stdout)["texts"] == 3
    assert b"3 rows, 3 distinct texts" in made.stderr
    return sentemb


def test_search_prints_a_table(indexed):
    found = indexed("search", "cat", "a.index", "-k", 2)
    assert found.stdout.decode().splitlines()[0].split() == ["cat", "score", "count"]
    assert len(found.stdout.splitlines()) == 3


def test_search_prints_and_writes_rows(indexed, tmp_path):
    words = ("search", "cat", "dog", "a.index", "--where", "lang == 'en'")
    record = json.loads(indexed(*words, "--json").stdout)
    assert (record["schema"], len(record["hits"])) == ("sentemb.search/1", 4)
    streamed = [json.loads(line) for line in indexed(*words, "-o", "-").stdout.splitlines()]
    assert streamed == record["hits"]
    assert indexed(*words, "-o", "hits.csv").returncode == 0
    lines = (tmp_path / "hits.csv").read_text().splitlines()
    assert lines[0] == "query,rank,score,text,count,row,id,lang"
    assert len(lines) == 5
    assert indexed(*words, "-o", "hits.csv").returncode == 2
    assert indexed(*words, "-o", "hits.csv", "--overwrite").returncode == 0


def test_a_search_without_hits_is_an_empty_file(indexed, tmp_path):
    words = ("search", "cat", "a.index", "--min", "0.99999", "--where", "lang == 'de'")
    for name in ("b.csv", "b.jsonl", "b.tsv", "b.parquet"):
        assert indexed(*words, "-o", name).returncode == 0
        assert (tmp_path / name).exists()


def test_a_file_and_stdin_can_be_searched_and_indexed(sentemb, tmp_path):
    (tmp_path / "a.txt").write_text("A cat.\nA dog.\n")
    assert len(sentemb("search", "cat", "a.txt", "-o", "-").stdout.splitlines()) == 2
    assert sentemb("index", "-", "-o", "b.index", stdin="A cat.\n").returncode == 0
    assert sentemb("index", "a.txt", "-o", "b.index", "--add").returncode == 0
    (tmp_path / "q.txt").write_text("cat\ndog\n")
    found = sentemb("search", "--queries", "q.txt", "b.index", "-o", "-")
    assert [json.loads(line)["count"] for line in found.stdout.splitlines()].count(2) == 2


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["search", "a.index"], 2, "There is no query: give one before 'a.index'"),
        (["search", "q", "a.index", "-k", "9"], 2, "--k must be at most 3"),
        (["search", "q", "a.index", "--where", "lung == 1"], 2, "no column 'lung'"),
        (["search", "q", "a.index", "--min", "7"], 2, "--min-score must be a cosine"),
        (["search", "q", "a.index", "--queries", "a.tsv"], 2, "give one of them"),
        (["search", "q", "a.index", "-o", "a.xyz"], 2, "Cannot write 'a.xyz'"),
        (["search", "q", "absent.index"], 3, "No file 'absent.index'"),
        (["search", "q", "."], 3, "is not an index of sentemb"),
        (["index", "b.txt", "-o", "a.index"], 2, "add them with --add, or replace it with --over"),
        (["index", "b.txt", "-o", "c.index", "--method", "tree"], 2, "--method must be one of"),
        (["index", "-", "-o", "c.index", "--vectors", "a.npy"], 2, "name the file"),
        (["index", "b.txt", "-o", "c.index", "--add"], 2, "There is no index 'c.index' to add to"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(indexed, tmp_path, words, code, message):
    (tmp_path / "b.txt").write_text("Other.\n")
    before = sorted(tmp_path.rglob("*"))
    done = indexed(*words)
    assert (done.returncode, message in done.stderr.decode()) == (code, True), done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_score_and_mine_print_and_write_rows(sentemb, tmp_path):
    (tmp_path / "pairs.csv").write_text(
        "anchor,positive\na cat,my cat\na dog,my dog\na car,my car\n"
    )
    scored = [
        json.loads(line) for line in sentemb("score", "pairs.csv", "-o", "-").stdout.splitlines()
    ]
    assert list(scored[0]) == ["text1", "text2", "cosine", "probability", "energy", "percentile"]
    assert len(scored) == 3
    assert b"random pairs: " in sentemb("score", "pairs.csv").stdout
    mined = sentemb("mine", "pairs.csv", "--n", 2, "-o", "mined.csv")
    assert b"pairs_with_fewer" in mined.stderr
    lines = (tmp_path / "mined.csv").read_text().splitlines()
    assert lines[0] == "anchor,positive,negative,positive_score,negative_score"
    assert len(lines) == 7
    record = json.loads(sentemb("mine", "pairs.csv", "--relative-margin", 2, "--json").stdout)
    assert record["dropped"]["relative_margin"] == record["pairs"] * 2
    assert (record["negatives"], record["pairs_with_fewer"]) == (0, 3)
