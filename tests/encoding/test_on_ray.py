"""A cluster of one machine, where Ray is installed."""

import sys

import pytest

from sentemb.bundled import bundled
from sentemb.encoding import encode_file
from sentemb.encoding.on_ray import encode_on_ray
from sentemb.errors import UsageError
from sentemb.inference.torch_only import load_encoder


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r'pip install "ray'):
        encode_on_ray("mini-sentemb", bundled("sentences.txt"), tmp_path / "a.npy", 2)


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_the_file_is_that_of_one_run(sentences, tmp_path):
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    source = tmp_path / "texts.txt"
    source.write_text("".join(f"{number} {text}\n" for number in range(4) for text in sentences))
    texts = source.read_text().splitlines()
    encode_file(load_encoder("mini-sentemb"), texts, whole := tmp_path / "whole.npy")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        summary = encode_on_ray("mini-sentemb", source, tmp_path / "a.npy", 3)
        assert summary.rows == len(texts)
        assert (tmp_path / "a.npy").read_bytes() == whole.read_bytes()
        with pytest.raises(UsageError, match="exists"):
            encode_on_ray("mini-sentemb", source, tmp_path / "a.npy", 3)
    finally:
        ray.shutdown()
