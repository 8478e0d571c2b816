"""The wheel holds everything, and works where the sources are not."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("setuptools", minversion="77", reason="setuptools 77 builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    subprocess.run(["git", "clone", "-q", ROOT, source], check=True) if (
        ROOT / ".git"
    ).exists() else pytest.skip("no git checkout")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", folder, source], check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_packages_and_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "sentemb", "cli", "data"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    renamed = {"cli": "sentemb_cli", "data": "sentemb_data", "sentemb": "sentemb"}
    expected = {renamed[p.split("/", 1)[0]] + "/" + p.split("/", 1)[1] for p in tracked}
    assert expected - names == set()
    assert {name.split("/")[0] for name in names} == {
        "sentemb", "sentemb_cli", "sentemb_data", "sentemb-0.1.0.dist-info",
    }  # fmt: skip


def test_the_wheel_works_elsewhere(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "file.txt").write_text("One sentence.\n")
    code = "from sentemb_cli.main import main; main()"
    process = subprocess.run(
        [sys.executable, "-c", code, "encode", "file.txt"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()
    assert (tmp_path / "file.npy").exists()
