"""A sentence around each text, as echo and PromptEOL have it: part of the encoder's tokenizer."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from sentemb.encoders.hooks import name_of
from sentemb.encoders.places import places
from sentemb.errors import UsageError, unknown

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer


class Template(NamedTuple):
    """What is read in the place of a text.

    Args:
        pieces: Words around the text, which stands between any two.
        ends: Whether the token that ends a text comes last.
    """

    pieces: tuple[str, ...]
    ends: bool


TemplateName = Literal["echo", "prompteol"]
TEMPLATES: dict[str, Template] = {
    "echo": Template(("Document:", "\nDocument again:", ""), ends=True),
    "prompteol": Template(('This sentence : "', '" means in one word:"'), ends=False),
}


def set_template(encoder: "SentenceTransformer", name: TemplateName) -> None:
    r"""Put a sentence around every text that an encoder reads.

    - ``echo``: ``Document:{text}\nDocument again:{text}`` and the end token. The tokens of the
      second copy have seen the whole text, in a causal model too. It costs twice the tokens.
    - ``prompteol``: ``This sentence : "{text}" means in one word:"``, whose last token is the one
      that the model would say the text in.

    The template becomes part of the tokenizer, so the saved folder is a plain model. A text is cut,
    the words around it are not.

    Args:
        encoder: A sentence-transformers model that pools the last token; it is changed.
        name: Of the template.

    Raises:
        UsageError: When there is no such template, the pooling is another, or the tokenizer takes
            none.

    Source: Springer et al., 2024, echo embeddings (arXiv:2402.15449); Jiang et al., 2023, PromptEOL
        (arXiv:2307.16645). Deviations: the words around a text and the text are tokenised apart;
        echo is pooled at the last token, as no stock pooling reads the second copy alone.
    """
    from tokenizers import Tokenizer

    if name not in TEMPLATES:
        raise UsageError(unknown("template", name, list(TEMPLATES)))
    pooling = getattr(encoder[1], "pooling_mode", None) if len(encoder) > 1 else None
    if pooling != "lasttoken":
        raise UsageError(
            f"`template={name}` is read at its last token, and the pooling is {pooling}: give "
            "pooling lasttoken."
        )
    own = getattr(encoder.tokenizer, "backend_tokenizer", None)
    if not isinstance(own, Tokenizer):
        raise UsageError(
            f"{name_of(encoder)} has a tokenizer written in Python, which takes no template."
        )
    template = TEMPLATES[name]
    before, after = _around(own)
    if template.ends and not after and (end := getattr(encoder.tokenizer, "eos_token", None)):
        after = [end]
    words = [before, *map(_tokens(own), template.pieces), after if template.ends else []]
    own.post_processor = _processor(own, [words[0] + words[1], *words[2:-2], words[-2] + words[-1]])
    room, limit = places(cast(Any, encoder[0]).auto_model), encoder.max_seq_length
    if room is not None:  # a text is cut to what is left of the limit, and stands there each time
        copies, added = len(template.pieces) - 1, own.num_special_tokens_to_add(False)
        encoder.max_seq_length = min(limit or room, (room - added) // copies + added)


def _tokens(tokenizer: "Tokenizer") -> Any:
    return lambda words: tokenizer.encode(words, add_special_tokens=False).tokens if words else []


def _around(tokenizer: "Tokenizer") -> tuple[list[str], list[str]]:
    """Return the tokens that come before a text and after it."""
    found = tokenizer.encode("a")
    inside = [place for place, special in enumerate(found.special_tokens_mask) if not special]
    return found.tokens[: inside[0]], found.tokens[inside[-1] + 1 :]


def _processor(tokenizer: "Tokenizer", pieces: list[list[str]]) -> Any:
    """Return what puts tokens before, between and behind the copies of a text."""
    from tokenizers.processors import TemplateProcessing

    single: list[str] = []
    for number, tokens in enumerate(pieces):
        single += ["$A"] if number else []
        single += [f"piece{number}"] if tokens else []
    special = [
        {
            "id": f"piece{number}",
            "ids": [tokenizer.token_to_id(token) for token in tokens],
            "tokens": tokens,
        }
        for number, tokens in enumerate(pieces)
        if tokens
    ]
    return TemplateProcessing(single=single, pair=[*single, "$B:1"], special_tokens=special)
