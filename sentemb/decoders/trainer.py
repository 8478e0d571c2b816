"""`DecoderTrainer`: transformers' Trainer around a decoder, over the vectors of its texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import Tensor
from torch.utils.data import Sampler
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from sentemb.decoders.decoder_folder import TrainedDecoder
from sentemb.decoders.hypotheses import Hypotheses
from sentemb.decoders.vector_decoder import PADDING, VectorDecoder
from sentemb.errors import InputError
from sentemb.runs.guarded_trainer import GuardedTrainer
from sentemb.runs.logs import MetricsFile, Terms
from sentemb.runs.run_folder import METRICS
from sentemb.types import Vectors

STATE = "decoder.safetensors"
"""In a checkpoint: all weights of a decoder."""
SORTED_AT_ONCE = 50
"""Batches whose rows are sorted by length, so that little is padding."""


class VectorCollator:
    """Make a batch of rows: their vectors, and their tokens with padding on the right.

    Args:
        vectors: Of all texts, ``[texts, dim]``.
    """

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return the batch."""
        labels = [torch.tensor(row["labels"]) for row in rows]
        vectors = np.stack([self.vectors[row["row"]] for row in rows])
        return {
            "vectors": torch.from_numpy(vectors),
            "labels": torch.nn.utils.rnn.pad_sequence(labels, True, PADDING),
        }


class CorrectionCollator(VectorCollator):
    """Make a batch for a corrector, of which each row has a hypothesis and its vector too.

    Args:
        vectors: Of all texts, ``[texts, dim]``.
        hypotheses: Of all texts.
        first: The decoder that wrote them.
    """

    def __init__(self, vectors: Vectors, hypotheses: Hypotheses, first: TrainedDecoder) -> None:
        super().__init__(vectors)
        self.hypotheses, self.first = hypotheses, first

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return the batch."""
        places = [row["row"] for row in rows]
        again = np.stack([self.hypotheses.vectors[place] for place in places])
        return {
            **super().__call__(rows),
            "hypotheses": self.first.padded([self.hypotheses.ids[place] for place in places]),
            "again": torch.from_numpy(again),
        }


class ByLength(Sampler[int]):
    """Draw rows so that those of a batch are about as long as each other.

    The order of an epoch depends on the seed and the epoch's number alone, so a resumed run sees
    the batches of an uninterrupted one.

    Args:
        lengths: Of the rows, in tokens.
        batch_size: Rows of a batch.
        seed: Of the draws.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = np.array(lengths), batch_size, seed
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self.seed, self.epoch))
        order = random.permutation(len(self.lengths))
        batches: list[NDArray[np.int64]] = []
        last: list[NDArray[np.int64]] = []
        group = self.batch_size * SORTED_AT_ONCE
        for start in range(0, len(order), group):
            rows = order[start : start + group]
            rows = rows[np.argsort(self.lengths[rows], kind="stable")]
            for first in range(0, len(rows), self.batch_size):
                batch = rows[first : first + self.batch_size]
                (batches if len(batch) == self.batch_size else last).append(batch)
        chosen = [batches[place] for place in random.permutation(len(batches))]
        return iter(int(row) for batch in [*chosen, *last] for row in batch)

    def __len__(self) -> int:
        return len(self.lengths)


class DecoderTrainer(GuardedTrainer):
    """Trains a `VectorDecoder`; its checkpoints hold all of its weights."""

    def __init__(self, collator: VectorCollator, **kwargs: Any) -> None:
        self.terms = Terms(digits=6)
        super().__init__(data_collator=collator, **kwargs)
        self.model_accepts_loss_kwargs = False
        self.add_callback(MetricsFile(Path(str(self.args.output_dir)).parent / METRICS))
        for prints_to_stdout in (PrinterCallback, ProgressCallback):
            self.remove_callback(prints_to_stdout)

    def save_weights(self, folder: Path) -> None:
        """Save all weights of the decoder."""
        save_model(self.trained, str(folder / STATE))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        try:
            load_model(self.trained, Path(resume_from_checkpoint) / STATE)
        except (OSError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"Checkpoint '{resume_from_checkpoint}' does not fit this decoder: {reason}"
            ) from error

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        rows: Any = self.train_dataset
        lengths = list(map(len, rows["labels"][:]))
        self._order = ByLength(lengths, self.args.train_batch_size, self.args.seed)
        return self._order

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Tell the order its epoch: accelerate does not after a resume in several processes."""
        self._order.epoch = kwargs["epoch"]
        super()._run_epoch(*args, **kwargs)


def fits(decoder: VectorDecoder, checkpoint: Path) -> bool:
    """Tell whether the weights of a checkpoint have the names and shapes of a decoder's."""
    from safetensors.torch import load_file

    own = decoder.state_dict()
    try:
        saved = load_file(checkpoint / STATE)
    except (OSError, SafetensorError):
        return False
    return all(name in own and own[name].shape == tensor.shape for name, tensor in saved.items())


def rows_of(tokens: Sequence[Sequence[int]], chosen: Sequence[int]) -> Dataset:
    """Return rows of tokens with the place of each row's vector."""
    return Dataset.from_dict({"labels": [tokens[place] for place in chosen], "row": list(chosen)})
