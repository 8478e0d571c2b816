"""What a teacher that is a file knows: its vectors, by the numbers of their texts."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.text_vectors import read_text_vectors
from sentemb.errors import InputError
from sentemb.training.tokenised_rows import number_of
from sentemb.twins import Teacher


def read_file(teacher: Teacher) -> None:
    """Have a teacher remember all vectors in its file.

    A missing hard negative, which no loss compares, has a vector of zeros.

    Raises:
        InputError: When the file cannot be read, or a text has two different vectors; names the
            row.
    """
    places: dict[int, int] = {}
    vectors: list[NDArray[np.float32]] = []
    for row, text, vector in read_text_vectors(Path(teacher.file)):
        place = places.setdefault(number_of(text), len(vectors))
        if place == len(vectors):
            vectors.append(vector)
        elif not np.array_equal(vectors[place], vector):
            raise InputError(
                f"'{teacher.file}', row {row:,}: {text[:40]!r} has another vector than in a row "
                "before it: give each text one."
            )
    if places.setdefault(number_of(""), len(vectors)) == len(vectors):
        vectors.append(np.zeros(teacher.width, np.float32))
    teacher.remember(np.fromiter(places, np.int64), np.stack(vectors))
