"""`Captioner`: a small language model that attends to a picture while it writes its caption."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.modalities.tower_poolings import AttentionPooling, heads_of
from sentemb.modalities.towers import WEIGHTS, Tower
from sentemb.storage import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CAPTIONS, QUERIES = "decoder.json", "queries.safetensors"
SCHEMA = "sentemb.captions/1"
PICTURE, IN_MODEL = "picture", "captions"
"""Folders of a model."""


@dataclass(frozen=True)
class CaptionerConfig:
    """What a captioner is; its folder has it in ``decoder.json``.

    Args:
        start: The id that every caption begins with.
        end: The id that ends a caption.
        width: Of the tower's places, and of the language model.
        queries: How many tokens a picture is read as.
        layers: Of the language model.
        max_length: Tokens of the longest caption, start and end included.
    """

    start: int
    end: int
    width: int
    queries: int = 16
    layers: int = 2
    max_length: int = 32

    def __post_init__(self) -> None:
        for name, least in ("queries", 1), ("layers", 1), ("max_length", 3):
            if getattr(self, name) < least:
                raise UsageError(
                    f"{name} of a captioner is {least} or more, got {getattr(self, name)!r}."
                )


class Captioner(nn.Module):
    r"""Predict the tokens of a caption from the places of a picture.

    .. math:: p(y_t \mid y_{<t}, c), \qquad c = W_o\,\mathrm{MHA}(\mathrm{LN}(q), \mathrm{LN}(x),
        \mathrm{LN}(x))

    The queries q share the attention of the tower, whose own query makes the vector. The language
    model is a GPT-2 whose layers attend to the tokens before and to c.

    Args:
        config: What it is.
        language_model: A causal model of transformers with cross-attention.

    Source: Yu et al., 2022, CoCa (arXiv:2205.01917), sections 3.2 and 3.3. Deviations: every layer
        has cross-attention, as the encoder of texts is a separate model in the place of the
        first layers; 16 queries in the place of 256.
    """

    def __init__(self, config: CaptionerConfig, language_model: Any) -> None:
        super().__init__()
        self.config = config
        self.language_model = language_model
        self.queries = nn.Parameter(torch.randn(config.queries, config.width) * config.width**-0.5)

    def forward(self, tower: Tower, places: Tensor, ids: Tensor) -> Tensor:
        """Return the logits of the token behind each, ``[rows, tokens, vocabulary]``.

        There is no mask: padding stands on the right, where no token before it looks.

        Args:
            tower: What the picture was read by.
            places: As it returned them, ``[rows, places, width]``.
            ids: Of the tokens, ``[rows, tokens]``.
        """
        seen = self.tokens(tower, places)
        read = self.language_model(input_ids=ids, encoder_hidden_states=seen, use_cache=False)
        logits: Tensor = read.logits
        return logits

    def tokens(self, tower: Tower, places: Tensor) -> Tensor:
        """Return what the captioner's queries take of the places, ``[rows, queries, width]``."""
        pooling = tower.pooling
        if not isinstance(pooling, AttentionPooling):
            raise UsageError("A captioner needs a tower that pools by attention.")
        return pooling.each(places, self.queries).contiguous()

    def save(self, folder: Path, tokenizer: "PreTrainedTokenizerBase") -> None:
        """Write the folder of the captions beside the tower's, which it names by a hash.

        Args:
            folder: Of the model; the tower is in it.
            tokenizer: Of the captions.
        """
        folder = folder / IN_MODEL
        folder.mkdir(parents=True, exist_ok=True)
        self.language_model.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
        save_file({"queries": self.queries.detach().cpu().contiguous()}, folder / QUERIES)
        record = {"schema": SCHEMA, "tower": hash_of_tower(folder), **asdict(self.config)}
        write_json(folder / CAPTIONS, record)


def hash_of_tower(folder: Path) -> str:
    """Return a hash of the weights of the tower beside a folder of captions."""
    return hashlib.sha256((folder.parent / PICTURE / WEIGHTS).read_bytes()).hexdigest()


def new_captioner(config: CaptionerConfig, vocabulary: int) -> Captioner:
    """Return a captioner with a new GPT-2, drawn by torch's seed; it has no dropout.

    Args:
        config: What it is.
        vocabulary: How many tokens it knows.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    of_gpt2 = GPT2Config(
        vocab_size=vocabulary,
        n_positions=config.max_length,
        n_embd=config.width,
        n_layer=config.layers,
        n_head=heads_of(config.width),
        add_cross_attention=True,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=config.start,
        eos_token_id=config.end,
    )
    return Captioner(config, GPT2LMHeadModel(of_gpt2))
