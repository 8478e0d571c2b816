"""Twin architectures: how views become pairs."""

from sentemb.twins.heads import mlp
from sentemb.twins.pair_classifier import PairClassifier
from sentemb.twins.siamese import Siamese
from sentemb.twins.twin import Twin

__all__ = ["PairClassifier", "Siamese", "Twin", "mlp"]
