"""What a study measures, in closed form."""

import numpy as np
import pytest

from sentemb.evaluation import STS
from sentemb.experiments import Measured
from tests.support.helpers import at, cos


def test_all_measures_of_an_encoder_encode_each_text_once():
    vectors = dict(zip("abcd", at(0, 10, 40, 90).float().numpy(), strict=True))
    asked = []

    def encode(texts):
        asked.extend(texts)
        return np.stack([vectors[text] for text in texts])

    dev = STS("dev", ["a", "a", "a"], ["b", "c", "d"], [5.0, 3.0, 1.0])
    result = Measured(dev, ["a", "b", "d"], [0, 0, 1])(encode)
    assert sorted(asked) == ["a", "b", "c", "d"]
    assert result["spearman"] == pytest.approx(100)
    assert result["tolerance"] == pytest.approx(cos(10), abs=1e-6)
    assert result["alignment"] == pytest.approx(2 - 2 * cos(10), abs=1e-6)
    all_of_them = cos(10) - (cos(40) + cos(90) + cos(30) + cos(80)) / 4
    assert result["local_separation"] == pytest.approx(all_of_them, abs=1e-6)
