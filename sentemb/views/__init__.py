"""Views: every way to see a sentence."""

from sentemb.views.cutoff import EmbeddingDropout, FeatureCutoff, SpanCutoff, TokenCutoff
from sentemb.views.draws import Draws, row_key
from sentemb.views.eda import (
    EDA,
    RandomDeletion,
    RandomInsertion,
    RandomSwap,
    SynonymReplacement,
    Synonyms,
)
from sentemb.views.negate import Negate
from sentemb.views.noise import Adversarial, GaussianNoise, SupervisedAdversarial
from sentemb.views.shuffle import TokenShuffle
from sentemb.views.subwords import SubwordCrop, SubwordDropout, SubwordRepetition
from sentemb.views.view import Edit, Order, Perturbation, TokenEdit, TokenTemplate, View
from sentemb.views.wordnet import WordNet
from sentemb.views.words import Crop, WordDropout, WordRepetition

__all__ = [
    "EDA",
    "Adversarial",
    "Crop",
    "Draws",
    "Edit",
    "EmbeddingDropout",
    "FeatureCutoff",
    "GaussianNoise",
    "Negate",
    "Order",
    "Perturbation",
    "RandomDeletion",
    "RandomInsertion",
    "RandomSwap",
    "SpanCutoff",
    "SubwordCrop",
    "SubwordDropout",
    "SubwordRepetition",
    "SupervisedAdversarial",
    "SynonymReplacement",
    "Synonyms",
    "TokenCutoff",
    "TokenEdit",
    "TokenShuffle",
    "TokenTemplate",
    "View",
    "WordDropout",
    "WordNet",
    "WordRepetition",
    "row_key",
]
