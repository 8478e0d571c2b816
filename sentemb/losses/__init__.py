"""Objectives: functions of :class:`sentemb.Pairs`, one line for each."""

# ruff: noqa: I001 - the order is that of docs/losses.md
from sentemb.losses.combine import Loss as Loss
from sentemb.losses.combine import Term as Term
from sentemb.losses.contrast import RowLoss as RowLoss
from sentemb.losses.info_nce import InfoNCE as InfoNCE
from sentemb.losses.weighted_info_nce import WeightedInfoNCE as WeightedInfoNCE
from sentemb.losses.scheduled_info_nce import ScheduledInfoNCE as ScheduledInfoNCE
from sentemb.losses.symmetric_info_nce import SymmetricInfoNCE as SymmetricInfoNCE
from sentemb.losses.info_nce_within_views import InfoNCEWithinViews as InfoNCEWithinViews
from sentemb.losses.nt_xent import NTXent as NTXent
from sentemb.losses.flat_nce import FlatNCE as FlatNCE
from sentemb.losses.flat_nce import FlatNCEOneWay as FlatNCEOneWay
from sentemb.losses.dclw import DCLW as DCLW
from sentemb.losses.hard_contrastive import HardContrastive as HardContrastive
from sentemb.losses.hard_contrastive import HardContrastiveQuantile as HardContrastiveQuantile
from sentemb.losses.local_aggregation import LocalAggregation as LocalAggregation
from sentemb.losses.simple_contrastive import SimpleContrastive as SimpleContrastive
from sentemb.losses.debiased import Debiased as Debiased
from sentemb.losses.debiased import HardNegativeWeighted as HardNegativeWeighted
from sentemb.losses.noise_contrastive import NoiseContrastive as NoiseContrastive
from sentemb.losses.noise_contrastive import NegativeSampling as NegativeSampling
from sentemb.losses.sigmoid import Sigmoid as Sigmoid
from sentemb.losses.alignment_uniformity import AlignmentUniformity as AlignmentUniformity
from sentemb.losses.triplet import Triplet as Triplet
from sentemb.losses.triplet import TripletSquared as TripletSquared
from sentemb.losses.bidirectional_margin import BidirectionalMargin as BidirectionalMargin
from sentemb.losses.sup_con import SupConOut as SupConOut
from sentemb.losses.sup_con import SupConIn as SupConIn
from sentemb.losses.contrastive import Contrastive as Contrastive
from sentemb.losses.graded import CoSENT as CoSENT
from sentemb.losses.graded import AnglE as AnglE
from sentemb.losses.graded import CosineSimilarity as CosineSimilarity
from sentemb.losses.distillation import CosineDistillation as CosineDistillation
from sentemb.losses.distillation import MSEDistillation as MSEDistillation
from sentemb.losses.similarity_distillation import SimilarityKL as SimilarityKL
from sentemb.losses.similarity_distillation import SimilarityMSE as SimilarityMSE
from sentemb.losses.ranking import ListNet as ListNet
from sentemb.losses.ranking import ListMLE as ListMLE
from sentemb.losses.ranking import RankingConsistency as RankingConsistency
from sentemb.losses.margin_mse import MarginMSE as MarginMSE
from sentemb.losses.negative_cosine import NegativeCosine as NegativeCosine
from sentemb.losses.barlow_twins import BarlowTwins as BarlowTwins
from sentemb.losses.vicreg import VICReg as VICReg
from sentemb.losses.dimension_wise import DimensionWise as DimensionWise
from sentemb.losses.swapped_prediction import SwappedPrediction as SwappedPrediction
from sentemb.losses.cross_entropy import CrossEntropy as CrossEntropy
from sentemb.losses.r_drop import RDrop as RDrop
from sentemb.losses.combine import Sum as Sum
from sentemb.losses.combine import EachSentence as EachSentence
from sentemb.losses.matryoshka import Matryoshka as Matryoshka
from sentemb.losses.mask_similar import MaskSimilar as MaskSimilar
from sentemb.losses.guided import Guided as Guided
from sentemb.losses.with_score import WithScore as WithScore

__all__ = [name for name in dir() if name[0].isupper()]
