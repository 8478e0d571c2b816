"""What classification and regression are scored by, as GLUE does."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

Numbers = NDArray[np.float64]


def classification(logits: Numbers, labels: Numbers) -> dict[str, float]:
    """Return accuracy, F1 (macro; of two classes also of the second), and Matthews' correlation.

    Accuracy is micro F1 too, since each row has one label.

    Example:
        >>> numbers = classification(np.eye(2), np.array([0, 0]))
        >>> numbers["accuracy"], numbers["mcc"]
        (0.5, 0.0)
    """
    predicted = logits.argmax(axis=1)
    numbers = {
        "accuracy": accuracy_score(labels, predicted),
        "f1_macro": f1_score(labels, predicted, average="macro", zero_division=0),
        "f1_micro": f1_score(labels, predicted, average="micro", zero_division=0),
        "mcc": matthews_corrcoef(labels, predicted),
    }
    if logits.shape[1] == 2:
        numbers["f1"] = f1_score(labels, predicted, zero_division=0)
    return {name: float(number) for name, number in numbers.items()}


def regression(predictions: Numbers, labels: Numbers) -> dict[str, float]:
    """Return Pearson's and Spearman's correlation and the mean squared error.

    Predictions that are all equal have correlations of 0.
    """
    flat = predictions.reshape(-1)
    constant = float(np.ptp(flat)) == 0
    return {
        "pearson": 0.0 if constant else float(pearsonr(flat, labels)[0]),
        "spearman": 0.0 if constant else float(spearmanr(flat, labels)[0]),
        "mse": float(np.mean((flat - labels) ** 2)),
    }


def scorer(classes: int) -> Callable[[Numbers, Numbers], dict[str, float]]:
    """Return the function for so many classes; 0 is regression."""
    return classification if classes else regression
