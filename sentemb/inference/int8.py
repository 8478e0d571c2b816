"""What runs an encoder in 8-bit integers."""

import json
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from sentemb.errors import InputError, UsageError, install_command, panics_refused
from sentemb.inference.batches import USUAL, by_tokens
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.safety import check_files
from sentemb.storage import sha256
from sentemb.types import Embeddings, Vectors

MODEL = "model_int8.onnx"
OUTPUT = "sentence_embedding"


class Int8Encoder(TokenEncoder):
    """Encodes with the folder of ``sentemb export --int8``, by onnxruntime on the CPU.

    What a layer multiplies is quantised by the range that it has over a batch, so a text's vector
    depends a little on the texts beside it.

    Args:
        folder: What ``sentemb export --int8`` wrote.
        threads: For each forward; by default onnxruntime's choice, every core.
        batch_tokens: Tokens of a forward.

    Raises:
        UsageError: When onnxruntime is not installed.
        InputError: When the folder holds no such model.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        threads: int | None = None,
        batch_tokens: int = USUAL,
    ) -> None:
        runtime, path = extra("onnxruntime"), Path(folder)
        if path.is_dir():
            check_files(path, path.resolve())
        try:
            with panics_refused():
                tokenizer: Tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
            pad_id = int((tokenizer.padding or {})["pad_id"])
            session = session_of(runtime, path / MODEL, threads)
        except Exception as error:  # both libraries raise whatever their parts raise
            raise InputError(
                f"'{folder}' holds no int8 model of sentemb ({MODEL}, tokenizer.json): "
                f"{str(error).partition(chr(10))[0]}"
            ) from error
        tokenizer.no_padding()
        super().__init__(tokenizer, (tokenizer.truncation or {}).get("max_length"), str(folder))
        self.pad_id = pad_id
        self.prompts = _prompts(path)
        self.batch_tokens = batch_tokens
        self._session = session
        self._file = path / MODEL

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return int(self._session.get_outputs()[0].shape[1])

    def forward(self, ids: Tensor, mask: Tensor) -> Embeddings:
        """Embed tokens ``[rows, tokens]``; returns ``[rows, dim]``."""
        given = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
        return torch.from_numpy(self._session.run([OUTPUT], given)[0])

    def weights(self) -> dict[str, Tensor]:
        """Return none: they are in the file."""
        return {}

    def settings(self) -> str:
        """Return the hash of the file, and the prompts where there are some."""
        named = f" {self.prompts}" if any(self.prompts.values()) else ""
        return sha256(self._file) + named

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text, ``[rows, dim]`` in float32."""
        if not texts:
            raise InputError("There is no text to encode.")
        found = self.tokenizer.encode_batch(list(texts))
        batches = list(by_tokens([len(text) for text in found], self.batch_tokens))
        parts = []
        for batch in batches:
            for row in batch:
                found[row].pad(len(found[batch[0]]), pad_id=self.pad_id)
            inputs = inputs_of([found[row] for row in batch])
            parts.append(self._session.run([OUTPUT], inputs)[0])
        vectors = np.concatenate(parts)
        return vectors[np.argsort(np.concatenate(batches))]


def _prompts(folder: Path) -> dict[str, str]:
    """Read the prompts that sentence-transformers saved with the encoder."""
    file = folder / "config_sentence_transformers.json"
    saved = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {name: text or "" for name, text in saved.get("prompts", {}).items()}


def inputs_of(texts: Sequence[Encoding]) -> dict[str, NDArray[np.int64]]:
    """Return ids and mask of texts of one length, each ``[rows, tokens]``."""
    ids, masks = [text.ids for text in texts], [text.attention_mask for text in texts]
    return {"input_ids": np.array(ids), "attention_mask": np.array(masks)}


def session_of(runtime: Any, file: Path, threads: int | None) -> Any:
    """Open an ONNX file on the CPU."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    return runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def extra(module: str) -> Any:
    """Import what the extra brings.

    Raises:
        UsageError: When it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(f"int8 needs {module}: {install_command('int8')}.") from error
