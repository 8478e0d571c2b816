"""Geometry: how vectors lie in their space, and linear maps that change it."""

from sentemb.geometry.analysis import Analysis, analyse
from sentemb.geometry.corpus import Corpus, Measure

__all__ = ["Analysis", "Corpus", "Measure", "analyse"]
