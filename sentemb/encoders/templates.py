"""A sentence around each text, as echo, PromptEOL and PromptBERT have it: part of the tokenizer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from sentemb.encoders.hooks import name_of
from sentemb.encoders.places import places
from sentemb.errors import UsageError, unknown
from sentemb.views import TokenTemplate

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
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
MASKED = ('This sentence : "', '" means {}.')
OTHER_MASKED = ('This sentence of "', '" means {}.')
"""PromptBERT's two, with the mask token in the place of {}."""


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
    if name not in TEMPLATES:
        raise UsageError(unknown("template", name, list(TEMPLATES)))
    pooling = getattr(encoder[1], "pooling_mode", None) if len(encoder) > 1 else None
    if pooling != "lasttoken":
        raise UsageError(
            f"`template={name}` is read at its last token, and the pooling is {pooling}: give "
            "pooling lasttoken."
        )
    own = _own(encoder.tokenizer, name_of(encoder))
    template = TEMPLATES[name]
    before, after = _around(own)
    if template.ends and not after and (end := getattr(encoder.tokenizer, "eos_token", None)):
        after = [end]
    words = [before, *map(_tokens(own), template.pieces), after if template.ends else []]
    _put(cast(Any, encoder[0]), own, [words[0] + words[1], *words[2:-2], words[-2] + words[-1]])
    room, limit = places(cast(Any, encoder[0]).auto_model), encoder.max_seq_length
    if room is not None:  # a text is cut to what is left of the limit, and stands there each time
        copies, added = len(template.pieces) - 1, own.num_special_tokens_to_add(False)
        encoder.max_seq_length = min(limit or room, (room - added) // copies + added)


def set_mask_template(transformer: "Transformer") -> None:
    """Put ``This sentence : "{text}" means [MASK].`` in the place of every text, as PromptBERT.

    A tokenizer that puts its mask token around a text already is left as it is. A text is cut, the
    words around it are not.

    Args:
        transformer: The first module of a sentence-transformers model; its tokenizer is changed.

    Raises:
        UsageError: When the tokenizer has no mask token, is written in Python, or puts other words
            around a text.

    Source: Jiang et al., 2022, PromptBERT (arXiv:2201.04337), table 2. Deviation: the words around
        a text and the text are tokenised apart.
    """
    tokenizer: Any = transformer.tokenizer
    name = type(transformer.auto_model).__name__
    own, mask = _own(tokenizer, name), getattr(tokenizer, "mask_token", None)
    if mask is None:
        raise UsageError(f"{name} has no mask token for pooling 'mask' to read: use another.")
    before, after = _around(own)
    if mask in (*before, *after):
        return
    if not {*before, *after} <= {*tokenizer.all_special_tokens}:
        raise UsageError(f"{name} has a template already: leave pooling 'mask' out.")
    words = masked_words(tokenizer, MASKED)
    _put(transformer, own, [before + words[0], words[1] + after])


def masked_words(tokenizer: Any, template: tuple[str, str]) -> list[list[str]]:
    """Return the tokens of a template's words before a text, and of those behind it."""
    tokens = _tokens(tokenizer.backend_tokenizer)
    return [tokens(words.format(tokenizer.mask_token)) for words in template]


def mask_templates(tokenizer: Any) -> tuple[TokenTemplate, TokenTemplate]:
    """Return what a tokenizer puts around a text, and PromptBERT's other words in their place.

    Args:
        tokenizer: As `set_mask_template` leaves it.
    """
    before, after = _around(tokenizer.backend_tokenizer)
    special = {*tokenizer.all_special_tokens} - {tokenizer.mask_token}
    first, last = ([token for token in side if token in special] for side in (before, after))
    words = masked_words(tokenizer, OTHER_MASKED)
    number = tokenizer.convert_tokens_to_ids
    return (
        TokenTemplate(tuple(number(before)), tuple(number(after))),
        TokenTemplate(tuple(number(first + words[0])), tuple(number(words[1] + last))),
    )


def _own(tokenizer: Any, name: str) -> "Tokenizer":
    """Return the tokenizer that a tokenizer of transformers is around.

    Raises:
        UsageError: When it is written in Python.
    """
    from tokenizers import Tokenizer

    own = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(own, Tokenizer):
        raise UsageError(f"{name} has a tokenizer written in Python, which takes no template.")
    return own


def _put(transformer: "Transformer", own: "Tokenizer", pieces: list[list[str]]) -> None:
    """Have a module's tokenizer put tokens around each text, when it is loaded again too.

    The class of a model's own tokenizer, such as BERT's, replaces what its file says of that.
    """
    from transformers import PreTrainedTokenizerFast

    own.post_processor = _processor(own, pieces)
    given: Any = transformer.tokenizer
    plain: Any = PreTrainedTokenizerFast
    kept = ("model_max_length", "padding_side", "truncation_side", "model_input_names")
    transformer.processor = plain(
        tokenizer_object=own,
        name_or_path=given.name_or_path,
        **given.special_tokens_map,
        **{name: getattr(given, name) for name in kept},
    )


def _tokens(tokenizer: "Tokenizer") -> Callable[[str], list[str]]:
    def tokens(words: str) -> list[str]:
        ids = tokenizer.encode(words, add_special_tokens=False).ids if words else []
        return [str(tokenizer.id_to_token(number)) for number in ids]  # an unknown one is <unk>

    return tokens


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
