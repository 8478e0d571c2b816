"""What a view does to one sentence: its text, its tokens, and how far its embedding moves."""

import math
from random import Random
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812

from sentemb.encoders import embed
from sentemb.encoders.embedding import KEYS
from sentemb.errors import UsageError
from sentemb.training.collator import Collator
from sentemb.types import Mask, TokenEmbeddings
from sentemb.views import Adversarial, Draws, View, row_key

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def shown(encoder: "SentenceTransformer", view: View, sentence: str, seed: int) -> dict[str, Any]:
    """Return ``{"shown": …, "cosine": …}``: the view's sentence, and its cosine with the clean one.

    Raises:
        UsageError: When the view needs a batch, as adversarial ones do, or the sentence is blank.
    """
    if isinstance(view.perturb, Adversarial):
        raise UsageError(
            "An adversarial view depends on a loss and a batch: it can be trained with, not shown."
        )
    if not sentence.strip():
        raise UsageError("The sentence is blank: give one with words.")
    limit = encoder.max_seq_length or 512
    views = (View(), view)
    row = {"text": sentence, "row": 0, "epoch": 0}
    batch = Collator(encoder, views, limit, seed)([row])["views"]
    seen = _Seen(view)
    watched = View(order=view.order, perturb=seen if view.perturb else None)
    encoder.eval()
    with torch.no_grad():
        clean, changed = embed(encoder, batch, (View(), watched))
    ids = batch[1]["input_ids"][0]
    mask = batch[1]["attention_mask"].bool()
    tokens = encoder.tokenizer.convert_ids_to_tokens(ids[mask[0]].tolist())
    if view.order is not None:
        order = view.order(mask, Draws(batch[1][KEYS]).independent())[0]
        place = mask[0].cumsum(0) - 1  # among the real tokens
        tokens = [tokens[i] for i in place[order[mask[0]]].tolist()]
    if seen.cut is not None:
        tokens = ["·" if cut else token for token, cut in zip(tokens, seen.cut, strict=True)]
    if view.edit_tokens is None and view.order is None and view.perturb is None:
        text = view.read(row, Random(row_key(seed, 0, 0, 1)))
        text += "  (unchanged by this draw)" if view.edit and text == sentence else ""
    else:
        text = " ".join(tokens) + seen.told
    cosine = float(F.cosine_similarity(clean, changed))
    if not math.isfinite(cosine):
        raise UsageError("The view makes the embedding infinite or undefined: use less noise.")
    return {"shown": text, "cosine": round(cosine, 4)}


class _Seen:
    """A perturbation, and what it did to one sentence."""

    def __init__(self, view: View) -> None:
        self.perturb = view.perturb
        self.cut: list[bool] | None = None
        self.told = ""

    def __call__(self, embeddings: TokenEmbeddings, mask: Mask, draws: Draws) -> TokenEmbeddings:
        assert self.perturb is not None  # noqa: S101
        changed = self.perturb(embeddings, mask, draws)
        before, after = embeddings[0][mask[0]], changed[0][mask[0]]
        gone = (after == 0) & (before != 0)
        self.cut = gone.all(dim=1).tolist()
        if gone.any() and not any(self.cut):
            self.told = f"  ({int(gone.sum())} of {gone.numel()} values zero)"
        elif not gone.any():
            moved = (after - before).norm(dim=1).mean() / before.norm(dim=1).mean()
            self.told = (
                f"  (each token moved by {float(moved):.0%} of its length)"
                if moved
                else "  (nothing changes: rate × length is below 1)"
            )
        return changed
