"""Rows into the tokens of each view."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Collator:
    """Read every view of a batch of rows and tokenise all of them at once.

    All views are padded to one length, so that they can share one forward.

    Args:
        encoder: Its tokeniser is used.
        views: How each row is seen.
        max_length: Tokens a text is truncated to, special tokens included.
    """

    def __init__(
        self, encoder: "SentenceTransformer", views: Sequence[View], max_length: int
    ) -> None:
        self.encoder = encoder
        self.views = views
        self.max_length = max_length

    def __call__(self, rows: list[dict[str, str]]) -> dict[str, list[Features]]:
        """Return ``{"views": [tokens of the first view, …]}``."""
        texts = [view.read(row) or " " for view in self.views for row in rows]
        tokens = self.encoder.preprocess(
            texts, processing_kwargs={"text": {"max_length": self.max_length, "truncation": True}}
        )
        tensors = {name: value for name, value in tokens.items() if name != "modality"}
        return {
            "views": [
                {name: tensor[start : start + len(rows)] for name, tensor in tensors.items()}
                for start in range(0, len(texts), len(rows))
            ]
        }
