"""`sentemb evaluate` beyond graded pairs: kinds of files, several models, seeds, results."""

import hashlib
import json
import re
import shutil

import pytest

from sentemb.bundled import bundled
from sentemb.suites import SUITES

GRADED = "sentence1\tsentence2\tscore\na b\ta c\t1\nd e\td e\t5\nf g\th i\t0\nk l\tk m\t3\n"
FILES = {
    "graded.tsv": GRADED,
    "constant.tsv": GRADED.replace("\t5", "\t1").replace("\t0", "\t1").replace("\t3", "\t1"),
    "pairs.tsv": "sentence1\tsentence2\tlabel\na b\ta c\t1\nd e\td e\t0\n",
    "one.tsv": "sentence1\tsentence2\tlabel\na b\ta c\t1\nd e\td e\t1\n",
    "two.tsv": "sentence1\tsentence2\tlabel\na b\ta c\t1\nd e\td e\t2\n",
    "same.tsv": "text\tlabel\na\tx\nb\tx\n",
    "unlabelled.tsv": "text\tlabel\na\t-1\nb\t\n",
    "beir/corpus.jsonl": '{"_id": "d1", "text": "one"}\n{"_id": "d2", "text": "two"}\n',
    "beir/queries.jsonl": '{"_id": "q1", "text": "one"}\n',
    "beir/qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    "unknown/corpus.jsonl": '{"_id": "d1", "text": "one"}\n',
    "unknown/queries.jsonl": '{"_id": "q1", "text": "one"}\n',
    "unknown/qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td8\t0\nq1\td9\t1\n",
    "quora/corpus.jsonl": '{"_id": "1", "text": "one"}\n{"_id": "2", "text": "one more"}\n',
    "quora/queries.jsonl": '{"_id": "1", "text": "one"}\n',
    "quora/qrels/test.tsv": "query-id\tcorpus-id\tscore\n1\t2\t1\n1\t9\t1\n",
    "empty/corpus.jsonl": "",
    "empty/queries.jsonl": '{"_id": "q1", "text": "one"}\n',
    "empty/qrels/test.tsv": "query-id\tcorpus-id\tscore\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("SENTEMB_DATA", raising=False)
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process.stdout.decode()


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("mini --suite stss", 2, "Unknown suite 'stss'; allowed: sts, sts-zh, transfer"),
        ("mini --suite sts", 3, "give --data-folder, or set SENTEMB_DATA. Its files are STS12 ("),
        ("mini --suite pairs --data-folder .", 3, "get from http"),
        (
            "mini --suite sts --data-folder nowhere",
            3,
            "No folder 'nowhere' for the files of",
        ),
        ("mini --sts constant.tsv", 3, "all 4 scores are 1"),
        ("mini --pairs one.tsv", 3, "all 2 pairs are of one class"),
        ("mini --pairs two.tsv", 3, "row 3: label '2'; for pairs it must be 1"),
        ("mini --transfer same.tsv", 3, "all 2 rows have one label"),
        ("mini --clustering same.tsv", 3, "all 2 texts have one label"),
        ("mini --clustering unlabelled.tsv", 3, "(row 2 has no label)"),
        ("mini --clustering graded.tsv", 3, "no column 'text'"),
        ("mini --retrieval unknown", 3, "row 2: no document has the id 'd8'; there are 1"),
        ("mini --retrieval quora --identical-ids no", 2, "'no'; allowed: auto, drop, keep"),
        ("mini --retrieval empty", 3, "the corpus is empty"),
        ("mini --retrieval nowhere", 3, "nowhere"),
        ("mini --sts graded.tsv --pairs pairs.tsv same.tsv", 2, "name the kind of data"),
        ("mini mini", 2, "'mini' is named twice"),
        ("mini -o no/where.json", 2, "No folder 'no'"),
        ("mini -o graded.tsv", 2, "exists: give another --output, or --overwrite"),
    ],
)
def test_each_mistake_is_one_clear_line(sentemb, folder, command, code, message):
    process = sentemb("evaluate", *command.split())
    stderr = process.stderr.decode()
    assert (process.returncode, stderr.count("error:")) == (code, 1), stderr
    (line,) = [line for line in stderr.splitlines() if "error:" in line]
    assert message in line
    assert process.stdout == b""


def test_every_kind_of_file_has_its_table(sentemb, folder, monkeypatch):
    monkeypatch.setattr("sentemb.evaluation.transfer.FOLDS", 3)  # ten of ten take long
    (folder / "topics.tsv").write_bytes(bundled("topics.tsv").read_bytes())
    texts = ("The dog sleeps on the rug", "Share prices fell again")
    rows = "".join(f"{texts[i % 2]}, {i}\t{'ab'[i % 2]}\n" for i in range(24))
    (folder / "ab.tsv").write_text(f"text\tlabel\n{rows}")
    stdout = ok(
        sentemb("evaluate", "mini-sentemb", "--sts", "graded.tsv", "--pairs", "pairs.tsv",
                "--retrieval", "beir", "--clustering", "topics.tsv", "--transfer", "ab.tsv")
    )  # fmt: skip
    assert re.search(r"^graded +4 +-?\d", stdout, re.M)
    assert re.search(r"^mini-sentemb +pairs +ap +accuracy +f1$", stdout, re.M)
    assert re.search(r"^beir +1 +100.00 +100.00 +100.00 +100.00$", stdout, re.M)
    assert re.search(r"^mini-sentemb +texts +v measure$", stdout, re.M)
    assert re.search(r"^mini-sentemb +rows +accuracy$", stdout, re.M)
    assert "labels seen by mini-sentemb: cosent on mixed_tagged (labels)" in stdout


def test_a_document_that_is_the_query_is_not_ranked_and_the_output_says_so(sentemb, folder):
    """BEIR's rule by default; either can be asked for."""
    found = {}
    for words in ((), ("--identical-ids", "drop"), ("--identical-ids", "keep")):
        process = sentemb("evaluate", "mini", "--retrieval", "quora", "--json", *words)
        results = json.loads(ok(process))
        task = next(one for one in results["tasks"] if one["name"] == "quora")
        assert "judgements of documents that the corpus lacks: 1" in task["note"]
        assert ("for 1 of 1 queries" in task["note"]) == ("keep" not in words)
        assert task["note"] in process.stderr.decode()
        found[words] = results["results"]["quora"]["mrr@10"]
    assert [*found.values()] == [100, 100, 50]


def test_several_models_stand_side_by_side(sentemb, folder, all_bundled):
    stdout = ok(sentemb("evaluate", "mini", "mini-sentemb"))
    header, row, *_ = stdout.splitlines()
    assert header.split() == ["mini", "mini-sentemb"]
    first, second = map(float, row.split()[2:])
    found = re.search(r"^graded spearman +(\S+) +(\S+) to (\S+) +(\S+)$", stdout, re.M)
    difference, low, high, p = map(float, found.groups())
    assert difference == pytest.approx(second - first, abs=0.011)
    assert low < difference < high
    assert 0 < p < 0.05
    assert (
        "labels seen by mini: those of its teacher sentence-transformers/all-MiniLM-L6-v2" in stdout
    )


@pytest.mark.long
@pytest.mark.parametrize("style", ["csv", "table", "markdown", "latex", "json"])
def test_models_are_rows_in_every_format(sentemb, folder, all_bundled, style):
    shutil.copy(bundled("graded.tsv"), folder / "other.tsv")
    words = ("mini", "mini-sentemb", "--sts", bundled("graded.tsv"), "other.tsv")
    process = sentemb("evaluate", *words, "--format", style)
    stdout = ok(process)
    if style == "json":
        assert [one["model"] for one in json.loads(stdout)["models"]] == ["mini", "mini-sentemb"]
        return
    start = {"table": "model ", "markdown": "| model | ", "latex": "\\begin{tabular}{lrrrrr}\n"}
    assert stdout.startswith(start.get(style, "model,graded,other,average spearman,95 % low"))
    assert stdout.count("mini") == 2
    assert stdout.count("mini-sentemb") == 1
    assert b"labels seen by mini: those of its teacher" in process.stderr
    if style == "csv":
        first, second = ([*map(float, row.split(",")[1:])] for row in stdout.splitlines()[1:])
        assert first[0] == first[1] == pytest.approx(first[2])
        assert first[3] < first[2] < first[4] < second[4]


def test_numbers_of_different_kinds_and_parts_of_a_suite_have_no_average(sentemb, folder):
    stdout = ok(sentemb("evaluate", "mini", "--sts", "graded.tsv", "--pairs", "pairs.tsv",
                        "--format", "csv"))  # fmt: skip
    assert stdout.splitlines()[0] == "model,graded spearman,pairs ap"


def test_two_formats_are_one_too_many(sentemb, folder):
    process = sentemb("evaluate", "mini", "--json", "--format", "csv")
    assert process.returncode == 2
    assert b"--json is --format json, and --format csv is given: give one." in process.stderr
    assert b"is not one of 'table'" in sentemb("evaluate", "--format", "xls").stderr


@pytest.fixture
def seeds(folder):
    """What `sentemb train --seeds` leaves, but for two models that differ on purpose."""
    for seed, model in ((0, "mini"), (10, "mini-sentemb")):
        shutil.copytree(bundled(model), folder / f"x/seed-{seed}")
    (folder / "x/seeds.json").write_text("{}")
    return folder


@pytest.mark.parametrize("words", [["x"], ["x/seed-0", "x/seed-10"]])
def test_seeds_are_a_mean_and_a_deviation(sentemb, seeds, words):
    stdout = ok(sentemb("evaluate", *words, "-o", "r.json"))
    assert re.search(r"^x \(2 seeds\) +pairs +spearman", stdout, re.M)
    results = json.loads((seeds / "r.json").read_text())
    (model,) = results["models"]
    each = [seed["graded"]["spearman"] for seed in model["seeds"].values()]
    mean, deviation = sum(each) / 2, abs(each[0] - each[1]) / 2**0.5
    assert model["results"]["graded"]["spearman"] == pytest.approx(mean)
    assert f"{mean:.2f} ± {deviation:.2f}" in stdout


def test_a_single_seed_is_a_model(sentemb, seeds):
    assert "x/seed-0  pairs" in ok(sentemb("evaluate", "x/seed-0"))


def test_the_results_name_data_and_versions(sentemb, folder):
    printed = json.loads(
        ok(sentemb("evaluate", "mini", "--sts", "graded.tsv", "--retrieval", "beir", "-o",
                   "r.json", "--json"))
    )  # fmt: skip
    written = json.loads((folder / "r.json").read_text())
    assert written == printed
    assert written["schema"] == "sentemb.evaluate/1"
    assert {"sentemb", "torch", "scikit-learn", "numpy"} <= set(written["versions"])
    tasks = {task["name"]: task for task in written["tasks"]}
    assert tasks["graded"]["rows"] == 4
    assert tasks["graded"]["files"] == [
        {"path": "graded.tsv", "sha256": hashlib.sha256(GRADED.encode()).hexdigest()}
    ]
    assert [file["path"] for file in tasks["beir"]["files"]] == [
        "beir/corpus.jsonl", "beir/queries.jsonl", "beir/qrels/test.tsv",
    ]  # fmt: skip
    assert set(written["results"]) == {"graded", "beir"}
    assert not list(folder.glob("*.partial"))


@pytest.fixture
def few_sts(tmp_path):
    """SentEval's folder with four pairs of each set."""
    pairs = ["a b\ta c", "d e\td e", "f g\th i", "k l\tk m"]
    for name in (name for source in SUITES["sts"] for name in source.files):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        lines = pairs if "input" in name else ["1", "5", "0", ""]
        if "sts-test" in name:
            lines = [f"g\tf\ty\t1\t{i}\t{pair}" for i, pair in enumerate(pairs)]
        if "SICK" in name:
            lines = ["pair_ID\t…\t…\t…", *(f"1\t{pair}\t{i}" for i, pair in enumerate(pairs))]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.wide
def test_a_suite_has_an_average_and_a_warning_where_labels_overlap(sentemb, few_sts):
    shutil.copytree(bundled("mini-sentemb"), few_sts / "on-stsb")
    columns = ["sentence1", "sentence2", "label"]
    data = {"source": "STSB.train.tsv", "columns": columns}
    record = {"method": "cosent", "model": "mini", "data": data}
    (few_sts / "on-stsb/run.json").write_text(json.dumps(record))
    process = sentemb("evaluate", "on-stsb", "--suite", "sts", "--data-folder", ".")
    stdout = ok(process)
    assert re.search(r"^on-stsb +pairs +spearman +spearman mean +spearman wmean +pearson", stdout)
    found = re.findall(r"^(STS1\d|STS-B|SICK-R) +[\d,]+ +(-?\d+\.\d+)", stdout, re.M)
    assert len(found) == 7
    mean = sum(float(score) for _, score in found) / 7
    average = float(re.search(r"^sts average +(-?\d+\.\d+)$", stdout, re.M)[1])
    assert average == pytest.approx(mean, abs=0.01)
    words = ("evaluate", "on-stsb", "--suite", "sts", "--data-folder", ".", "--format", "csv")
    header, row = ok(sentemb(*words)).splitlines()
    assert float(row.split(",")[header.split(",").index("average spearman")]) == pytest.approx(
        average, abs=0.01
    )
    shutil.rmtree(few_sts / "SICK")
    assert "average" not in ok(sentemb(*words))
    assert "warning: on-stsb was trained on scores of STSB.train.tsv: STS12, STS13" in stdout
    assert b"STS12: 5 rows without a score left out" in process.stderr
