"""Readers: files and hub data sets into rows with fixed column names."""

from sentemb.datasets.sts import read_sts
from sentemb.datasets.texts import read_texts
from sentemb.datasets.training import TrainingData, read_training_data

__all__ = ["TrainingData", "read_sts", "read_texts", "read_training_data"]
