"""Streams that are closed or full, and an interrupt before anything is imported."""

import shlex
import subprocess
import sys

import pytest

LONG = pytest.mark.long
SENTEMB = shlex.join([sys.executable, "-m", "sentemb_cli"])


def shell(line, folder):
    (folder / "few.txt").write_text("one\ntwo\nthree\n")
    command = ["bash", "-c", line.replace("sentemb", SENTEMB, 1)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.wide
@pytest.mark.parametrize(
    "closed",
    [
        "<&- >&- 2>&-",
        *(pytest.param(one, marks=pytest.mark.long) for one in (">&-", "2>&-", "<&-")),
    ],
)
def test_a_file_is_encoded_whatever_is_closed(tmp_path, closed):
    done = shell(f"sentemb encode few.txt {closed}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "few.npy").stat().st_size == 128 + 3 * 192 * 4
    assert "Traceback" not in done.stderr


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sentemb views >&-", "stdout, which this command needs, is closed"),
        ("sentemb --help >&-", "is closed"),
        ("sentemb merge --help >/dev/full", "No space left on device"),
        ("sentemb encode few.txt -o - >/dev/full", "No space left on device"),
        pytest.param("sentemb views --json >/dev/full", "No space left on device", marks=LONG),
        pytest.param(
            "sentemb encode - -o a.npy <&-",
            "stdin or stdout, which this command needs, is closed",
            marks=LONG,
        ),
    ],
)
def test_a_stream_that_is_needed(tmp_path, line, message):
    done = shell(line, tmp_path)
    assert done.returncode == 4, done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("code", [3, 4])
def test_an_error_keeps_its_code_without_stderr(tmp_path, code):
    line = {3: "sentemb merge a.npy 2>&-", 4: "sentemb views >/dev/full 2>&-"}[code]
    assert shell(line, tmp_path).returncode == code


@pytest.mark.parametrize("module", ["typer", "sentemb_cli.main", "sentemb_cli.commands.sweep"])
def test_an_interrupt_while_it_starts_is_one_line(module):
    code = f"""
import sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
sys.argv = ["sentemb", "info"]
from sentemb_cli.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


def test_an_interrupt_while_arguments_are_read_is_one_line(monkeypatch, capsys):
    from sentemb_cli import main

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(main.TyperGroup, "make_context", interrupted)
    monkeypatch.setattr(sys, "argv", ["sentemb", "views"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert (ended.value.code, capsys.readouterr().err) == (130, "error: interrupted\n")
