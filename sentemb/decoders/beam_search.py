"""Search for the text behind a prefix: beams with a length penalty, or draws."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from sentemb.decoders.language_model import name_of_cache
from sentemb.decoders.vector_decoder import VectorDecoder


@dataclass(frozen=True)
class Hypothesis:
    """A text that was found.

    Args:
        ids: Its tokens, without the end.
        log_probability: Of the tokens and the end, natural.
        score: That it was chosen by.
    """

    ids: tuple[int, ...]
    log_probability: float
    score: float


class NextTokens(Protocol):
    """A language model that follows some texts as they grow."""

    def start(self) -> Tensor:
        """Return the log-probabilities of every row's first token, ``[rows, vocabulary]``."""

    def follow(self, parents: Tensor, tokens: Tensor) -> Tensor:
        """Return those of the next token.

        Args:
            parents: Which texts of the last call continue, ``[texts]``; one may do so several ways.
            tokens: What is added to each, ``[texts]``.
        """


class PrefixReader:
    """Follows texts behind the prefixes of vectors.

    Args:
        decoder: In evaluation mode.
        vectors: ``[rows, dim]``.
        further: What else a prefix of the decoder is made of.
    """

    def __init__(self, decoder: VectorDecoder, vectors: Tensor, **further: Tensor) -> None:
        self.language_model = decoder.language_model
        self.prefix = decoder.prefix(vectors, **further)
        self.cache: Any = None
        self._name = name_of_cache(self.language_model)

    def start(self) -> Tensor:
        """Read the prefixes."""
        return self._read(inputs_embeds=self.prefix)

    def follow(self, parents: Tensor, tokens: Tensor) -> Tensor:
        """Read a token more of each text."""
        self.cache.reorder_cache(parents)
        return self._read(input_ids=tokens.unsqueeze(1), **{self._name: self.cache})

    def _read(self, **inputs: Tensor) -> Tensor:
        read = self.language_model(**inputs, use_cache=True, logits_to_keep=1)
        self.cache = read[self._name]
        return torch.log_softmax(read.logits[:, -1].float(), dim=1)


Guide = Callable[[Sequence[tuple[int, ...]], Sequence[int]], Tensor]
"""From texts, as tokens, and the row that each belongs to, to its cosine with the row's vector."""


@dataclass(frozen=True)
class BeamSearch:
    r"""Keep the best few beginnings of each text, token by token.

    .. math:: \operatorname{score}(y) = \frac{\log p(y)}{|y|^\alpha}

    Of the 2b best continuations, in order, one that ends is finished only if it is among the first
    b; the first b of the others continue. A row is done once b texts are finished and none that
    continues has a better score at its present length; at the greatest length what continues in a
    row that is not done ends, too. The length counts the end. One beam is greedy search.

    With a guide, beginnings and finished texts are ordered by both the language model and their
    cosine with the vector, each standardised over the candidates of a row:

    .. math:: z(\log p) + \beta \, z(\cos(E(y), e)), \qquad z(x) = (x - \bar x) / s_x

    Args:
        beams: b.
        length_penalty: α.
        max_length: Tokens of the longest text, its end included.
        guidance: β; 0 asks no guide.

    Source: as in transformers' beam search. The guided order is this project's own, after MAGIC
        (arXiv:2205.02655).
    """

    beams: int = 1
    length_penalty: float = 1.0
    max_length: int = 32
    guidance: float = 0.0

    @torch.no_grad()
    def __call__(
        self, model: NextTokens, end: int, guide: Guide | None = None
    ) -> list[list[Hypothesis]]:
        """Return the finished texts of each row, the best first; at most b."""
        following = model.start()
        rows, vocabulary = following.shape
        totals = following.new_zeros(rows, 1)
        texts: list[list[tuple[int, ...]]] = [[()] for _ in range(rows)]
        finished: list[list[Hypothesis]] = [[] for _ in range(rows)]
        done = [False] * rows
        for length in range(1, self.max_length + 1):
            every = (totals.unsqueeze(2) + following.view(rows, -1, vocabulary)).flatten(1)
            best = every.topk(min((4 if guide else 2) * self.beams, every.shape[1]), dim=1)
            logs, places = best.values, best.indices
            parents = torch.div(places, vocabulary, rounding_mode="floor")
            tokens = places % vocabulary
            order = self._order(texts, parents, tokens, logs, end, guide)
            logs, parents, tokens = (x.gather(1, order) for x in (logs, parents, tokens))
            kept = self._finish(finished, done, texts, logs, parents, tokens, end, length)
            logs = logs.masked_fill(tokens == end, -math.inf)  # of few candidates some are kept
            totals, parents, tokens = (x.gather(1, kept) for x in (logs, parents, tokens))
            grown = zip(texts, parents.tolist(), tokens.tolist(), strict=True)
            texts = [
                [(*row[parent], token) for parent, token in zip(chosen, added, strict=True)]
                for row, chosen, added in grown
            ]
            if all(done) or length == self.max_length:
                break
            width = len(following) // rows
            first = torch.arange(rows, device=parents.device).unsqueeze(1) * width
            following = model.follow((first + parents).flatten(), tokens.flatten())
        for row in range(rows):
            if not done[row]:
                cut = zip(texts[row], totals[row].tolist(), strict=True)
                found = [
                    self._hypothesis(ids, log, len(ids)) for ids, log in cut if log > -math.inf
                ]
                finished[row] += found
        return [self._ranked(found, row, guide)[: self.beams] for row, found in enumerate(finished)]

    def _order(
        self,
        texts: list[list[tuple[int, ...]]],
        parents: Tensor,
        tokens: Tensor,
        logs: Tensor,
        end: int,
        guide: Guide | None,
    ) -> Tensor:
        """Return the order of the candidates of each row, ``[rows, candidates]``."""
        if guide is None:
            return torch.arange(logs.shape[1], device=logs.device).expand_as(logs)
        said = [
            texts[row][parent] if token == end else (*texts[row][parent], token)
            for row, pairs in enumerate(zip(parents.tolist(), tokens.tolist(), strict=True))
            for parent, token in zip(*pairs, strict=True)
        ]
        of_rows = [row for row in range(len(logs)) for _ in range(logs.shape[1])]
        cosines = guide(said, of_rows).view_as(logs)
        scores = standardised(logs) + self.guidance * standardised(cosines)
        return scores.argsort(dim=1, descending=True, stable=True)

    def _finish(
        self,
        finished: list[list[Hypothesis]],
        done: list[bool],
        texts: list[list[tuple[int, ...]]],
        logs: Tensor,
        parents: Tensor,
        tokens: Tensor,
        end: int,
        length: int,
    ) -> Tensor:
        """Put finished texts away; return the candidates that continue, ``[rows, b]``."""
        ends = tokens == end
        rank = torch.arange(tokens.shape[1], device=tokens.device)
        going = torch.where(ends, rank + tokens.shape[1], rank).argsort(dim=1, stable=True)
        going = going[:, : self.beams]
        for row, place in ends[:, : self.beams].nonzero().tolist():
            if not done[row] and logs[row, place] > -math.inf:
                ids = texts[row][int(parents[row, place])]
                finished[row].append(self._hypothesis(ids, float(logs[row, place]), length))
        best = logs.masked_fill(ends, -math.inf).amax(dim=1) / length**self.length_penalty
        for row, found in enumerate(finished):
            if len(found) >= self.beams:
                scores = sorted((each.score for each in found), reverse=True)
                done[row] |= self.guidance > 0 or scores[self.beams - 1] >= float(best[row])
        return going

    def _hypothesis(self, ids: tuple[int, ...], log: float, length: int) -> Hypothesis:
        return Hypothesis(ids, log, log / length**self.length_penalty)

    def _ranked(self, found: list[Hypothesis], row: int, guide: Guide | None) -> list[Hypothesis]:
        """Return the finished texts of a row, the best first."""
        scores = torch.tensor([each.score for each in found])
        if guide is not None:
            cosines = guide([each.ids for each in found], [row] * len(found)).cpu()
            scores = standardised(scores) + self.guidance * standardised(cosines)
        return [found[int(place)] for place in scores.argsort(descending=True, stable=True)]


def standardised(values: Tensor) -> Tensor:
    """Return values less their mean, over their standard deviation; zeros where all are equal.

    Example:
        >>> standardised(torch.tensor([1.0, 3.0]))
        tensor([-1.,  1.])
    """
    spread = values.std(dim=-1, correction=0, keepdim=True)
    centred = values - values.mean(dim=-1, keepdim=True)
    return torch.where(spread > 1e-9, centred / spread.clamp(min=1e-9), torch.zeros_like(values))


@torch.no_grad()
def drawn(
    model: NextTokens, end: int, max_length: int, temperature: float, random: torch.Generator
) -> list[Hypothesis]:
    """Draw a text for each row, token by token.

    Args:
        model: Follows the texts.
        end: The id that ends one.
        max_length: Tokens of the longest, its end included.
        temperature: Of the distribution of each token.
        random: Of the draws, on the CPU.
    """
    following = model.start()
    rows = len(following)
    totals, alive = torch.zeros(rows, dtype=torch.float64), [True] * rows
    texts: list[tuple[int, ...]] = [()] * rows
    for _ in range(max_length):
        chances = torch.softmax(following.cpu() / temperature, dim=1)
        tokens = torch.multinomial(chances, 1, generator=random)[:, 0]
        logs = following.cpu().gather(1, tokens.unsqueeze(1))[:, 0].double()
        totals += torch.where(torch.tensor(alive), logs, 0.0)
        for row, token in enumerate(tokens.tolist()):
            if alive[row] and token != end:
                texts[row] = (*texts[row], token)
            alive[row] &= token != end
        if not any(alive):
            break
        device = following.device
        following = model.follow(torch.arange(rows, device=device), tokens.to(device))
    return [
        Hypothesis(ids, log, log / max(1, len(ids)))
        for ids, log in zip(texts, totals.tolist(), strict=True)
    ]
