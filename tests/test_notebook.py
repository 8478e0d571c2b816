"""The notebook runs: its code in this process, with tiny encoders; as it is, in a kernel."""

import json
import os
from pathlib import Path

import matplotlib.pyplot
import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples/first_steps.ipynb"


def test_its_code_runs(few_bundled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(matplotlib.pyplot, "show", matplotlib.pyplot.close)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    names = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            lines = [line for line in cell["source"] if not line.startswith("%")]
            code = "".join(lines).replace("max_steps=60", "max_steps=1")
            exec(compile(code, NOTEBOOK.name, "exec"), names)  # noqa: S102
    assert names["run"].steps == 1
    assert len(names["vectors"]) == len(names["corpus"])


def test_what_it_shows_names_no_folder_of_a_machine():
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            assert "/tmp/" not in "".join(output.get("data", {}).get("text/plain", []))  # noqa: S108
            assert "/tmp/" not in "".join(output.get("text", []))  # noqa: S108


@pytest.mark.long
def test_it_runs_in_a_kernel(tmp_path, monkeypatch):
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    notebook = nbformat.read(NOTEBOOK, 4)
    resources = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, timeout=600, resources=resources).execute()
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2
