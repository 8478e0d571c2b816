"""`Measured`: what a study measures of an encoder."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sentemb.evaluation import STS
from sentemb.evaluation.cache import EncodeCache
from sentemb.geometry.measures import local_separation, tolerance
from sentemb.types import Encode

MEASURES = ("spearman", "uniformity", "tolerance", "local_separation", "alignment")


@dataclass(frozen=True)
class Measured:
    """An evaluator of graded pairs and of sentences with a class.

    Args:
        dev: Graded pairs; those above `STS.positive_above` belong together.
        texts: Sentences with a class, for the tolerance.
        labels: The class of each, a whole number from 0.
    """

    dev: STS
    texts: Sequence[str]
    labels: Sequence[int]

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return Spearman × 100, alignment and uniformity, tolerance and local separation.

        Alignment and local separation are of the pairs above `STS.positive_above`, and missing
        where there are none; the negatives of the latter are the other sentences of the pairs.
        """
        once = EncodeCache(encode)
        result = self.dev(once)
        sentences = list(dict.fromkeys([*self.dev.sentences1, *self.dev.sentences2]))
        row = {sentence: number for number, sentence in enumerate(sentences)}
        graded = zip(self.dev.sentences1, self.dev.sentences2, self.dev.scores, strict=True)
        alike = [
            [row[one], row[other]]
            for one, other, gold in graded
            if gold > self.dev.positive_above and one != other
        ]
        if alike:
            vectors = torch.from_numpy(once(sentences))
            result["local_separation"] = float(local_separation(vectors, torch.tensor(alike)))
        classified = torch.from_numpy(once(self.texts))
        result["tolerance"] = tolerance(classified, torch.tensor(self.labels)).tolerance
        return {name: result[name] for name in MEASURES if name in result}
