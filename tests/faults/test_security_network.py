"""Without a hub id nothing is fetched and nothing is told to anybody."""

import os
import shutil
import subprocess
import sys

import pytest
from sentemb_cli.main import build
from typer.testing import CliRunner

from sentemb.bundled import bundled

PROGRAM = """
import os, socket, sys
attempts = []
def refuse(*given, **_):
    attempts.append(given[-1:])
    raise OSError("the network is down")
socket.getaddrinfo = socket.create_connection = refuse
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
from sentemb_cli.main import build
from typer.testing import CliRunner
for line in open("commands.txt"):
    words = line.split()
    result = CliRunner().invoke(build(words), words)
    if result.exit_code:
        print(line, result.exit_code, result.stderr)
print("attempts:", attempts)
print("telemetry:", os.environ["HF_HUB_DISABLE_TELEMETRY"], os.environ["DO_NOT_TRACK"])
"""
COMMANDS = """\
train --model small --max-steps 1 --batch-size 8 --data rows.txt --dev pairs.tsv -o trained
finetune --model small --data topics.tsv --dev topics.tsv --epochs 0.2 -o tuned
predict tuned texts.txt -o labels.jsonl
encode texts.txt --model trained
evaluate trained --sts pairs.tsv
evaluate small --pooling cls --sts pairs.tsv
export trained --static --sts pairs.tsv -o static
info trained
views word --model trained
check texts.txt topics.tsv --model trained
"""


@pytest.mark.wide
def test_local_work_needs_no_network(tmp_path):
    topics = bundled("topics.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "topics.tsv").write_text("".join(topics[:33]))
    rows = bundled("sentences.txt").read_text().splitlines(keepends=True)
    (tmp_path / "rows.txt").write_text("".join(rows[:24]))
    (tmp_path / "pairs.tsv").write_bytes(bundled("formats/graded.tsv").read_bytes())
    (tmp_path / "texts.txt").write_text("One sentence.\nAnother one.\n")
    shutil.copytree(bundled("mini"), tmp_path / "small")
    (tmp_path / "commands.txt").write_text(COMMANDS)
    online = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "DO_NOT_TRACK")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=online | {"HF_HOME": str(tmp_path / "hub"), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "attempts: []\ntelemetry: 1 1\n", done.stdout + done.stderr


def test_offline_is_said_before_a_library_is_imported(tmp_path):
    program = (
        "import os, sys\n"
        "from sentemb_cli.main import main\n"
        "sys.argv = ['sentemb', '--offline', 'evaluate', 'someone/model']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    print(end.code)\n"
        "import huggingface_hub\n"
        "print(huggingface_hub.constants.HF_HUB_OFFLINE)\n"
    )
    online = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=online | {"HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "3\nTrue\n", done.stderr
    assert "No model 'someone/model'" in done.stderr


def test_help_names_both_options():
    text = CliRunner().invoke(build(["--help"]), ["--help"]).stdout
    assert "--offline" in text
    assert "--trust-remote-code" in text
