"""Trainers of transformers that fine-tune by our settings."""

from typing import Any, cast

from datasets import Dataset
from torch import Tensor
from torch.utils.data import Sampler
from transformers import Trainer

from sentemb.finetuning.balanced import ClassBalancedSampler
from sentemb.finetuning.r_drop import RDropMixin
from sentemb.finetuning.settings import FinetuneSettings
from sentemb.losses import InfoNCE, SupConOut
from sentemb.pairs import Pairs


class TwoPassTrainer(RDropMixin, Trainer):
    """R-Drop, SupCon and unsupervised contrast beside the task's loss, in any combination.

    Args:
        settings: Weights and temperatures.
        kwargs: As for any Trainer.
    """

    def __init__(self, settings: FinetuneSettings, **kwargs: Any) -> None:
        self.settings = settings
        self.r_drop = settings.r_drop
        super().__init__(**kwargs)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Ask for the hidden states where they are contrasted."""
        if model.training and (self.settings.supcon or self.settings.contrast):
            inputs = {**inputs, "output_hidden_states": True}
        return super().compute_loss(model, inputs, *args, **kwargs)

    def further_terms(self, outputs: Any, labels: Tensor) -> dict[str, Tensor]:
        """Return the contrasts of both passes' [CLS]."""
        if not (self.settings.supcon or self.settings.contrast):
            return {}
        first, second = outputs["hidden_states"][-1][:, 0].float().chunk(2)
        pairs = Pairs(first, second)
        terms = {}
        if self.settings.supcon:
            loss = SupConOut(self.settings.supcon_temperature)
            terms["supcon"] = loss(Pairs(first, second, labels=labels))
        if self.settings.contrast:
            terms["contrast"] = InfoNCE(self.settings.contrast_temperature)(pairs)
        return terms

    def weight_of(self, term: str) -> float:
        """Return a term's weight; without R-Drop the task counts once, not once a pass."""
        task = (1.0 if self.r_drop else 0.5) * (1 - self.settings.supcon)
        weights = {"task": task, "kl": self.r_drop}
        weights |= {"supcon": self.settings.supcon, "contrast": self.settings.contrast}
        return weights[term]

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        """Draw every class alike where SupCon needs several rows of each in a batch."""
        if not self.settings.supcon:
            return super()._get_train_sampler(train_dataset)
        labels = cast(Dataset, self.train_dataset)["labels"][:]
        return ClassBalancedSampler(labels, self.settings.seed)
