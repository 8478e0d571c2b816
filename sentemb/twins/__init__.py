"""Twin architectures: how views become pairs."""

from sentemb.twins.captioning import Captioning
from sentemb.twins.cross_modal import CrossModal
from sentemb.twins.ema import ConstantMomentum, CosineMomentum
from sentemb.twins.equivariant import EditPredictor, Equivariant
from sentemb.twins.group_whitening import GroupWhitening
from sentemb.twins.heads import batch_norm, between, layers, mlp
from sentemb.twins.hub_and_spoke import Hub, Spokes
from sentemb.twins.layered import Layered, first_layers, fixed_sizes
from sentemb.twins.memory_bank import BankedSiamese, MemoryBank
from sentemb.twins.momentum import Momentum, MomentumPredictor, MomentumQueue, QueuedSiamese
from sentemb.twins.multi_crop import MultiCrop
from sentemb.twins.pair_classifier import NextSentence, PairClassifier
from sentemb.twins.principal_components import PrincipalComponents
from sentemb.twins.prototypes import Prototypes
from sentemb.twins.queue import Queue
from sentemb.twins.siamese import OffDropout, Siamese
from sentemb.twins.taught import Taught
from sentemb.twins.teacher import AveragedTeachers, FileTeacher, Teacher
from sentemb.twins.twin import EncoderTwin, Twin, require_twin, text_ids
from sentemb.twins.two_tower import TwoTower
from sentemb.twins.two_views import TwoViews

__all__ = [
    "AveragedTeachers",
    "BankedSiamese",
    "Captioning",
    "ConstantMomentum",
    "CosineMomentum",
    "CrossModal",
    "EditPredictor",
    "EncoderTwin",
    "Equivariant",
    "FileTeacher",
    "GroupWhitening",
    "Hub",
    "Layered",
    "MemoryBank",
    "Momentum",
    "MomentumPredictor",
    "MomentumQueue",
    "MultiCrop",
    "NextSentence",
    "OffDropout",
    "PairClassifier",
    "PrincipalComponents",
    "Prototypes",
    "Queue",
    "QueuedSiamese",
    "Siamese",
    "Spokes",
    "Taught",
    "Teacher",
    "Twin",
    "TwoTower",
    "TwoViews",
    "batch_norm",
    "between",
    "first_layers",
    "fixed_sizes",
    "layers",
    "mlp",
    "require_twin",
    "text_ids",
]
