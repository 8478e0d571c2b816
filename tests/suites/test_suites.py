"""Suites: the numbers known of all-MiniLM-L6-v2, the files as they come, what is missing."""

import pytest

from sentemb.encoders import build_encoder
from sentemb.errors import InputError
from sentemb.evaluation.cache import EncodeCache
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from sentemb.suites import SUITES, read_suite
from sentemb.suites.catalogue import BUNDLED_SUITES

KNOWN = {  # METHODS: two independent implementations, and in part MTEB's published ones
    "STS12": (72.37, 70.00, 71.06),
    "STS13": (80.60, 74.46, 78.97),
    "STS14": (75.59, 75.93, 77.22),
    "STS15": (85.39, 83.40, 83.84),
    "STS16": (78.99, 81.32, 81.21),
    "STS-B": (82.03,),
    "SICK-R": (77.15,),
}
ROWS = {"STS12": 3108, "STS13": 1500, "STS14": 3750, "STS15": 3000, "STS16": 1186} | {
    "STS-B": 1379, "SICK-R": 4927, "CR": 3775, "SST2": 60614, "TREC": 5452, "MRPC": 4076,
    "TREC-6": 5952, "LCQMC dev": 8802, "AFQMC dev": 4316, "PAWS-X zh dev": 2000,
    "STS-B zh dev": 1458, "CISI": 112, "TREC-QA": 81,
}  # fmt: skip


def rows(task):
    for name in ("scores", "queries", "labels"):
        if hasattr(task, name):
            return len(getattr(task, name))
    return len(task.train.labels)


@pytest.mark.sampled
@pytest.mark.parametrize("name", [name for name in SUITES if name not in BUNDLED_SUITES])
def test_every_row_is_read(shared, name):
    suite = read_suite(name, SUITES[name], shared("sts").parent)
    assert {one.task.name: rows(one.task) for one in suite.tasks} == {
        one.task.name: ROWS[one.task.name] for one in suite.tasks
    }
    assert suite.missing == "" or suite.missing.count("get from") == 1
    assert all(path.is_file() for one in suite.tasks for path in one.files)


@pytest.mark.long
def test_all_aggregations_of_minilm_are_the_known_ones(shared, minilm):
    suite = read_suite("sts", SUITES["sts"], shared("sts").parent)
    found = {}
    with Embedder(load_encoder(str(minilm))) as embedder:
        encode = EncodeCache(embedder.encode)
        for one in suite.tasks:
            numbers = one.task(encode)
            names = ("spearman", "spearman_mean", "spearman_wmean")
            found[one.task.name] = tuple(numbers[name] for name in names if name in numbers)
    for name, known in KNOWN.items():
        assert found[name] == pytest.approx(known, abs=0.02), name


def test_what_stands_in_is_said(shared):
    suite = read_suite("transfer", SUITES["transfer"], shared("cls/glue").parent.parent)
    notes = {one.task.name: one.note for one in suite.tasks}
    assert notes["SST2"].startswith("SST2 is GLUE's: its dev set is scored")
    assert notes["MRPC"].startswith("MRPC is its training rows")
    assert notes["CR"] == notes["TREC"] == ""


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_sentevals_own_folder_is_one(tmp_path):
    texts = b"".join(b"text number %d caf\xe9\n" % i for i in range(15))
    write(tmp_path, {"MR/rt-polarity.neg": texts, "MR/rt-polarity.pos": b"good one\n" * 14 + b"\n"})
    suite = read_suite("transfer", SUITES["transfer"], tmp_path)
    (one,) = suite.tasks
    assert (one.task.name, rows(one.task)) == ("MR", 30)
    assert one.task.train.texts[0] == "text number 0 café"
    assert one.task.train.texts[-1] == "."
    assert "no CR (CR/custrev.neg, …), SUBJ" in suite.missing


def test_all_of_sst2_is_read_where_it_is(tmp_path):
    lines = b"a fine film\t1\nno film\t0\n" * 12
    write(tmp_path, {f"SST/binary/sentiment-{split}": lines for split in ("train", "dev", "test")})
    (one,) = read_suite("transfer", SUITES["transfer"], tmp_path).tasks
    assert one.note == ""
    assert len(one.task.test.labels) == 24


def test_a_missing_suite_says_which_files_and_where_to_get_them(tmp_path):
    with pytest.raises(InputError) as caught:
        read_suite("pairs", SUITES["pairs"], tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("LCQMC dev (zh/lcqmc.dev.tsv): get from http", "AFQMC", "PAWS-X", "paws"):
        assert part in message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("zh/stsb_zh.dev.tsv", b"a\tb\t1\nc\td\n", "row 2: 2 tab-separated fields where 3"),
        ("zh/stsb_zh.dev.tsv", b"a\tb\t1\nc\td\tx\n", "row 2: score 'x' is not a finite number"),
        ("zh/stsb_zh.dev.tsv", b"a\tb\t1\nc\td\t1\n", "all 2 scores are 1"),
    ],
)
def test_a_bad_row_is_named(tmp_path, name, content, message):
    write(tmp_path, {name: content})
    with pytest.raises(InputError, match=message):
        read_suite("sts-zh", SUITES["sts-zh"], tmp_path)


def test_scores_that_are_fewer_than_pairs_are_an_error(tmp_path):
    files = dict.fromkeys(SUITES["sts"][1].files, b"a b\tc d\ne\tf\n")
    write(tmp_path, files | {name: b"1\n" for name in files if ".gs." in name})
    with pytest.raises(InputError, match=r"has 2 rows and .* 1: they must be of one length"):
        read_suite("sts", SUITES["sts"], tmp_path)


def test_trec_without_a_label_names_the_row(tmp_path):
    write(
        tmp_path,
        {"TREC/train_5500.label": b"DESC:x What ?\nhello\n", "TREC/TREC_10.label": b"A:b c\n"},
    )
    with pytest.raises(InputError, match=r"row 2: 'hello' is not a 'LABEL:sub question'"):
        read_suite("clustering", SUITES["clustering"], tmp_path)


def test_the_encoder_may_be_any(shared):
    suite = read_suite("sts-zh", SUITES["sts-zh"], shared("zh").parent)
    encoder = build_encoder("mini", device="cpu")
    assert -100 < suite.tasks[0].task(encoder.encode)["spearman"] < 100
