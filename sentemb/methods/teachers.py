"""The teachers of methods, by name."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sentemb.datasets.text_vectors import names_vectors, width_of_vectors
from sentemb.encoders.build import build_encoder
from sentemb.errors import UsageError
from sentemb.twins import FileTeacher, PrincipalComponents, Taught, Teacher, layers
from sentemb.twins.heads import width

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

NO_TEACHER = (
    "Method '{}' needs a teacher: give a bundled encoder, a folder, a hub id or a file of vectors "
    "as `teacher`."
)


def teacher_named(name: str | None, method: str) -> Teacher:
    """Return a teacher.

    Args:
        name: A bundled encoder, a folder, a hub id or a file of vectors.
        method: That needs it.

    Raises:
        UsageError: When there is no name.
        InputError: When it cannot be found or read.
    """
    if not name:
        raise UsageError(NO_TEACHER.format(method))
    if names_vectors(name):
        return FileTeacher(os.fspath(name), width_of_vectors(Path(name)))
    return Teacher(build_encoder(name), os.fspath(name))


def taught(
    encoder: "SentenceTransformer", teacher: Teacher, match: Literal["linear", "pca"]
) -> Taught:
    """Return a twin that learns a teacher's vectors.

    Args:
        encoder: The student.
        teacher: Frozen.
        match: How unequal widths are made equal: linear puts a layer behind the student, pca
            narrows the teacher.

    Raises:
        UsageError: When pca would have to widen the teacher.
    """
    widths = teacher.width, width(encoder)
    if widths[0] == widths[1]:
        return Taught(encoder, teacher)
    if match == "pca":
        components = PrincipalComponents(*widths).to(encoder.device)
        return Taught(encoder, teacher, components=components)
    return Taught(encoder, teacher, projector=layers(encoder, teacher.width))
