"""One model's geometry: numbers, each with its n, and what pictures are drawn from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from sentemb.errors import InputError
from sentemb.functional import rank_of_spectrum, spectrum, uniformity
from sentemb.geometry.corpus import Corpus, Measure, finite_vectors
from sentemb.geometry.energy import Energies, energy_metrics
from sentemb.geometry.measures import mean_cosine, variance_of_the_first
from sentemb.geometry.pair_metrics import class_metrics, pair_metrics
from sentemb.geometry.sentence_metrics import length_metrics, negative_metrics, word_metrics
from sentemb.types import Encode

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """A model's numbers, and what its pictures are drawn from.

    Args:
        measures: By name, in the order of the table.
        dim: Numbers a vector.
        spectrum: Singular values of the centred unit vectors.
        positive: Cosines of the positive pairs; see `STS.positive_above`.
        random: Cosines of random pairs of the same sentences.
        sentences: Unit vectors of the sentences, ``[sentences, dim]``.
        labelled: Unit vectors of the labelled sentences; may be empty.
        energies: Energies of the positive pairs, where they were asked for.
    """

    measures: dict[str, Measure]
    dim: int
    spectrum: Numbers
    positive: Numbers
    random: Numbers
    sentences: Numbers
    labelled: Numbers
    energies: Energies | None = None


def analyse(
    encode: Encode,
    count_tokens: Callable[[list[str]], list[int]] | None,
    corpus: Corpus,
    temperature: float = 0.05,
    *,
    energy: bool = False,
) -> Analysis:
    """Measure a model's geometry.

    Args:
        encode: From texts to vectors.
        count_tokens: The tokens of each text, as the model is given them; without it, what
            depends on length is left out.
        corpus: What it is looked at with.
        temperature: τ of relative penalties and of energies.
        energy: Whether to measure the energies of the positive pairs, too.

    Raises:
        NumericError: When a vector is not finite.
        InputError: When all sentences have the same vector, or the labels allow no tolerance,
            or there are too few positive pairs for energies.
    """
    texts = list(corpus.sentences)
    raw = finite_vectors(encode, texts)
    x = F.normalize(raw, dim=1)
    values = spectrum(x)
    if float(values[0]) < 1e-5:
        raise InputError(
            f"the model gives all {len(x):,} sentences of {corpus.name} the same vector: it has "
            "collapsed, and there is no geometry to measure."
        )
    graded, positive, random = pair_metrics(encode, corpus.task)
    labelled = finite_vectors(encode, list(corpus.texts)) if corpus.texts else raw[:0]
    of = "sentences"
    measures = {
        **graded,
        **class_metrics(labelled, corpus.labels),
        "uniformity_sentences": Measure(float(uniformity(x)), len(x), of),
        "mean_cosine": Measure(float(mean_cosine(x)), len(x), of),
        "effective_rank": Measure(float(rank_of_spectrum(values)), len(x), of),
        "top_component": Measure(float(variance_of_the_first(values)), len(x), of),
        **negative_metrics(x, temperature),
        **word_metrics(texts, raw),
    }
    if count_tokens is not None:
        measures |= length_metrics(np.array(count_tokens(texts), dtype=np.float64), raw)
    energies = None
    if energy:
        added, energies = energy_metrics(encode, corpus.task, temperature)
        measures |= added
    return Analysis(
        measures, x.shape[1], values.numpy(), positive, random, x.numpy(),
        F.normalize(labelled, dim=1).numpy(), energies,
    )  # fmt: skip
