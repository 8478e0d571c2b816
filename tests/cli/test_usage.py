"""A mistake in a command line costs no import of torch, and is explained in the command's words."""

import json
import os
import shlex
import subprocess
import sys

import pytest
import torch

from sentemb.datasets import texts
from sentemb.errors import nearest

FILES = {
    "few.txt": "one\ntwo\nthree\n",
    "wrong.csv": "txet\nhello\n",
    "pairs.csv": "anchor,positive\na,b\nc,d\n",
    "full/thesis.txt": "mine",
    "file.txt": "x\n",
    "file.npy": "x",
    "taken.json": "{}",
    "taken.jsonl": "{}",
}
LINES = [
    ("train --method simcse", "Did you mean 'simcse-unsup' or 'simcse-sup'"),
    ("train --method moc", "Did you mean 'moco' or 'moco-v2' or 'moco-v3'?"),
    ("train --temperatur 1", "--temperature"),
    ("train --loss flatnse", "Did you mean 'flatnce'?"),
    ("train --loss infonce+flatnce:temprature=1", "'flatnce' has no option 'temprature'"),
    ("train --view shufle", "Did you mean 'shuffle'?"),
    ("train --view crop:0.1,length=3", "'crop' has no option 'length'"),
    ("train --view eda:0.1,synonyms=wordnett", "Did you mean 'wordnet'?"),
    ("train --pooling meen", "Did you mean 'mean'?"),
    ("train --precision fp8", "precision must be one of auto, fp32, bf16, fp16; got 'fp8'"),
    ("train --batch-size 1", "--batch-size must be at least 2, got 1."),
    ("train --seeds x", "--seeds takes"),
    ("train --matryoshka x", "--matryoshka takes"),
    ("train --data missing.txt", "No file 'missing.txt'"),
    ("train --data wrong.csv", "Did you mean 'txet'?"),
    ("train -m simcse-sup --data pairs.csv --columns a,b", "no column 'a'"),
    ("train --dev missing.tsv", "No file 'missing.tsv'"),
    ("train --dev wrong.csv", "no column 'sentence1'"),
    ("train --output full", "Output folder 'full' is not empty"),
    ("train --resume --overwrite", "give one of them"),
    ("train --method crop --rate 0.3 --view shuffle", "--rate has no effect beside --view"),
    ("train --temperature 0.2 --loss ntxent", "--temperature has no effect beside --loss"),
    ("train --method distill", "'distill' needs a teacher: give a bundled encoder, a folder, a"),
    ("train --method gist", "'gist' needs a teacher: give a bundled encoder, a folder, a"),
    ("train --method rankcse --teacher mini --second-teacher mimi", "Did you mean 'mini'?"),
    ("train --method distill --teacher mimi", "Did you mean 'mini'?"),
    ("train --method distill --teacher mini --match pcaa", "'pcaa' is not one of 'linear', 'pca'"),
    ("compare distill simcse-unsup", "'distill' needs a teacher"),
    ("finetune --data missing.tsv --dev missing.tsv", "No file 'missing.tsv'"),
    ("finetune --data pairs.csv --dev pairs.csv", "pairs.csv has the columns anchor, positive"),
    ("finetune --dev pairs.csv", "--dev is given without --data"),
    ("finetune --metric accuraci", "metric must be one of"),
    ("finetune -o full", "Output folder 'full' is not empty"),
    ("index missing.txt -o x.index", "No file 'missing.txt'"),
    ("index wrong.csv -o x.index", "Did you mean 'txet'?"),
    ("index few.txt -o x.index --method hnws", "Did you mean 'hnsw'?"),
    ("dedup missing.txt", "No file 'missing.txt'"),
    ("dedup few.txt --against wrong.csv", "Did you mean 'txet'?"),
    ("dedup few.txt --threshold 2", "--threshold must be a cosine from -1 to 1, got 2.0."),
    ("cluster wrong.csv", "Did you mean 'txet'?"),
    ("cluster few.txt --method communities --threshold taken.json", "is not a file that sentemb"),
    ("summarise few.txt --model mimi", "Did you mean 'mini'?"),
    ("calibrate missing.tsv", "No file 'missing.tsv'"),
    ("search few.txt", "There is no query"),
    ("search q missing.index", "No file 'missing.index'"),
    ("search q few.txt -o hits.doc", "Cannot write 'hits.doc'"),
    ("search few.txt --queries wrong.csv", "Did you mean 'txet'?"),
    ("mine few.txt", "needed are anchor, positive"),
    ("mine pairs.csv --n 0", "n must be at least 1"),
    ("mine pairs.csv --corpus wrong.csv", "Did you mean 'txet'?"),
    ("score few.txt", "few.txt has the columns text"),
    ("rerank pairs.csv --model mini --columns a,b", "has no column 'a'"),
    ("encode missing.txt", "No file 'missing.txt'"),
    ("encode wrong.csv", "Did you mean 'txet'?"),
    ("encode few.txt -o few.doc", "Cannot write 'few.doc'"),
    ("encode file.txt", "Output 'file.npy' exists"),
    ("encode few.txt --precision fp8", "precision must be one of fp32, fp16, bf16"),
    ("encode few.txt --errors ignore", "errors must be one of"),
    ("encode few.txt --empty drop", "empty must be one of"),
    ("encode few.txt --dims 0", "--dims must be at least 1, got 0."),
    ("encode few.txt --batch-size 0", "--batch-size must be at least 1, got 0."),
    ("encode few.txt --keep-columns", "A .npy file holds vectors alone"),
    ("encode few.txt --fast statc", "Unknown --fast 'statc'; allowed: static, int8."),
    ("encode few.txt --devices cpu,gpu", "--device must be cpu, cuda, cuda:N or mps, got 'gpu'"),
    ("encode few.txt --device gpu", "--device must be cpu, cuda, cuda:N or mps, got 'gpu'"),
    ("encode - -o a.npy --column x", "--column names a column of a file"),
    ("merge a.npy", "Found no shard beside 'a.npy'"),
    ("evaluate --suite stz", "Unknown suite 'stz'"),
    ("evaluate mini --sts missing.tsv", "No file 'missing.tsv'"),
    ("evaluate mini --sts wrong.csv", "no column 'sentence1'"),
    ("evaluate mini --pooling meen", "Did you mean 'mean'?"),
    ("evaluate mini -o taken.json", "Output 'taken.json' exists"),
    ("evaluate mini --device gpu", "--device must be cpu, cuda, cuda:N or mps, got 'gpu'"),
    ("evaluate mini --json --format csv", "--json is --format json, and --format csv is given"),
    ("compare moco --json --format csv", "--json is --format json, and --format csv is given"),
    ("study temperature --json --format csv", "--json is --format json"),
    ("push few.txt a/b/c", "repo must be user/name"),
    ("push nothing me/mine", "No folder 'nothing': push uploads a model of this machine."),
    ("analyze mini missing.txt", "No file 'missing.txt'"),
    ("analyze mini -o full", "Output folder 'full' is not empty"),
    ("analyze mini --labels wrong.csv", "wrong.csv has the columns txet"),
    ("export mini -o new", "Give one of --static and --int8"),
    ("export mini --static -o full", "Output folder 'full' is not empty"),
    ("export mini --static --texts wrong.csv -o new", "Did you mean 'txet'?"),
    ("export mini --static --column x -o new", "--column has no effect without --texts"),
    ("postprocess mini --whiten --column x -o new", "--column has no effect without --data"),
    ("analyze mini --column x", "--column has no effect without a FILE"),
    ("evaluate mini --overwrite", "--overwrite has no effect without --output"),
    ("encode few.txt -o - --overwrite", "--overwrite has no effect without an output file"),
    ("train --allow-changed data", "--allow-changed has no effect without --resume"),
    ("train --seed 7 --seeds 0-1", "--seed has no effect beside --seeds"),
    ("finetune --seed 7 --seeds 0-1", "--seed has no effect beside --seeds"),
    ("finetune --supcon-temperature 0.1", "--supcon-temperature has no effect without --supcon"),
    ("finetune --contrast-temperature 1", "has no effect without --contrast"),
    ("predict mini missing.txt", "No file 'missing.txt'"),
    ("predict mini few.txt -o a.xlsx", "Cannot write 'a.xlsx': give a file ending in .jsonl, .csv"),
    ("predict mini few.txt --json", "--json and -o - both want stdout"),
    ("predict mini few.txt --plot a.txt", "Cannot draw 'a.txt': give .png, .pdf or .svg."),
    ("predict mini few.txt --plot taken.json", "Cannot draw 'taken.json'"),
    ("predict mini few.txt --device gpu", "--device must be cpu, cuda, cuda:N or mps"),
    ("predict mini few.txt -o taken.jsonl", "Output 'taken.jsonl' exists"),
    ("study temprature", "Did you mean 'temperature'?"),
    ("study temperature --loss nope", "Unknown loss 'nope'"),
    ("study temperature -o full", "'full' is not empty"),
    ("sweep --search temprature=0.1..1", "Did you mean 'temperature'?"),
    ("compare simcse-unsup simsce", "Unknown method or model 'simsce'"),
    ("postprocess mini -o new", "Give one of --whiten and --remove-top"),
    ("postprocess mini --whiten --data missing.txt -o new", "No file 'missing.txt'"),
    ("check missing.txt", "No file 'missing.txt'"),
    ("check few.txt --columns txet", "no column 'txet'"),
    ("views x --view croop", "Did you mean 'crop'?"),
    *((line, "No model './nope'") for line in [
        "train --model ./nope", "finetune --model ./nope -o new", "encode few.txt --model ./nope",
        "evaluate ./nope", "analyze ./nope", "export ./nope --static -o new",
        "postprocess ./nope --whiten -o new", "predict ./nope few.txt", "info ./nope",
        "check few.txt --model ./nope", "study temperature --model ./nope",
        "sweep --search temperature=0.1..1 --model ./nope", "compare simcse-unsup ./nope",
    ]),
    ("encode few.txt --model minii", "Did you mean 'mini'?"),
]  # fmt: skip
CHILD = """
import contextlib, io, json, os, shlex, sys
from typer.testing import CliRunner
from sentemb_cli.main import build
for line in json.load(sys.stdin):
    words = shlex.split(line)
    result = CliRunner().invoke(build(words), words)
    heavy = sorted({"torch", "transformers", "datasets", "scipy.stats"} & set(sys.modules))
    print(json.dumps([line, result.exit_code, result.stdout, result.stderr, heavy]))
    if heavy:
        break
"""


@pytest.mark.wide
def test_a_mistake_is_found_before_torch_is_imported(tmp_path):
    """One process for all lines, as none of them may import what the next could then use."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps([line for line, _ in LINES]),
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for (line, code, stdout, stderr, heavy), (_, message) in zip(found, LINES, strict=False):
        assert (line, heavy) == (line, [])
        assert code in (2, 3), (line, stderr)
        assert message in stderr, line
        assert stdout == "", line
    assert len(found) == len(LINES), done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.sampled
@pytest.mark.parametrize("module", ["matplotlib", "onnx", "optuna"])
def test_a_missing_extra_is_named_before_torch_is_imported(tmp_path, module):
    lines = {
        "matplotlib": "analyze mini -o new",
        "onnx": "export mini --int8 -o new",
        "optuna": "sweep --search temperature=0.01..0.5",
    }
    code = f"""
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == {module!r} else find(name, *rest)
sys.argv = ["sentemb", *{shlex.split(lines[module])!r}]
from sentemb_cli.main import main
try:
    main()
finally:
    print("torch" in sys.modules)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "False\n"), done.stderr
    assert 'pip install "' in done.stderr


def test_names_that_begin_with_what_was_typed():
    methods = ["simcse-unsup", "simcse-sup", "moco", "moco-v2"]
    assert nearest("simcse", methods) == " Did you mean 'simcse-unsup' or 'simcse-sup'?"
    assert nearest("SimCSE-S", methods) == " Did you mean 'simcse-sup'?"
    assert nearest("moca", methods) == " Did you mean 'moco'?"
    assert nearest("", methods) == ""
    assert nearest("a", [f"a{number}" for number in range(9)]).count("'") <= 2


@pytest.mark.parametrize(("rows", "counted"), [(3, 5), (5, 3), (3, 3)])
def test_a_file_that_changes_between_its_two_reads(rows, counted, caplog):
    from sentemb.errors import InputError

    kept = texts.as_counted(iter(["a"] * rows), counted, "a.txt")
    if rows < counted:
        message = (
            "a.txt became shorter while it was read: 5 rows were counted, and then there were 3"
        )
        with pytest.raises(InputError, match=message):
            list(kept)
        return
    with caplog.at_level("WARNING"):
        assert len(list(kept)) == rows
    assert ("grew while it was read" in caplog.text) == (rows > counted)


def test_a_file_cut_while_it_is_encoded_is_an_error(sentemb, tmp_path, monkeypatch):
    from sentemb.encoding import windows

    monkeypatch.setattr(windows, "ROWS", 4)
    path = tmp_path / "a.txt"
    path.write_text("".join(f"row {i}\n" for i in range(20)))
    counted, read = texts.as_counted, []

    def cutting(texts, total, source):
        if not read:
            path.write_text("".join(f"row {i}\n" for i in range(10)))
        read.append(total)
        return counted(iter([f"row {i}" for i in range(10)]), total, source)

    monkeypatch.setattr(texts, "as_counted", cutting)
    done = sentemb("encode", "a.txt")
    assert done.returncode == 3
    assert b"20 rows were counted, and then there were 10" in done.stderr
    assert not (tmp_path / "a.npy").exists()
    done = sentemb("encode", "a.txt", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert (summary["rows"], summary["kept_rows"]) == (10, 8)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes in fp16")
def test_half_precision_needs_a_gpu_as_it_does_in_training(sentemb, tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    done = sentemb("encode", "a.txt", "--precision", "fp16")
    assert done.returncode == 2
    assert b"precision fp16 needs a CUDA GPU" in done.stderr
    assert b"--precision fp16" in done.stderr
