"""32 probe texts: an exported folder gives the vectors that its exporter had."""

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from sentemb import build_encoder, load, read_sts
from sentemb.bundled import bundled
from sentemb.errors import InputError
from sentemb.inference.export import export_int8, export_static
from sentemb.inference.int8 import Int8Encoder
from sentemb.inference.quantise import quantise
from sentemb.inference.static import distil


@pytest.fixture(scope="module")
def probes(sentences):
    return [*sentences[:28], "☃ unheard-of: zyxwv", "GUITAR guitar", "a", " ".join(sentences[:40])]


@pytest.fixture(scope="module")
def graded():
    return read_sts(bundled("formats/graded.tsv"))


def distances(a, b):
    return 1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_a_static_folder_gives_the_vectors_that_were_distilled(tmp_path, graded, probes):
    made = distil(build_encoder("mini-sentemb", device="cpu"), 64)
    export_static("mini-sentemb", tmp_path / "static", graded, dim=64)
    tokens = [text.ids for text in made.tokenizer.encode_batch(probes)]
    expected = np.stack([made.vectors[ids].mean(0) for ids in tokens])
    for loaded in (
        SentenceTransformer(str(tmp_path / "static"), device="cpu"),
        load(tmp_path / "static"),
    ):
        assert distances(loaded.encode(probes), expected).max() <= 1e-5


@pytest.mark.long
@pytest.mark.parametrize("name", ["mini", "mini-sentemb"])
def test_an_int8_folder_is_near_the_encoder(name, tmp_path, graded, probes, all_bundled):
    for module in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(module, reason="the extra int8 is not installed")
    export_int8(name, tmp_path / "int8", graded)
    encoder, expected = Int8Encoder(tmp_path / "int8", threads=1), build_encoder(name, device="cpu")
    assert distances(encoder.encode(probes), expected.encode(probes)).max() <= 1e-2


@pytest.mark.long
def test_an_int8_folder_cuts_texts_on_the_encoder_s_side(tmp_path, sentences):
    for module in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(module, reason="the extra int8 is not installed")
    encoder = build_encoder("mini-sentemb", device="cpu")
    encoder.tokenizer.truncation_side = "left"
    quantise(encoder, tmp_path)
    long = [" ".join(sentences[start : start + 40]) for start in (0, 40)]
    found = Int8Encoder(tmp_path, threads=1).encode(long)
    assert distances(found, encoder.encode(long)).max() <= 1e-2


@pytest.mark.parametrize("location", ["/etc/hostname", "../elsewhere.bin"])
def test_an_onnx_file_reads_no_other_file(tmp_path, location):
    onnx = pytest.importorskip("onnx", reason="the extra int8 is not installed")
    pytest.importorskip("onnxruntime", reason="the extra int8 is not installed")
    (tmp_path / "elsewhere.bin").write_bytes(b"A" * 64)
    (tmp_path / "int8").mkdir()
    outside = onnx.TensorProto(name="w", data_type=1, dims=[1], data_location="EXTERNAL")
    outside.external_data.add(key="location", value=location)
    outside.external_data.add(key="length", value="4")
    value = onnx.helper.make_tensor_value_info("sentence_embedding", 1, [1])
    node = onnx.helper.make_node("Identity", ["w"], ["sentence_embedding"])
    graph = onnx.helper.make_graph([node], "g", [], [value], [outside])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    (tmp_path / "int8/model_int8.onnx").write_bytes(model.SerializeToString())
    tokenizer = Tokenizer.from_file(str(bundled("mini/tokenizer.json")))
    tokenizer.enable_padding()
    tokenizer.save(str(tmp_path / "int8/tokenizer.json"))
    with pytest.raises(InputError, match="xternal data path"):
        Int8Encoder(tmp_path / "int8")
