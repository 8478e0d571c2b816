"""`Captioning`: texts and pictures find each other, and a decoder writes texts of pictures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, distributed, nn

from sentemb.encoders.embedding import KEYS
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.cross_modal import SIGNAL, CrossModal, in_parts
from sentemb.twins.twin import need_two_views, paired
from sentemb.types import Features
from sentemb.views import Draws, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

NOT_READ = -100
"""In the place of the label of padding."""


class Captioning(CrossModal):
    """Embed texts and pictures as `CrossModal` does, and predict each text from its picture.

    The pairs hold the logits of every token behind the first, and the tokens as labels; padding has
    the label -100, which `CrossEntropy` leaves out.

    Args:
        encoder: As of `CrossModal`.
        tower: As of `CrossModal`; it also has ``places`` and ``of_places``.
        captioner: From the tower, its places and ids to logits, ``[rows, tokens, vocabulary]``.
        text_rate: As of `CrossModal`.
        control: As of `CrossModal`.

    Source: Yu et al., 2022, CoCa (arXiv:2205.01917). Deviation: the encoder of texts sees a whole
        text and has its own weights; CoCa's are the first layers of the decoder.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        tower: nn.Module,
        captioner: nn.Module,
        text_rate: float = 1.0,
        control: bool = False,
    ) -> None:
        super().__init__(encoder, tower, "picture", text_rate=text_rate, control=control)
        self.captioner = captioner.to(encoder.device)
        self.captions: Any = captioner.config  # a resumed run has the same one

    def check_batch(self, batch: int) -> None:
        """Raise where a batch does not fit the twin.

        Raises:
            UsageError: When there are several processes, whose captions have different lengths, or
                a prompt, which captions would begin with.
        """
        super().check_batch(batch)
        if any(self.encoder.prompts.values()):
            raise UsageError("Captions are written without a prompt: leave `prompt` out.")
        in_several = distributed.is_available() and distributed.is_initialized()
        if in_several and distributed.get_world_size() > 1:
            raise UsageError("Captions are trained in one process: start it without torchrun.")

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two views, with logits and labels of all tokens.

        Raises:
            UsageError: When there are others.
        """
        need_two_views(self, features)
        text, other = features
        (words,) = self.embed([text], views[:1])
        most = self.captions.max_length
        ids, mask = text["input_ids"][:, :most], text["attention_mask"][:, :most]
        rows = other[SIGNAL], other[KEYS], ids[:, :-1]
        seen, logits = in_parts(self._both, self.micro_batch, *rows)
        labels = ids.masked_fill(mask == 0, NOT_READ)[:, 1:]
        pairs = paired([seen, words], [other, text])
        return replace(pairs, logits=logits.flatten(0, 1), labels=labels.flatten())

    def _both(self, signal: Tensor, keys: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors of pictures and the logits of their captions."""
        tower: Any = self.tower
        places = tower.places(signal, Draws(keys) if self.training else None)
        return tower.of_places(places), self.captioner(tower, places, ids)

    def save_beside(self, folder: Path) -> None:
        """Write the decoder into the folder of the model, which has the tower already."""
        captioner: Any = self.captioner
        captioner.save(folder, self.encoder.tokenizer)
