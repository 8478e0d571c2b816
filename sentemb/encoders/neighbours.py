"""Words of like meaning, by an encoder's own word-embedding table."""

from typing import TYPE_CHECKING, cast

import torch.nn.functional as F  # noqa: N812
from torch import nn

from sentemb.errors import UsageError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel


WORD_STARTS = ("Ġ", "▁")
"""How byte-level BPE and SentencePiece mark a token that starts a word."""


class EmbeddingNeighbours:
    """The nearest words in an encoder's word-embedding table, by cosine after centring.

    Only words that are one token are known. Neighbours are words in like contexts, antonyms
    among them: weaker than WordNet, but at hand for any encoder with a vocabulary of words.

    Args:
        encoder: Its tokeniser and input embeddings are read once.
        count: Neighbours a word has.

    Raises:
        UsageError: When the encoder has no table of word embeddings.

    Source: nearest neighbours for lexical substitution, as Wang and Yang, 2015
        (doi:10.18653/v1/D15-1306).
    """

    def __init__(self, encoder: "SentenceTransformer", count: int = 5) -> None:
        self.count = count
        try:
            model = cast("PreTrainedModel", encoder[0].auto_model)
            words = cast(nn.Embedding, model.get_input_embeddings())
            table = words.weight.detach().cpu()
            vocabulary = _whole_words(encoder.tokenizer.get_vocab())
        except AttributeError as error:
            raise UsageError(
                f"{type(encoder[0]).__name__} has no table of word embeddings to find neighbours "
                "in: take synonyms from WordNet."
            ) from error
        self._words = sorted(vocabulary)
        if not self._words:
            raise UsageError(
                "The encoder's vocabulary holds no whole words to find neighbours among: take "
                "synonyms from WordNet."
            )
        self._row = {word: row for row, word in enumerate(self._words)}
        rows = table[[vocabulary[word] for word in self._words]]
        self._vectors = F.normalize(rows - rows.mean(dim=0), dim=1)
        self._known: dict[str, list[str]] = {}

    def __repr__(self) -> str:
        return f"EmbeddingNeighbours(count={self.count})"

    def __call__(self, word: str) -> list[str]:
        """Return the nearest words, the nearest first; none for a word the table lacks."""
        if word not in self._row:
            return []
        if word not in self._known:
            nearest = self._vectors @ self._vectors[self._row[word]]
            rows = nearest.topk(min(self.count + 1, len(self._words))).indices.tolist()
            self._known[word] = [self._words[row] for row in rows if self._words[row] != word]
        return self._known[word][: self.count]


def _whole_words(vocabulary: dict[str, int]) -> dict[str, int]:
    """Return the lower-case words of a vocabulary, whichever way its tokeniser marks them."""
    marked = {m: sum(token.startswith(m) for token in vocabulary) for m in WORD_STARTS}
    mark = next((m for m, count in marked.items() if count > len(vocabulary) / 10), "")
    words = {
        token.removeprefix(mark): row for token, row in vocabulary.items() if token.startswith(mark)
    }
    return {word: row for word, row in words.items() if word.isalpha() and word == word.lower()}
