"""The language model of a decoder: a small one to train from scratch, or any causal one."""

import os
from copy import deepcopy
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from sentemb.encoders.loading import loading
from sentemb.encoders.places import places
from sentemb.encoders.vocabulary import require_rows, require_vocabulary
from sentemb.errors import InputError, UsageError, is_out_of_memory
from sentemb.locate import locate
from sentemb.safety import code_is_trusted

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WIDEST, NARROWEST, HEAD = 256, 64, 64
LAYERS = 4
MOST_PARAMETERS = 10_000_000
POSITIONS = "transformer.wpe.weight"
"""Of a GPT-2."""
NEEDED = "A decoder needs a causal language model, such as GPT-2."


def small_language_model(vocabulary: int, end: int, places: int) -> GPT2LMHeadModel:
    """Return a GPT-2 of 4 layers and at most 10 million parameters, drawn by torch's seed.

    It is 256 wide, or less where the vocabulary is large, and has no dropout: few sentences are
    seen twice.

    Args:
        vocabulary: How many tokens it knows.
        end: The id that ends a text.
        places: Tokens of prefix and text.
    """
    fitting = (
        width
        for width in range(WIDEST, NARROWEST, -HEAD)
        if vocabulary * width + 12 * LAYERS * width**2 <= MOST_PARAMETERS
    )
    width = next(fitting, NARROWEST)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=places,
        n_embd=width,
        n_layer=LAYERS,
        n_head=width // HEAD,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=end,
        eos_token_id=end,
    )
    return GPT2LMHeadModel(config)


def with_places(model: Any, needed: int) -> Any:
    """Return a copy of a language model that has places for so many tokens.

    A GPT-2 that has fewer gets new ones, drawn by torch's seed, in front of those it has, so that
    the last tokens stand where they stood.
    """
    room = places(model)
    if room is None or room >= needed or not isinstance(model, GPT2LMHeadModel):
        return deepcopy(model)
    config = deepcopy(model.config)
    config.n_positions = needed
    made, state = GPT2LMHeadModel(config), model.state_dict()
    drawn = made.transformer.wpe.weight[: needed - room]
    state[POSITIONS] = torch.cat([drawn, state[POSITIONS]])
    made.load_state_dict(state)
    return made


def tokenizer_of_encoder(encoder: "SentenceTransformer") -> PreTrainedTokenizerBase:
    """Return the tokenizer of an encoder as transformers has it.

    Raises:
        InputError: When it has none.
    """
    tokenizer: Any = encoder.tokenizer
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        return tokenizer
    if hasattr(tokenizer, "token_to_id") and tokenizer.token_to_id("[SEP]") is not None:
        fast: Any = PreTrainedTokenizerFast
        made: PreTrainedTokenizerBase = fast(tokenizer_object=tokenizer, sep_token="[SEP]")  # noqa: S106
        return made
    raise InputError(
        "The encoder's tokenizer has no token that ends a text: give a `language_model`, which has "
        "its own."
    )


def load_language_model(
    folder: str | os.PathLike[str], *, whole: bool = True
) -> tuple[PreTrainedTokenizerBase, Any]:
    """Load a causal language model with its tokenizer, in float32.

    Args:
        folder: A folder of transformers, or a hub id.
        whole: Whether it knows every token of its tokenizer.

    Raises:
        InputError: When it cannot be found or read, is unsafe, or a token sees those behind it.
    """
    path = locate(folder)
    with loading(folder, NEEDED):
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=code_is_trusted())
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, use_safetensors=True, trust_remote_code=code_is_trusted()
        )
    require_vocabulary(tokenizer, folder)
    if whole:
        require_rows(tokenizer, model.get_input_embeddings(), folder)
    _require_causal(model, folder)
    return tokenizer, model


@torch.no_grad()
def _require_causal(model: Any, name: str | os.PathLike[str]) -> None:
    """Raise unless a model reads embeddings, and no token sees the one behind it."""
    table = model.get_input_embeddings().weight
    read = table[:4].unsqueeze(0).repeat(2, 1, 1)
    read[1, -1] = table[-1]
    try:
        logits = model.eval()(inputs_embeds=read, logits_to_keep=4).logits
    except Exception as error:  # a model raises whatever its parts raise
        if is_out_of_memory(error):
            raise
        raise InputError(
            f"Model '{os.fspath(name)}' cannot read a prefix of embeddings ({error}). {NEEDED}"
        ) from error
    if not torch.allclose(logits[0, :-1], logits[1, :-1], atol=1e-4):
        raise InputError(
            f"Model '{os.fspath(name)}' is not causal: its tokens see those behind them. {NEEDED}"
        )


def end_of(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id of the token that ends a text.

    Raises:
        InputError: When there is none.
    """
    for name in ("eos_token_id", "sep_token_id"):
        found = getattr(tokenizer, name, None)
        if found is not None:
            return int(found)
    raise InputError("The tokenizer has no token that ends a text (eos_token or sep_token).")


def require_room(model: Any, prefix: int, length: int) -> None:
    """Raise where a prefix and a text are longer than a language model has positions for.

    Raises:
        UsageError: Says how many there are.
    """
    room = places(model)
    if room is not None and prefix + length > room:
        raise UsageError(
            f"A prefix of {prefix} tokens and texts of {length} do not fit into a language model "
            f"of {room} places: give a `max_length` of at most {room - prefix}."
        )


def name_of_cache(model: Any) -> str:
    """Return what a model calls the keys and values of what it has read; transformers renames it.

    Args:
        model: A language model.
    """
    return "cache" if "cache" in signature(model.forward).parameters else "past_key_values"
