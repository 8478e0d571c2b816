"""The teachers of methods, by name."""

import os

from sentemb.encoders.build import build_encoder
from sentemb.errors import UsageError
from sentemb.twins import Teacher

NO_TEACHER = (
    "Method '{}' needs a teacher: give a bundled encoder, a folder or a hub id as `teacher`."
)


def teacher_named(name: str | None, method: str) -> Teacher:
    """Return a teacher.

    Args:
        name: A bundled encoder, a folder or a hub id.
        method: That needs it.

    Raises:
        UsageError: When there is no name.
        InputError: When it cannot be found or read.
    """
    if not name:
        raise UsageError(NO_TEACHER.format(method))
    return Teacher(build_encoder(name), os.fspath(name))
