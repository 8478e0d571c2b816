"""R-Drop for any trainer of transformers: two passes, one forward, in two lines."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from sentemb.errors import IdenticalViewsError, UsageError
from sentemb.functional import symmetric_kl
from sentemb.types import Logits

if TYPE_CHECKING:
    from transformers import Trainer as Base
else:
    Base = object

IGNORED = -100
"""The label of tokens that do not count."""
MULTI_LABEL = "multi_label_classification"


class RDropMixin(Base):
    r"""Train any classifier of transformers with R-Drop.

    .. math:: \mathcal L_1 + \mathcal L_2 + \frac{\alpha}{2} \,
        \frac1N \sum_i \bigl[ \mathrm{KL}(P_1 \Vert P_2) + \mathrm{KL}(P_2 \Vert P_1) \bigr]

    Both passes are one forward over the batch, twice, with two dropout masks; each
    :math:`\mathcal L` is what the trainer would compute (with label smoothing, class weights, your
    own loss). KL is summed over classes and averaged over rows, or over the labelled
    tokens, in float32. For regression the mean squared difference of both predictions stands for
    the bracket and its half; for several labels at once the KL of each label is added up.
    Evaluation is one ordinary forward. ``loss_task`` and ``loss_kl`` are logged: the first two
    terms, and the mean bracket's half, before α.

    Works with models whose outputs have ``logits`` and whose batches have ``labels``, with
    accumulation, mixed precision and several processes. With accumulation each batch is a mean of
    its own, also where transformers would count tokens over all of them. What is labelled -100
    counts in no term.

    Attributes:
        r_drop: α; raising it pulls both passes together more. 0 leaves twice the ordinary loss.

    Raises:
        IdenticalViewsError: At the first batch, when both passes are equal: there is no dropout.
        UsageError: When α is negative, or a batch has no labels.

    Source: Liang et al., 2021, R-Drop (arXiv:2106.14448), algorithm 1.

    Example:
        >>> from transformers import Trainer
        >>> class RDropTrainer(RDropMixin, Trainer):
        ...     r_drop = 1.0
    """

    r_drop: float = 1.0
    loss_is_scaled_for_ga = False  # ours is the mean of a batch: the Trainer divides it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.r_drop >= 0:
            raise UsageError(f"r_drop is a weight, 0 or more, got {self.r_drop}.")
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = False
        self._r_drop_terms: list[dict[str, Tensor]] = []
        self._passes_known_to_differ = False

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return R-Drop's loss in training, the ordinary one in evaluation."""
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if "labels" not in inputs:
            raise UsageError("R-Drop needs labels in every batch: name the column 'labels'.")
        labels = inputs["labels"]
        twice = {name: _twice(value, len(labels)) for name, value in inputs.items()}
        mean, outputs = super().compute_loss(model, twice, return_outputs=True)
        task = 2 * mean.float()
        with torch.autocast(labels.device.type, enabled=False):
            first, second = outputs["logits"].float().chunk(2)
            if not self._passes_known_to_differ:
                require_two_passes(self.model, first, second)
                self._passes_known_to_differ = True
            answers = labels
            if type(self.model).__name__ in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
                first, second, answers = first[:, :-1], second[:, :-1], labels[:, 1:]
            kl = _divergence(first, second, answers, _problem(self.model))
            terms = {"task": task, "kl": kl, **self.further_terms(outputs, labels)}
        if self.args.logging_strategy != "no":
            self.keep_terms({name: term.detach() for name, term in terms.items()})
        loss = sum(self.weight_of(name) * term for name, term in terms.items())
        return (loss, outputs) if return_outputs else loss

    def further_terms(self, outputs: Any, labels: Tensor) -> dict[str, Tensor]:
        """Return more terms of the loss, from the outputs of both passes; none here."""
        return {}

    def keep_terms(self, terms: dict[str, Tensor]) -> None:
        """Keep the terms of a batch for the next line of the log."""
        self._r_drop_terms.append(terms)

    def weight_of(self, term: str) -> float:
        """Return the weight of a term of the loss, by its name."""
        return {"task": 1.0, "kl": self.r_drop}[term]

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log, with the mean of each term since the last line, over all processes."""
        if "loss" in logs and self._r_drop_terms:
            for name in self._r_drop_terms[0]:
                values = torch.stack([terms[name] for terms in self._r_drop_terms])
                mean = self.accelerator.reduce(values.mean(), "mean")
                logs[f"loss_{name}"] = round(float(mean), 6)
            self._r_drop_terms.clear()
        super().log(logs, *args, **kwargs)


def require_two_passes(model: Any, first: Logits, second: Logits) -> None:
    """Raise when two passes of the same rows gave the same logits.

    Raises:
        IdenticalViewsError: When no logit differs by 1e-6.
    """
    if float((first - second).detach().abs().max()) < 1e-6:
        config = getattr(model, "config", None)
        names = [name for name in vars(config or object) if "drop" in name]
        raise IdenticalViewsError(
            "Both passes gave the same logits: the model has no dropout, so R-Drop and the "
            f"contrast have no effect. Set {' and '.join(names) or 'it'} to 0.1 in its config."
        )


def _twice(value: Any, rows: int) -> Any:
    """Repeat what has a row for each row of the batch."""
    if isinstance(value, Tensor) and value.ndim and len(value) == rows:
        return torch.cat([value, value])
    return value


def _problem(model: Any) -> str | None:
    problem: str | None = getattr(getattr(model, "config", None), "problem_type", None)
    return problem


def _divergence(first: Logits, second: Logits, labels: Tensor, problem: str | None) -> Tensor:
    """Return half of both divergences, averaged over rows or labelled tokens."""
    if problem == "regression" or first.shape[-1] == 1:
        return (first - second).square().mean()
    one_each = labels.is_floating_point() and labels.shape == first.shape
    if problem == MULTI_LABEL or (problem is None and one_each):
        # Each label is a choice of two: log-odds of 0 and of the logit.
        first, second = (torch.stack([x, torch.zeros_like(x)], dim=-1) for x in (first, second))
        return symmetric_kl(first, second).sum(dim=-1).mean() / 2
    both = symmetric_kl(first, second) / 2
    if labels.shape != both.shape:
        return both.mean()
    counts = labels != IGNORED
    return both.masked_fill(~counts, 0.0).sum() / counts.sum().clamp(min=1)
