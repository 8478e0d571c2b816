"""The wheel holds everything, and works where the sources are not."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from sentemb.errors import install_command

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


@pytest.mark.wide
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


@pytest.mark.wide
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


def test_an_install_command_names_packages_that_any_pip_finds():
    """``sentemb[plot]`` would fail from a clone, as long as no index has sentemb."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra, packages in extras["optional-dependencies"].items():
        words = shlex.split(install_command(extra))
        assert words[:2] == ["pip", "install"]
        named = [re.split(r"[<>=]", word)[0] for word in words[2:]]
        assert named == [re.split(r"[<>=]", package)[0] for package in packages]
    sources = [*(ROOT / "sentemb").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
    assert [str(path) for path in sources if 'install "sentemb[' in path.read_text()] == []


def test_the_page_on_installing_names_every_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs/installing.md").read_text()
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(named) == sorted(extras["optional-dependencies"])


def test_classifiers_and_ci_name_the_same_versions_of_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert re.findall(r'"(3\.\d+)"', workflow) == named
    assert project["requires-python"] == f">={named[0]}"
