"""Classification with plain transformers models, and what contrast adds to it."""

from sentemb.finetuning.r_drop import RDropMixin
from sentemb.finetuning.result import FinetuneRun
from sentemb.finetuning.run import finetune
from sentemb.finetuning.settings import FinetuneSettings

__all__ = ["FinetuneRun", "FinetuneSettings", "RDropMixin", "finetune"]
