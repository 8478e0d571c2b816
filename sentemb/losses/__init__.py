"""Objectives: functions of :class:`sentemb.Pairs`, one file each."""

from sentemb.losses.alignment_uniformity import AlignmentUniformity
from sentemb.losses.barlow_twins import BarlowTwins
from sentemb.losses.combine import EachSentence, Loss, Sum, Term
from sentemb.losses.contrast import RowLoss
from sentemb.losses.contrastive import Contrastive
from sentemb.losses.cross_entropy import CrossEntropy
from sentemb.losses.dclw import DCLW
from sentemb.losses.debiased import Debiased, HardNegativeWeighted
from sentemb.losses.dimension_wise import DimensionWise
from sentemb.losses.flat_nce import FlatNCE, FlatNCEOneWay
from sentemb.losses.graded import AnglE, CoSENT
from sentemb.losses.hard_contrastive import HardContrastive, HardContrastiveQuantile
from sentemb.losses.info_nce import InfoNCE
from sentemb.losses.mask_similar import MaskSimilar
from sentemb.losses.matryoshka import Matryoshka
from sentemb.losses.negative_cosine import NegativeCosine
from sentemb.losses.noise_contrastive import NegativeSampling, NoiseContrastive
from sentemb.losses.nt_xent import NTXent
from sentemb.losses.r_drop import RDrop
from sentemb.losses.sigmoid import Sigmoid
from sentemb.losses.simple_contrastive import SimpleContrastive
from sentemb.losses.sup_con import SupConIn, SupConOut
from sentemb.losses.swapped_prediction import SwappedPrediction
from sentemb.losses.symmetric_info_nce import SymmetricInfoNCE
from sentemb.losses.triplet import Triplet, TripletSquared
from sentemb.losses.vicreg import VICReg
from sentemb.losses.weighted_info_nce import WeightedInfoNCE

__all__ = [
    "DCLW",
    "AlignmentUniformity",
    "AnglE",
    "BarlowTwins",
    "CoSENT",
    "Contrastive",
    "CrossEntropy",
    "Debiased",
    "DimensionWise",
    "EachSentence",
    "FlatNCE",
    "FlatNCEOneWay",
    "HardContrastive",
    "HardContrastiveQuantile",
    "HardNegativeWeighted",
    "InfoNCE",
    "Loss",
    "MaskSimilar",
    "Matryoshka",
    "NTXent",
    "NegativeCosine",
    "NegativeSampling",
    "NoiseContrastive",
    "RDrop",
    "RowLoss",
    "Sigmoid",
    "SimpleContrastive",
    "Sum",
    "SupConIn",
    "SupConOut",
    "SwappedPrediction",
    "SymmetricInfoNCE",
    "Term",
    "Triplet",
    "TripletSquared",
    "VICReg",
    "WeightedInfoNCE",
]
