"""An encoder into 8-bit integers, as an ONNX file."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from sentemb.encoders.lora import save_merged
from sentemb.encoders.prompts import leaves_prompt_out, prompt_names
from sentemb.encoders.truncating import truncating
from sentemb.errors import InputError
from sentemb.inference.capabilities import LONG
from sentemb.inference.int8 import MODEL, OUTPUT, extra, inputs_of, session_of
from sentemb.types import Embeddings, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TOLERANCE = 1e-3
"""How far the graph's vectors may be from the encoder's, before it is quantised; relative."""
SAMPLES = ["", "A man is playing the guitar.", LONG]
"""What the graph is traced with, and compared on: nothing, a sentence, a long text."""


def quantise(encoder: "SentenceTransformer", folder: Path) -> None:
    r"""Write an encoder into a folder as an ONNX file with 8-bit weights and activations.

    .. math:: w \approx s_c \, q, \quad q \in \{-64, …, 64\}, \quad s_c = \max_c |w| / 64; \qquad
        x \approx s \, (u - z), \quad u \in \{0, …, 255\}

    Weights are rounded once, with a scale ``s_c`` for every output channel and seven bits of the
    eight, so that sums of products do not saturate on processors without VNNI; the inputs of a
    matrix product are rounded as they come. The rest stays in float32. All of the encoder's modules
    are in the graph, from token ids to the vector of a text, and the tokenizer is cut to its
    length; its weights are left out of the folder, so that sentence-transformers refuses it.

    Args:
        encoder: On the CPU, in float32.
        folder: Written into.

    Raises:
        UsageError: When onnx, onnxruntime or onnxscript is not installed.
        InputError: When the encoder cannot be exported: its tokenizer is not a fast one, torch
            cannot trace it, or the graph's vectors are not the encoder's, as where a prompt is put
            before each text; or its pooling leaves prompts out, which the graph cannot.

    Source: Jacob et al., 2018 (arXiv:1712.05877), section 2; as in onnxruntime's quantize_dynamic.
    """
    check_extra()
    if leaves_prompt_out(encoder) and (names := prompt_names(encoder)):
        raise InputError(
            f"The pooling of this encoder leaves its prompts ({', '.join(names)}) out, which an "
            "int8 model cannot: export it without them, or train it with `include_prompt=True`."
        )
    runtime, quantisation = extra("onnxruntime"), extra("onnxruntime.quantization")
    tokenizer = _tokenizer(encoder)
    save_merged(encoder, folder)
    for weights in [*folder.rglob("*.safetensors"), *folder.rglob("*.bin")]:
        weights.unlink()
    tokenizer.save(str(folder / "tokenizer.json"))
    inputs = inputs_of(tokenizer.encode_batch(SAMPLES))
    with TemporaryDirectory() as name, _quiet():
        graph = Path(name) / "model.onnx"
        _trace(encoder, inputs, graph)
        (found,) = session_of(runtime, graph, threads=1).run([OUTPUT], inputs)
        _compare(found, encoder.encode(SAMPLES, show_progress_bar=False))
        quantisation.quantize_dynamic(
            graph,
            folder / MODEL,
            per_channel=True,
            reduce_range=True,
            weight_type=quantisation.QuantType.QInt8,
        )


class _Graph(nn.Module):
    def __init__(self, encoder: "SentenceTransformer") -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Embeddings:
        features = {"input_ids": input_ids, "attention_mask": attention_mask}
        embedding: Embeddings = self.encoder(features)[OUTPUT]
        return embedding


def _trace(
    encoder: "SentenceTransformer", inputs: dict[str, NDArray[np.int64]], file: Path
) -> None:
    """Write the graph by torch.export: the older tracer makes another function of attention."""
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        torch.onnx.export(
            _Graph(encoder).eval(),
            tuple(torch.from_numpy(array) for array in inputs.values()),
            file,
            input_names=list(inputs),
            output_names=[OUTPUT],
            dynamic_shapes=(sizes, sizes),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    except Exception as error:  # whatever its parts raise
        cause = str(error.__cause__ or error).strip().partition("\n")[0]
        raise InputError(f"torch cannot export this encoder to ONNX: {cause}") from error


def _compare(found: Vectors, expected: Vectors) -> None:
    far = np.inf
    if found.shape == expected.shape:
        far = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not far <= TOLERANCE:
        raise InputError(
            f"The ONNX graph of this encoder changes its vectors by {far:.2g}, and at most "
            f"{TOLERANCE:g} is allowed. Encoders that need more than tokens, such as a prompt, "
            "have no int8 export."
        )


def _tokenizer(encoder: "SentenceTransformer") -> Tokenizer:
    """Return the encoder's, cut to its length and filled up to a batch's longest text."""
    tokenizer = truncating(encoder.tokenizer, encoder.max_seq_length)
    if tokenizer is None:
        raise InputError("This encoder has no fast tokenizer, and an int8 model needs one.")
    pad: Any = encoder.tokenizer
    tokenizer.enable_padding(pad_id=pad.pad_token_id or 0, pad_token=pad.pad_token or "[PAD]")
    return tokenizer


def check_extra() -> None:
    """Raise unless what `quantise` needs is installed.

    Raises:
        UsageError: Names what is missing, and the extra.
    """
    for module in ("onnx", "onnxscript", "onnxruntime"):
        extra(module)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch and onnxruntime log about themselves."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
