"""Twin architectures: how views become pairs."""

from sentemb.twins.ema import ConstantMomentum, CosineMomentum
from sentemb.twins.heads import batch_norm, between, layers, mlp
from sentemb.twins.momentum import Momentum
from sentemb.twins.next_sentence import NextSentence
from sentemb.twins.off_dropout import OffDropout
from sentemb.twins.pair_classifier import PairClassifier
from sentemb.twins.prototypes import Prototypes
from sentemb.twins.queue import Queue
from sentemb.twins.queued_siamese import QueuedSiamese
from sentemb.twins.siamese import Siamese
from sentemb.twins.twin import EncoderTwin, Twin, text_numbers
from sentemb.twins.two_tower import TwoTower
from sentemb.twins.with_queue import WithQueue

__all__ = [
    "ConstantMomentum",
    "CosineMomentum",
    "EncoderTwin",
    "Momentum",
    "NextSentence",
    "OffDropout",
    "PairClassifier",
    "Prototypes",
    "Queue",
    "QueuedSiamese",
    "Siamese",
    "Twin",
    "TwoTower",
    "WithQueue",
    "batch_norm",
    "between",
    "layers",
    "mlp",
    "text_numbers",
]
