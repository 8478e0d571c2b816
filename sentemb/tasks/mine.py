"""`mine`: hard negatives for pairs, which ``train`` reads."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.bars import Progress
from sentemb.datasets import as_training_data
from sentemb.datasets.in_memory import Container
from sentemb.datasets.roles import NEGATIVE, negative_roles
from sentemb.errors import UsageError, unknown
from sentemb.table import Report, Table
from sentemb.tasks.mining_rules import MiningRules, Scores
from sentemb.tasks.nearest import Ids, nearest
from sentemb.tasks.pair_scores import pair_scores
from sentemb.tasks.vectors import Embedded, embedded
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentemb.encoder import Encoder
    from sentemb.tasks.vectors import AnyEncoder

    Data = str | os.PathLike[str] | Container


def mine(
    data: "Data",
    corpus: "Data | Embedded | None" = None,
    model: "AnyEncoder" = "mini-sentemb",
    rules: MiningRules | None = None,
    *,
    columns: Sequence[str] | None = None,
    column: str = "text",
    cross_encoder: str | os.PathLike[str] | None = None,
    together: bool = False,
    seed: int = 0,
    device: str | None = None,
    **options: Any,
) -> Report:
    """Find texts that are near an anchor but no positive of it, as ``sentemb mine`` does.

    Neither positives of equal anchors nor the anchor's own text become negatives, whatever white
    space they hold. Of equal scores the earlier text of the corpus comes first.

    Args:
        data: Pairs: anchor, positive.
        corpus: Texts to find negatives in, beside the positives; by default the positives alone.
        model: What finds them.
        rules: Which neighbours are taken; by default those of `MiningRules`.
        columns: The two columns of the pairs, where they have other names.
        column: The column of texts of the corpus.
        cross_encoder: A regression on pairs, which scores what the model found, and the positives,
            in its place.
        together: All negatives of a pair in its row, as ``negative``, ``negative_2`` and so on, ""
            where fewer were found; otherwise a row for each negative.
        seed: Of what is drawn, where ``sampling`` is ``random``.
        device: As in `sentemb.load`.
        options: Fields of `MiningRules`, as ``relative_margin``.

    Returns:
        A row for each negative, or for each pair: anchor, positive, negatives, and their scores.
        ``report["rows"]`` is what `train` takes as data.

    Raises:
        UsageError: When there is no such rule, or a value of one is not allowed.
        InputError: When the data cannot be read; names the row.

    Example:
        >>> pairs = [("a cat", "a small cat"), ("a dog", "a big dog"), ("a car", "a fast car")]
        >>> mine(pairs, n=1)["rows"][0]["negative"]
        'a big dog'
    """
    rules = _with_options(rules or MiningRules(), options)
    pairs = as_training_data(data, [("anchor", "positive")], columns).rows
    from sentemb.encoder import load  # torch: mistakes are told of without it

    encoder = load(model, device)
    mining = _Mining(encoder, pairs["anchor"][:], pairs["positive"][:])
    mining.add_corpus(None if corpus is None else embedded(corpus, encoder, column=column))
    return _report(mining, rules, cross_encoder, seed, device, together=together)


def _with_options(rules: MiningRules, options: dict[str, Any]) -> MiningRules:
    known = [field.name for field in fields(MiningRules)]
    for name in options:
        if name not in known:
            raise UsageError(unknown("option of mine", name, known))
    return replace(rules, **options)


def _key(text: str) -> str:
    return " ".join(text.split())


@dataclass
class _Mining:
    """Anchors and their positives, and the texts that negatives are found in.

    Args:
        encoder: What finds them.
        anchors: One a row.
        positives: One a row.
    """

    encoder: "Encoder"
    anchors: list[str]
    positives: list[str]

    def add_corpus(self, corpus: Embedded | None) -> None:
        """Encode the distinct texts of a corpus and the positives, and the distinct anchors."""
        self.place: dict[str, int] = {}
        texts: list[str] = []
        rows: list[int] = []
        for row, text in enumerate(corpus.texts if corpus is not None else ()):
            if self.place.setdefault(_key(text), len(texts)) == len(texts):
                texts.append(text)
                rows.append(row)
        known = len(texts)
        for text in self.positives:
            if self.place.setdefault(_key(text), len(texts)) == len(texts):
                texts.append(text)
        width = None if corpus is None else corpus.vectors.shape[1]
        parts = [] if corpus is None else [corpus.vectors[rows]]
        parts += [self._encoded(texts[known:], width)] if texts[known:] else []
        self.texts, self.vectors = texts, np.concatenate(parts)
        self.queries = list(dict.fromkeys(self.anchors))
        self.asked = self._encoded(self.queries, width)
        self.of_query: dict[str, list[int]] = {}
        for anchor, positive in zip(self.anchors, self.positives, strict=True):
            found = self.of_query.setdefault(anchor, [])
            if (place := self.place[_key(positive)]) not in found:
                found.append(place)

    def _encoded(self, texts: list[str], width: int | None) -> Vectors:
        return self.encoder.encode(texts, dims=width, normalize=True)

    def neighbours(self, rules: MiningRules) -> tuple[Scores, Ids]:
        """Return scores and ids of enough texts near each query."""
        most = max(map(len, self.of_query.values()))
        depth = min(rules.last(most) + most + 1, len(self.texts))
        with Progress("mining", len(self.queries), "anchors", delay=1) as progress:
            return nearest(self.asked, self.vectors, depth, progress=progress)

    def positive_scores(self) -> dict[str, Scores]:
        """Return the cosines of each query with its positives."""
        return {
            query: self.vectors[self.of_query[query]].astype(np.float64) @ vector
            for query, vector in zip(self.queries, self.asked, strict=True)
        }


def _rescored(
    mining: _Mining, ids: Ids, model: str | os.PathLike[str], device: str | None
) -> tuple[Scores, dict[str, Scores]]:
    """Score neighbours and positives by a model that reads both texts."""
    pairs = [
        (query, mining.texts[place])
        for query, near in zip(mining.queries, ids.tolist(), strict=True)
        for place in (*near, *mining.of_query[query])
    ]
    scores = pair_scores(model, pairs, device)
    found, positive, start = np.empty(ids.shape), {}, 0
    for at, query in enumerate(mining.queries):
        middle = start + ids.shape[1]
        end = middle + len(mining.of_query[query])
        found[at], positive[query], start = scores[start:middle], scores[middle:end], end
    return found, positive


def _report(
    mining: _Mining,
    rules: MiningRules,
    cross_encoder: str | os.PathLike[str] | None,
    seed: int,
    device: str | None,
    *,
    together: bool,
) -> Report:
    scores, ids = mining.neighbours(rules)
    positive = mining.positive_scores()
    if cross_encoder is not None:
        scores, positive = _rescored(mining, ids, cross_encoder, device)
    at_query = {query: at for at, query in enumerate(mining.queries)}
    rows: list[dict[str, Any]] = []
    dropped, short, above, count = Counter[str](), 0, 0, 0
    for number, (anchor, text) in enumerate(zip(mining.anchors, mining.positives, strict=True)):
        at, own = at_query[anchor], mining.of_query[anchor]
        never = {*own, mining.place.get(_key(anchor), -1)}
        lowest = float(positive[anchor].min())
        random = np.random.default_rng((seed, number))
        chosen, lost = rules.chosen(ids[at], scores[at], lowest, never, len(own), random)
        score_of = dict(zip(ids[at].tolist(), scores[at].tolist(), strict=True))
        of_pair = float(positive[anchor][own.index(mining.place[_key(text)])])
        found = [(mining.texts[place], score_of[place]) for place in chosen.tolist()]
        of_row = {"anchor": anchor, "positive": text, "positive_score": of_pair}
        each = [found + [("", None)] * (rules.n - len(found))] if together else [[f] for f in found]
        rows += [_row(of_row, negatives) for negatives in each]
        count += len(found)
        above += sum(score > of_pair for _, score in found)
        dropped += lost
        short += len(chosen) < rules.n
    counts = {
        "pairs": len(mining.anchors),
        "corpus": len(mining.texts),
        "negatives": count,
        "pairs_with_fewer": short,
        "above_positive": above / count if count else 0.0,
        "dropped": dict(dropped),
    }
    shown = [[name, value] for name, value in counts.items() if name != "dropped"]
    shown += [[f"dropped by {name}", value] for name, value in dropped.items()]
    width = rules.n if together else 1
    names = list(
        _row(dict.fromkeys(("anchor", "positive", "positive_score")), [("", None)] * width)
    )
    values = Table(names, [list(row.values()) for row in rows])
    how = {"model": mining.encoder.name, "seed": seed, **asdict(rules)}
    return Report(
        "mine", {**how, **counts, "rows": rows}, [Table(["mined", "value"], shown)], values=values
    )


def _row(of_pair: dict[str, Any], negatives: Sequence[tuple[str, float | None]]) -> dict[str, Any]:
    """Return a row: a pair, its negatives, and the scores of all of them."""
    roles = negative_roles(len(negatives))
    texts = {role: text for role, (text, _) in zip(roles, negatives, strict=True)}
    scores = {
        role.replace(NEGATIVE, "negative_score"): score
        for role, (_, score) in zip(roles, negatives, strict=True)
    }
    pair = {name: of_pair[name] for name in ("anchor", "positive")}
    return {**pair, **texts, "positive_score": of_pair["positive_score"], **scores}
