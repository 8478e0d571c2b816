"""Classification with plain transformers models, and what contrast adds to it."""

from sentemb.finetuning.r_drop import RDropMixin

__all__ = ["RDropMixin"]
