"""Noise added to the token embeddings: random, or the worst there is."""

from dataclasses import dataclass

from sentemb.types import Mask, TokenEmbeddings
from sentemb.views.draws import Draws
from sentemb.views.rates import check_positive


@dataclass(frozen=True)
class GaussianNoise:
    r"""Add :math:`\mathcal N(0, \sigma^2)` to each element of the real tokens' embeddings.

    Args:
        std: σ > 0. The embeddings come out of a LayerNorm, so 1 is about their own size.

    Source: the random control of adversarial noise, as in Miyato et al., 2017
        (arXiv:1605.07725), section 5.
    """

    std: float = 0.1

    def __post_init__(self) -> None:
        check_positive(self, self.std, "std")

    def __call__(self, embeddings: TokenEmbeddings, mask: Mask, draws: Draws) -> TokenEmbeddings:
        """Return the embeddings with noise on the real tokens, and none on padding."""
        noise = draws.normal(embeddings[0].numel()).view(embeddings.shape) * self.std
        return embeddings + (noise * mask.unsqueeze(2)).to(embeddings.dtype)


@dataclass(frozen=True)
class Adversarial:
    r"""Add the noise that raises the method's own loss the most, to first order.

    .. math:: x_t + \varepsilon \, g_t / \lVert g_t \rVert, \qquad
        g_t = \partial \mathcal L / \partial x_t

    for every real token t, nothing for padding; x is the output of the embedding block. Needs no
    labels. `sentemb.Method` finds the noise in a first pass that sees this view clean, with the
    same dropout masks, and touches no parameter's gradient; a step costs about twice as much.

    Args:
        norm: ε > 0, the length of each token's noise. The embeddings are about √dim long.

    Source: after the adversarial view of Yan et al., 2021 (arXiv:2105.11741), which needs labels
        (`SupervisedAdversarial`). Deviation: the contrastive loss as its objective is ours; an
        adversary without labels as in Miyato et al., 2017 (arXiv:1605.07725).
    """

    norm: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, self.norm, "norm")

    def __call__(self, embeddings: TokenEmbeddings, mask: Mask, draws: Draws) -> TokenEmbeddings:
        """Return the embeddings clean: the first pass sees them so."""
        return embeddings


@dataclass(frozen=True)
class SupervisedAdversarial(Adversarial):
    r"""Add the noise that raises the cross-entropy of labelled pairs the most, to first order.

    As `Adversarial`, with the labels' cross-entropy for the loss; needs a twin that gives class
    logits (`sentemb.twins.PairClassifier`) and a label in every row.

    Args:
        norm: ε > 0, the length of each token's noise; 1.0 is the official command line's default.

    Source: Yan et al., 2021 (arXiv:2105.11741), section 3.2, after Kurakin et al., 2016
        (arXiv:1607.02533).
    """
