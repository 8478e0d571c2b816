"""Zero-shot classification: a text gets the label whose own texts are nearest."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.labels import label_of
from sentemb.datasets.roles import LABEL, TEXT, column_of
from sentemb.datasets.source import read_source
from sentemb.errors import InputError, UsageError
from sentemb.types import Encode

if TYPE_CHECKING:
    from sentemb.modalities.cells import Modality

Numbers = NDArray[np.float64]
Labels = str | os.PathLike[str] | Sequence[str] | Mapping[str, str | Sequence[str]]
"""A file of labels, a list of them, or the text or texts of each label."""
TEMPLATE = "This text is about {}."
TEMPLATES: Mapping["Modality | None", str] = {
    None: TEMPLATE,
    "picture": "a photo of {}.",
    "sound": "This is a sound of {}.",
}
"""What a label's text is put into by default, by what is labelled: CLIP's, and CLAP's."""
PLACE = "{}"


def read_labels(labels: Labels) -> dict[str, list[str]]:
    """Return the texts that describe each label.

    Args:
        labels: A file with a label a line, or with the columns ``label`` and ``text``, where a
            label may have several rows; a list of labels; or the text or texts of each label. A
            label without a text is its own text.

    Raises:
        InputError: When there are fewer than two labels, a label is blank or repeated, or two
            labels have the same text; names the row.

    Example:
        >>> read_labels({"a": "An apple.", "b": ["A pear.", "A plum."]})
        {'a': ['An apple.'], 'b': ['A pear.', 'A plum.']}
        >>> read_labels(["sport", "music"])
        {'sport': ['sport'], 'music': ['music']}
    """
    if isinstance(labels, str | os.PathLike):
        return _checked(_rows_of_file(labels), str(labels))
    if isinstance(labels, Mapping):
        pairs = [
            (label, text)
            for label, texts in labels.items()
            for text in ([texts] if isinstance(texts, str) else texts)
        ]
    else:
        pairs = [(label, label) for label in labels]
    return _checked(((n, *pair) for n, pair in enumerate(pairs, start=1)), "labels")


def label_vectors(
    labels: Mapping[str, Sequence[str]], encode: Encode, templates: Sequence[str] = (TEMPLATE,)
) -> Numbers:
    r"""Return a unit vector for each label: the mean direction of its texts in all templates.

    .. math:: w_c = \frac{m_c}{\lVert m_c \rVert}, \qquad
        m_c = \frac1{\lvert T_c \rvert} \sum_{t \in T_c} \frac{f(t)}{\lVert f(t) \rVert}

    Args:
        labels: The texts of each label.
        encode: From texts to vectors.
        templates: Each with ``{}`` in the place of a label's text.

    Raises:
        UsageError: When a template has no ``{}``.

    Source: Radford et al., 2021 (arXiv:2103.00020), section 3.1.4, with the vectors of texts in
        the place of those of pictures.
    """
    require_templates(templates)
    texts = [
        [template.replace(PLACE, text) for text in each for template in templates]
        for each in labels.values()
    ]
    vectors = iter(_unit(np.asarray(encode([t for each in texts for t in each]), np.float64)))
    means = [np.mean([next(vectors) for _ in each], axis=0) for each in texts]
    return _unit(np.stack(means))


def check_question(
    labels: object, examples: object, templates: Sequence[str] | None, of_training: Sequence[str]
) -> None:
    """Raise unless texts are labelled either by labels or by examples, with the options of either.

    Args:
        labels: Given or None.
        examples: Given or None.
        templates: As given, or None.
        of_training: Names of the options that only training on examples takes.

    Raises:
        UsageError: Names what is missing, or has no effect.
    """
    if (labels is None) == (examples is None):
        raise UsageError("Give either `labels`, for zero-shot, or `examples`, for few-shot.")
    if labels is not None and of_training:
        raise UsageError(f"`{of_training[0]}` has no effect without `examples`: leave it out.")
    if labels is None and templates is not None:
        raise UsageError("`template` has no effect without `labels`: leave it out.")
    if templates is not None:
        require_templates(templates)


def require_templates(templates: Sequence[str]) -> None:
    """Raise unless each template has a place for a label's text.

    Raises:
        UsageError: Names the first that has none.
    """
    if not templates:
        raise UsageError(f"template needs at least one text with {PLACE}, as '{TEMPLATE}'.")
    for template in templates:
        if PLACE not in template:
            raise UsageError(
                f"template '{template}' has no {PLACE} for the label: give one as '{TEMPLATE}'."
            )


def _rows_of_file(path: str | os.PathLike[str]) -> Iterable[tuple[int, str, str]]:
    """Yield row number, label and text of each row of a file that is not blank."""
    present, rows = read_source(path, split=None)
    texts = column_of(TEXT, present)
    of_labels = column_of(LABEL, present) or texts
    if of_labels is None:
        raise InputError(
            f"{path} has the columns {', '.join(present)}; a file of labels needs the column "
            "label, and may have the column text."
        )
    for number, row in rows:
        label = label_of(row, of_labels, path, number)
        if label is None:
            raise InputError(f"{path}, row {number} has no label: fill it, or take the row out.")
        yield number, label, str(row.get(texts) or label) if texts else label


def _checked(rows: Iterable[tuple[int, str, str]], source: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    seen: dict[str, tuple[int, str]] = {}
    for number, label, text in rows:
        if not (isinstance(label, str) and label.strip()):
            raise InputError(f"{source}, row {number} has no label: fill it, or take the row out.")
        text = str(text).strip()
        if not text:
            raise InputError(f"{source}, row {number}: label '{label}' has a blank text.")
        earlier = seen.setdefault(text, (number, label))
        if earlier[0] != number:
            raise InputError(
                f"{source}, row {number}: label '{label}' has the text of row {earlier[0]} (label "
                f"'{earlier[1]}'), '{text[:40]}': give each text once."
            )
        found.setdefault(label, []).append(text)
    if len(found) < 2:
        named = "".join(f", '{label}'" for label in found)
        raise InputError(f"{source} has {len(found)} label{named}: at least 2 are needed.")
    return found


def _unit(vectors: Numbers) -> Numbers:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
