"""Trainers of transformers that fine-tune by our settings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import Sampler
from transformers import EarlyStoppingCallback, PreTrainedTokenizerBase, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from sentemb.errors import InputError
from sentemb.finetuning.classifier import saved_weights
from sentemb.finetuning.r_drop import RDropMixin
from sentemb.finetuning.settings import FinetuneSettings
from sentemb.losses import InfoNCE, SupConOut
from sentemb.pairs import Pairs
from sentemb.runs.committed_trainer import require_whole
from sentemb.runs.guarded_trainer import GuardedTrainer
from sentemb.runs.logs import MetricsFile, Terms
from sentemb.runs.run_folder import METRICS


class FinetuneTrainer(GuardedTrainer):
    """transformers' own, with commits and without a pickle beside the model.

    The loss of accumulated batches is the mean of their means: most classifiers do not divide by
    the number of all labels, though they take it.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.terms = Terms(digits=6)
        super().__init__(**kwargs)
        self.model_accepts_loss_kwargs = False

    def save_weights(self, folder: Path) -> None:
        """Save the model as transformers does."""
        super().save_weights(folder)
        (folder / "training_args.bin").unlink()

    def _load_callback_state(self) -> None:
        """Take up how long there was nothing better; the patience is this run's."""
        saved: Any = self.state.stateful_callbacks
        for one in self._stoppers():
            saved.setdefault(type(one).__name__, one.state())
        patience = [one.early_stopping_patience for one in self._stoppers()]
        super()._load_callback_state()
        for one, own in zip(self._stoppers(), patience, strict=True):
            one.early_stopping_patience = own

    def _stoppers(self) -> list[EarlyStoppingCallback]:
        found = self.callback_handler.callbacks
        return [one for one in found if isinstance(one, EarlyStoppingCallback)]

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        self._load(Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        best = Path(str(self.state.best_model_checkpoint))
        require_whole(best)
        self._load(best)

    def _load(self, checkpoint: Path) -> None:
        weights = saved_weights(self.trained, checkpoint)
        if weights is None:
            raise InputError(
                f"Checkpoint '{checkpoint}' does not hold the weights of this model: remove it to "
                "resume from the one before, or start afresh (`overwrite=True`)."
            )
        self.trained.load_state_dict(weights)

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Run none where patience had ended before the run was cut."""
        for one in self._stoppers():
            out = one.early_stopping_patience_counter >= one.early_stopping_patience
            self.control.should_training_stop |= out
        if not self.control.should_training_stop:
            super()._run_epoch(*args, **kwargs)


class TwoPassTrainer(RDropMixin, FinetuneTrainer):
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
        """Return the contrasts of both passes' [CLS]; a lone row has none, so they are 0."""
        names = [name for name in ("supcon", "contrast") if getattr(self.settings, name)]
        if not names or len(labels) == 1:
            return dict.fromkeys(names, labels.new_zeros((), dtype=torch.float32))
        first, second = outputs["hidden_states"][-1][:, 0].float().chunk(2)
        terms = {}
        if self.settings.supcon:
            loss = SupConOut(self.settings.supcon_temperature)
            terms["supcon"] = loss(Pairs(first, second, labels=labels))
        if self.settings.contrast:
            pairs = Pairs(first, second)
            terms["contrast"] = InfoNCE(self.settings.contrast_temperature)(pairs)
        return terms

    def weight_of(self, term: str) -> float:
        """Return a term's weight; without R-Drop the task counts once, not once a pass."""
        task = (1.0 if self.r_drop else 0.5) * (1 - self.settings.supcon)
        weights = {"task": task, "kl": self.r_drop}
        weights |= {"supcon": self.settings.supcon, "contrast": self.settings.contrast}
        return weights[term]

    def keep_terms(self, terms: dict[str, Tensor]) -> None:
        """Keep the terms of a batch for the log, and for a resumed run."""
        self.terms.add(terms)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        """Draw every class alike where SupCon needs several rows of each in a batch."""
        if not self.settings.supcon:
            return super()._get_train_sampler(train_dataset)
        labels = cast(Dataset, self.train_dataset)["labels"][:]
        return ClassBalancedSampler(labels, self.settings.seed)


def make_trainer(
    classifier: Any,
    tokenizer: PreTrainedTokenizerBase,
    rows: Dataset,
    dev_rows: Dataset,
    arguments: TrainingArguments,
    settings: FinetuneSettings,
    score: Callable[[Any, Any], dict[str, float]],
) -> FinetuneTrainer:
    """Make the trainer that the settings ask for; it logs as `train` does."""
    common: dict[str, Any] = {
        "model": classifier,
        "args": arguments,
        "train_dataset": rows,
        "eval_dataset": dev_rows,
        "processing_class": tokenizer,
        "compute_metrics": lambda output: score(output.predictions, output.label_ids),
        "preprocess_logits_for_metrics": _logits_alone,
        "callbacks": [MetricsFile(Path(str(arguments.output_dir)).parent / METRICS)],
    }
    if settings.patience:
        common["callbacks"].append(EarlyStoppingCallback(settings.patience))
    trainer = (
        TwoPassTrainer(settings, **common) if settings.two_passes else FinetuneTrainer(**common)
    )
    for prints_to_stdout in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(prints_to_stdout)
    return trainer


def _logits_alone(outputs: Any, _labels: Any) -> Tensor:
    """Leave out what else a model returns, as its hidden states."""
    return outputs[0] if isinstance(outputs, tuple) else outputs  # type: ignore[no-any-return]


class ClassBalancedSampler(Sampler[int]):
    r"""Draw rows with replacement so that every class is as likely as any other.

    .. math:: p_i = \frac{1}{C \, n_{y_i}}

    The draws of an epoch depend on the seed and the epoch's number alone, so a resumed run sees the
    rows of an uninterrupted one.

    Args:
        labels: Class of each row.
        seed: Of the draws.
    """

    def __init__(self, labels: list[int], seed: int) -> None:
        classes = torch.tensor(labels)
        self._weights = 1.0 / torch.bincount(classes)[classes].double()
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw the rows of this epoch next; transformers calls it."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        draws = torch.multinomial(self._weights, len(self), replacement=True, generator=generator)
        return iter(draws.tolist())

    def __len__(self) -> int:
        return len(self._weights)
