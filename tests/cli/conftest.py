from dataclasses import dataclass

import pytest
from sentemb_cli.main import build
from typer.testing import CliRunner


@dataclass(frozen=True)
class Finished:
    returncode: int
    stdout: bytes
    stderr: bytes


@pytest.fixture
def sentemb(tmp_path, monkeypatch):
    """Run the command line in an empty folder, in this process; returns what it did."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*args, stdin=None):
        words = [str(arg) for arg in args]
        result = CliRunner().invoke(build(words), words, input=stdin)
        return Finished(result.exit_code, result.stdout_bytes, result.stderr_bytes)

    return run
