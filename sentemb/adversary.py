"""The noise of adversarial views: a first pass, and one gradient with respect to the embeddings."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses import CrossEntropy
from sentemb.pairs import Pairs
from sentemb.types import Features, Mask, TokenEmbeddings
from sentemb.views import Adversarial, Draws, Perturbation, SupervisedAdversarial, View

GRADIENT_SCALE = 2.0**12
"""Keeps the gradients of a half-precision backward from rounding to 0; normalising undoes it."""

NEEDS_PAIRS = (
    "SupervisedAdversarial needs labelled pairs, each seen clean and attacked: use method "
    "consert-sup with `view=['clean', 'supervised-adversarial']`."
)
Forward = Callable[[Sequence[Features], Sequence[View]], tuple[Pairs, ...]]


def attacked(
    forward: Forward,
    loss: Callable[[tuple[Pairs, ...]], Tensor],
    features: Sequence[Features],
    views: Sequence[View],
) -> Sequence[View]:
    r"""Return the views, each adversarial one now adding the noise that raises the loss the most.

    .. math:: \varepsilon \, g_t / \lVert g_t \rVert, \qquad
        g_t = \partial \mathcal L / \partial x_t

    No parameter's gradient is touched, and the random state is given back, so that the next
    forward over the same rows draws the same dropout masks.

    Args:
        forward: From features and views to pairs, paired up in one or several ways.
        loss: The method's own. The supervised adversary has the cross-entropy instead, of the
            adversarial views alone.
        features: The tokens of each view.
        views: Those whose ``perturb`` is `Adversarial` are attacked.

    Raises:
        UsageError: When supervised and unsupervised adversaries are mixed, or labels are missing.

    Source: Yan et al., 2021 (arXiv:2105.11741), section 3.2. Deviation: the gradient is taken
        with respect to the embeddings alone, where the official code clears all gradients.
    """
    attackers = {
        i: view.perturb for i, view in enumerate(views) if isinstance(view.perturb, Adversarial)
    }
    if not attackers:
        return views
    supervised = {isinstance(attacker, SupervisedAdversarial) for attacker in attackers.values()}
    if len(supervised) > 1:
        raise UsageError("All adversarial views must be of one kind, supervised or not.")
    if supervised == {True} and len(attackers) != 2:
        raise UsageError(NEEDS_PAIRS)
    probes = {i: _Probe() for i in attackers}
    probed = [replace(view, perturb=probes.get(i, view.perturb)) for i, view in enumerate(views)]
    device = features[0]["input_ids"].device
    on_gpu = [device] if device.type == "cuda" else []
    with torch.enable_grad(), torch.random.fork_rng(devices=on_gpu):
        if supervised == {True}:
            (pairs,) = forward([features[i] for i in probes], [probed[i] for i in probes])
            if pairs.logits is None:
                raise UsageError(NEEDS_PAIRS)
            value = CrossEntropy()(pairs)
        else:
            value = loss(forward(features, probed))
        probed_embeddings = [p.embeddings for p in probes.values() if p.embeddings is not None]
        if len(probed_embeddings) < len(probes):
            raise UsageError(
                "An adversarial view is read by the momentum target alone, which has no gradient: "
                "attack the first view alone, as `view=['adversarial', 'clean']`."
            )
        gradients = torch.autograd.grad(value * GRADIENT_SCALE, probed_embeddings)
    noisy = list(views)
    for (i, probe), gradient in zip(probes.items(), gradients, strict=True):
        noise = _noise(gradient, probe.mask, attackers[i].norm)
        noisy[i] = replace(views[i], perturb=_adding(noise))
    return noisy


class _Probe:
    """A perturbation that changes nothing and keeps what it saw where a gradient goes through."""

    embeddings: TokenEmbeddings | None = None
    mask: Mask

    def __call__(self, embeddings: TokenEmbeddings, mask: Mask, draws: Draws) -> TokenEmbeddings:
        if not torch.is_grad_enabled():  # a momentum target's pass
            return embeddings
        self.embeddings, self.mask = embeddings.detach().requires_grad_(), mask
        return self.embeddings


def _noise(gradient: Tensor, mask: Mask, norm: float) -> Tensor:
    """Give each real token's gradient the length ``norm``, in float32."""
    gradient = gradient.float()
    length = gradient.norm(dim=2, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    noise: Tensor = norm * gradient / length * mask.unsqueeze(2)
    return noise


def _adding(noise: Tensor) -> Perturbation:
    return lambda embeddings, mask, draws: embeddings + noise.to(embeddings.dtype)
