"""Objectives: functions of :class:`sentemb.Pairs`, one file each."""

from sentemb.losses.combine import EachSentence, Sum
from sentemb.losses.cross_entropy import CrossEntropy
from sentemb.losses.flat_nce import FlatNCE, FlatNCEOneWay
from sentemb.losses.info_nce import InfoNCE
from sentemb.losses.loss import Loss, Term
from sentemb.losses.nt_xent import NTXent

__all__ = [
    "CrossEntropy",
    "EachSentence",
    "FlatNCE",
    "FlatNCEOneWay",
    "InfoNCE",
    "Loss",
    "NTXent",
    "Sum",
    "Term",
]
