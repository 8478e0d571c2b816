"""Training: collator, trainer, checkpoints, and the run that ties them."""

from sentemb.training.result import Run
from sentemb.training.run import train
from sentemb.training.settings import Settings
from sentemb.training.trainer import ContrastiveTrainer

__all__ = ["ContrastiveTrainer", "Run", "Settings", "train"]
