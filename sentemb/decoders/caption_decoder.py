"""The decoder that method `coca` leaves beside a tower: pictures in, captions out."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sentemb.decoders.decoder_folder import text_of_ids
from sentemb.decoders.language_model import load_language_model, name_of_cache
from sentemb.errors import InputError
from sentemb.modalities.captioner import (
    CAPTIONS,
    IN_MODEL,
    PICTURE,
    QUERIES,
    SCHEMA,
    Captioner,
    CaptionerConfig,
    hash_of_tower,
)
from sentemb.modalities.towers import Tower
from sentemb.types import Vectors

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, repr=False, eq=False)
class CaptionDecoder:
    """A decoder of pictures with all that decoding needs.

    Args:
        folder: Of the captions, in the folder of the model.
        captioner: Attends to the places of a picture.
        tower: Makes them.
        tokenizer: Of the captions.
    """

    folder: Path
    captioner: Captioner
    tower: Tower
    tokenizer: "PreTrainedTokenizerBase"

    first = None
    """It corrects no other decoder."""

    @property
    def config(self) -> CaptionerConfig:
        """What the captioner is."""
        return self.captioner.config

    @property
    def end(self) -> int:
        """The id of the token that ends a caption."""
        return self.config.end

    @property
    def max_length(self) -> int:
        """Tokens of the longest caption, its end included."""
        return self.config.max_length - 1

    @property
    def fingerprint(self) -> str:
        """Hash of all that the captions depend on."""
        found = hashlib.sha256(f"{self.config} {self.tower.config}".encode())
        found.update(repr(sorted(self.tokenizer.get_vocab().items())).encode())
        for part in (self.captioner, self.tower):
            for name, tensor in sorted(part.state_dict().items()):
                found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.tower.device

    def to(self, device: str) -> None:
        """Have it compute on a device."""
        self.captioner.to(device)
        self.tower.to(device)

    def text_of(self, ids: Sequence[int]) -> str:
        """Return the text that tokens stand for."""
        return text_of_ids(self.tokenizer, ids)

    def vectors_of(self, pictures: NDArray[np.generic]) -> Vectors:
        """Return the tower's vectors of decoded pictures, ``[rows, dim]``, of length 1."""
        with torch.inference_mode():
            given = torch.from_numpy(np.array(pictures)).to(self.device)
            vectors: Vectors = self.tower(given).cpu().numpy()
        return vectors

    def reader(self, pictures: NDArray[np.generic]) -> "CaptionReader":
        """Return what writes captions of decoded pictures, ``[rows, size, size, 3]``."""
        given = torch.from_numpy(np.array(pictures)).to(self.device)
        seen = self.captioner.tokens(self.tower, self.tower.places(given))
        return CaptionReader(self.captioner.language_model, seen, self.config.start)


class CaptionReader:
    """Follows captions as they grow.

    Args:
        language_model: With cross-attention, in evaluation mode.
        seen: What it attends to, ``[rows, queries, width]``.
        start: The id that captions begin with.
    """

    def __init__(self, language_model: Any, seen: Tensor, start: int) -> None:
        self.language_model, self.seen, self.first = language_model, seen, start
        self.cache: Any = None
        self._name = name_of_cache(language_model)

    def start(self) -> Tensor:
        """Read the start of every caption."""
        return self._read(torch.full((len(self.seen), 1), self.first, device=self.seen.device))

    def follow(self, parents: Tensor, tokens: Tensor) -> Tensor:
        """Read a token more of each caption."""
        self.cache.reorder_cache(parents)
        self.seen = self.seen[parents]
        return self._read(tokens.unsqueeze(1))

    def _read(self, ids: Tensor) -> Tensor:
        read = self.language_model(
            input_ids=ids,
            encoder_hidden_states=self.seen,
            use_cache=True,
            **{self._name: self.cache},
        )
        self.cache = read[self._name]
        return torch.log_softmax(read.logits[:, -1].float(), dim=1)


def captions_in(folder: str | os.PathLike[str]) -> Path | None:
    """Return the folder of captions that is named, or that is in a model's; None without one."""
    path = Path(folder)
    return next((one for one in (path, path / IN_MODEL) if _holds_captions(one)), None)


def _holds_captions(folder: Path) -> bool:
    try:
        content = json.loads((folder / CAPTIONS).read_text(encoding="utf-8"))
        return bool(content["schema"] == SCHEMA)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def load_captions(folder: str | os.PathLike[str]) -> CaptionDecoder:
    """Load the decoder of pictures in the folder ``captions`` of a model, on the CPU.

    Raises:
        InputError: When it is damaged, or the tower beside it is missing or another.
    """
    path = Path(folder)
    try:
        content = json.loads((path / CAPTIONS).read_text(encoding="utf-8"))
        wanted, _ = content.pop("tower"), content.pop("schema")
        config = CaptionerConfig(**content)
        queries = load_file(path / QUERIES)["queries"]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"'{path}' is damaged: {error}.") from error
    tower = Tower.load(path.parent / PICTURE)
    if hash_of_tower(path) != wanted:
        raise InputError(
            f"'{path}' was trained with another tower than '{path.parent / PICTURE}': keep the "
            "model's folder whole."
        )
    tokenizer, language_model = load_language_model(path, whole=False)
    captioner = Captioner(config, language_model)
    if queries.shape != captioner.queries.shape:
        raise InputError(f"'{path / QUERIES}' does not fit the decoder: train it again.")
    captioner.queries.data = queries
    return CaptionDecoder(path, captioner.eval(), tower, tokenizer)
