"""Objectives: functions of :class:`sentemb.Pairs`, one file each."""

from collections.abc import Callable

from torch import Tensor

from sentemb.losses.flat_nce import FlatNCE, FlatNCEOneWay
from sentemb.losses.info_nce import InfoNCE
from sentemb.losses.nt_xent import NTXent
from sentemb.pairs import Pairs

Loss = Callable[[Pairs], Tensor]
"""Any function of pairs that returns a scalar is a loss."""

__all__ = ["FlatNCE", "FlatNCEOneWay", "InfoNCE", "Loss", "NTXent"]
