"""`classify`: labels for texts, by the labels' own texts or by a few examples."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.in_memory import Container
from sentemb.datasets.inputs import ID
from sentemb.datasets.labels import label_of
from sentemb.datasets.layouts import shown
from sentemb.datasets.roles import LABEL, column_of, plain
from sentemb.errors import InputError, UsageError, nearest
from sentemb.finetuning.scored_predictions import score_classes
from sentemb.jobs.job_options import known_options
from sentemb.modalities.cells import modality_of
from sentemb.tasks.abstaining import RiskCoverage, require_rate
from sentemb.tasks.beyond_text import signals_embedded
from sentemb.tasks.classified import AbstainBy, Classified
from sentemb.tasks.few_shot import FewShotSettings, contrast, fit_head
from sentemb.tasks.vectors import Embedded, embedded, read_table
from sentemb.tasks.zero_shot import TEMPLATES, Labels, check_question, label_vectors, read_labels
from sentemb.values import as_names, require_kind

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.encoder import Encoder
    from sentemb.modalities.cells import Modality
    from sentemb.tasks.vectors import AnyEncoder

    Data = str | os.PathLike[str] | Container

logger = logging.getLogger("sentemb")
Numbers = NDArray[np.float64]
TEMPERATURE = 0.05
EXAMPLES = [("text", "label")]


@dataclass(frozen=True)
class _LabelScores:
    """How well each label fits each text.

    Args:
        texts: With their columns.
        labels: Their names.
        similarities: ``[texts, labels]``; the margin is their difference.
        probabilities: ``[texts, labels]``.
    """

    texts: Embedded
    labels: Sequence[str]
    similarities: Numbers
    probabilities: Numbers


def classify(
    data: "Data | Embedded",
    labels: Labels | None = None,
    *,
    examples: "Data | TrainingData | None" = None,
    model: "AnyEncoder" = "mini-sentemb",
    template: str | Sequence[str] | None = None,
    column: str = "text",
    label_column: str | None = None,
    abstain_by: AbstainBy = "margin",
    abstain_below: float | None = None,
    at_most: float | None = None,
    confidence: float = 0.95,
    temperature: float | None = None,
    save: str | os.PathLike[str] | None = None,
    device: str | None = None,
    modality: "Modality | None" = None,
    **options: Any,
) -> Classified:
    """Label texts without training data, or with a few examples, as ``sentemb classify`` does.

    With ``labels`` each text gets the label whose texts are nearest (zero-shot). With ``examples``
    the encoder is first trained on pairs of them, then a logistic regression is fitted (SetFit).
    Where the data has labels too, what is returned says how often answers are wrong.

    Args:
        data: Texts, of any kind that `sentemb.tasks.vectors.embedded` takes.
        labels: A file with a label a line, or with the columns ``label`` and ``text``; a list of
            labels; or the text or texts of each label.
        examples: Labelled texts, of any kind that `train` takes; about 8 of each label.
        model: A bundled encoder, a folder, a hub id, a `SentenceTransformer` or an `Encoder`.
        template: One text or several, with ``{}`` in the place of a label's text; by default ``This
            text is about {}.``, of pictures ``a photo of {}.`` and of sounds ``This is a sound of
            {}.``; only with ``labels``.
        column: The column of the texts.
        label_column: The column of true labels, where it is not called ``label``.
        abstain_by: What confidence is. ``margin``: how far the best label is ahead of the second,
            in cosine or, with ``examples``, in probability. ``probability``: of the best label.
        abstain_below: Abstain where the confidence is lower.
        at_most: Abstain as much as needed to bound the error rate of new rows by this; needs true
            labels. The bound holds for rows drawn as these are.
        confidence: Probability that the bound holds.
        temperature: τ of the softmax that turns cosines into probabilities; by default 0.05, and
            of pictures and sounds what their tower was trained at last; only with ``labels``.
        save: A folder for the encoder that is trained on ``examples``.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; by default the GPU if there is one.
        modality: ``picture`` or ``sound``: what the rows hold in the place of texts, as in
            `Encoder.encode_file`; only with ``labels``.
        options: Fields of `FewShotSettings`, as ``epochs``; only with ``examples``.

    Raises:
        UsageError: When not exactly one of ``labels`` and ``examples`` is given, or an option is
            unknown, has no effect, or is out of its range.
        InputError: When data, labels or the model cannot be read; names the row.

    Example:
        >>> found = classify(["The striker scored twice."], ["sport", "music"])
        >>> list(found.rows[0])
        ['text', 'label', 'score', 'abstained']
    """
    known = [field.name for field in fields(FewShotSettings)]
    settings = FewShotSettings(**known_options(options, known, "classify"))
    templates = None if template is None else as_names("template", template)
    check_question(labels, examples, templates, [*options, *(["save"] if save is not None else [])])
    require_abstaining(abstain_by, abstain_below, at_most, confidence)
    if temperature is not None and not temperature > 0:
        raise UsageError(f"temperature must be positive, got {temperature}.")
    if labels is None and temperature is not None:
        raise UsageError("`temperature` has no effect without `labels`: leave it out.")
    if labels is None and (modality or modality_of(data)) is not None:
        raise UsageError("Pictures and sounds are labelled by `labels`, not by `examples`.")
    if labels is not None:
        described = read_labels(labels)
        scored = _zero_shot(
            data, described, templates, temperature, model, column, device, modality
        )
    else:
        shots = _examples(cast("Any", examples))
        scored = _few_shot(data, shots, settings, model, column, device, save)
    true = _true_labels(scored.texts, label_column)
    _compare_labels(true, scored.labels)
    if at_most is not None and not any(true):
        raise UsageError(
            "`at_most` needs rows with true labels: name their column with `label_column`."
        )
    return _classified(scored, true, abstain_by, abstain_below, at_most, confidence)


def require_abstaining(
    abstain_by: str, abstain_below: float | None, at_most: float | None, confidence: float
) -> None:
    """Raise unless what a model abstains by is one of its measures, and is asked for once.

    Raises:
        UsageError: Names the parameter.
    """
    require_kind("abstain_by", abstain_by, AbstainBy)
    require_rate(at_most=at_most, confidence=confidence)
    if abstain_below is not None and at_most is not None:
        raise UsageError("`abstain_below` and `at_most` both choose a level: give one of them.")


def _zero_shot(
    data: "Data | Embedded",
    labels: dict[str, list[str]],
    templates: Sequence[str] | None,
    temperature: float | None,
    model: "AnyEncoder",
    column: str,
    device: str | None,
    modality: "Modality | None",
) -> _LabelScores:
    from sentemb.encoder import load

    encoder = load(model, device)
    held = modality or modality_of(data)
    texts = (
        _of_model(embedded(data, encoder, column=column), encoder)
        if held is None
        else signals_embedded(data, encoder, held, column)
    )
    if temperature is None:
        of_tower = None if held is None else encoder.tower(held).tower.config
        temperature = TEMPERATURE if of_tower is None else 1 / of_tower.scale
    of_labels = label_vectors(labels, encoder.encode, templates or [TEMPLATES[held]])
    similarities = texts.vectors @ of_labels.T
    exponents = np.exp((similarities - similarities.max(axis=1, keepdims=True)) / temperature)
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    return _LabelScores(texts, list(labels), similarities, probabilities)


def _few_shot(
    data: "Data | Embedded",
    examples: "TrainingData",
    settings: FewShotSettings,
    model: "AnyEncoder",
    column: str,
    device: str | None,
    save: str | os.PathLike[str] | None,
) -> _LabelScores:
    from sentemb.encoder import load

    if settings.epochs:
        encoder = contrast(model, examples, settings, save, device)
        texts = _encoded_anew(data, encoder, column)
    elif save is not None:
        raise UsageError("`save` has no effect with `epochs=0`, which trains no encoder.")
    else:
        encoder = load(model, device)
        texts = _of_model(embedded(data, encoder, column=column), encoder)
    vectors = encoder.encode(examples.rows["text"][:], normalize=True)
    head = fit_head(vectors, examples.rows["label"][:])
    probabilities: Numbers = head.predict_proba(texts.vectors).astype(np.float64)
    return _LabelScores(texts, examples.classes, probabilities, probabilities)


def _of_model(texts: Embedded, encoder: "Encoder") -> Embedded:
    """Return texts whose vectors are the encoder's.

    Raises:
        InputError: When they are another model's.
    """
    if texts.model != encoder.name:
        raise InputError(
            f"The vectors of {texts.source} are those of '{texts.model}', not of '{encoder.name}': "
            "name the `model` that made them."
        )
    return texts


def _encoded_anew(data: "Data | Embedded", encoder: "Encoder", column: str) -> Embedded:
    """Encode texts with a model that was trained just now, whatever vectors they have."""
    table = data if isinstance(data, Embedded) else read_table(data, column)
    vectors = encoder.encode(table.texts, normalize=True)
    return Embedded(table.texts, vectors, encoder.name, table.columns, table.source)


def _examples(examples: "Data | TrainingData") -> "TrainingData":
    from sentemb.datasets import as_training_data

    found = as_training_data(examples, EXAMPLES, name="examples")
    sizes = np.bincount(found.rows["label"][:], minlength=len(found.classes))
    logger.info(
        "examples: %s", ", ".join(f"{n} {c}" for n, c in zip(sizes, found.classes, strict=True))
    )
    return found


def _true_labels(texts: Embedded, label_column: str | None) -> list[str | None]:
    """Return the label of each row, None where it has none; nothing where there is no column.

    Raises:
        InputError: When the column that is named is not there, or a value is not a label.
    """
    present = list(texts.columns)
    if label_column is not None and label_column not in present:
        raise InputError(
            f"{texts.source} has no column '{label_column}' beside its texts; it has "
            f"{shown(present) or 'none'}.{nearest(label_column, present)}"
        )
    named = label_column or column_of(LABEL, present)
    if named is None:
        return []
    values = enumerate(texts.columns[named], start=1)
    return [label_of({LABEL: value}, LABEL, texts.source, number) for number, value in values]


def _compare_labels(true: Sequence[str | None], labels: Sequence[str]) -> None:
    """Warn of true labels that are never answered."""
    if unknown := sorted({label for label in true if label is not None} - set(labels)):
        logger.warning(
            "True labels that are none of the labels count as wrong: %s (the labels are %s).",
            *(", ".join(map(repr, some[:5])) for some in (unknown, list(labels))),
        )


def _classified(
    scored: _LabelScores,
    true: Sequence[str | None],
    abstain_by: AbstainBy,
    level: float | None,
    at_most: float | None,
    confidence: float,
) -> Classified:
    best = [scored.labels[place] for place in scored.similarities.argmax(axis=1)]
    second, first = np.sort(scored.similarities, axis=1)[:, -2:].T
    score = first - second if abstain_by == "margin" else scored.probabilities.max(axis=1)
    known = [row for row, label in enumerate(true) if label is not None]
    scores = risk = guarantee = None
    if known:
        marks, answers = ([str(side[row]) for row in known] for side in (true, best))
        scores = score_classes(marks, answers, scored.labels)
        correct = [mark == answer for mark, answer in zip(marks, answers, strict=True)]
        risk = RiskCoverage.of(score[known], correct)
        if at_most is not None:
            guarantee = risk.guarantee(at_most, confidence)
            level = np.inf if guarantee.level is None else guarantee.level
    columns = scored.texts.columns
    of_ids = next((name for name in columns if plain(name) == ID), None)
    kept: dict[str, Sequence[Any]] = {} if of_ids is None else {ID: columns[of_ids]}
    kept |= {"text": scored.texts.texts} | ({"true_label": true} if known else {})
    rows = [
        {name: values[row] for name, values in kept.items()}
        | {"label": best[row], "score": round(float(score[row]), 6)}
        | {"abstained": level is not None and bool(score[row] < level)}
        for row in range(len(best))
    ]
    return Classified(rows, scored.labels, abstain_by, level, scores, risk, guarantee)
