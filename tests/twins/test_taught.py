"""A taught twin: the teacher's vectors are found by text, and made as wide as the student's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from sentemb.encoders.embedding import TEXTS
from sentemb.errors import UsageError
from sentemb.losses import CosineDistillation, InfoNCE, MSEDistillation, NegativeCosine
from sentemb.pairs import Pairs
from sentemb.training.collator import Collator
from sentemb.twins import PrincipalComponents, Taught, Teacher, layers
from sentemb.views import Crop, View
from tests.support.helpers import numbered
from tests.support.loss_cases import taught

VIEW = (View(),)


@pytest.fixture
def teacher(mini):
    """A teacher that knows three texts, by their numbers."""
    known = Teacher(mini, "mini")
    known.remember(np.array([7, -3, 5]), np.arange(288, dtype=np.float32).reshape(3, 96))
    return known


def frozen_teacher():
    i, j = (torch.arange(n, dtype=torch.float64) for n in (4, 5))
    return torch.sin((i.unsqueeze(1) + 2) * (j + 1) / 2)


def test_the_frozen_principal_components():
    components = PrincipalComponents(5, 2).double()
    assert components.fit(frozen_teacher().numpy()) == pytest.approx(0.7753156900, abs=1e-8)
    narrow = components(frozen_teacher())
    torch.testing.assert_close(narrow.norm(dim=1), torch.ones(4, dtype=torch.float64))
    found = [float(narrow[a] @ narrow[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    expected = [-0.2206672371, -0.9457288090, -0.1082551234]
    assert found == pytest.approx(expected, abs=1e-8)


def test_components_are_the_same_in_parts_and_whatever_the_solver_signs(monkeypatch):
    vectors = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    whole, parts = PrincipalComponents(6, 3), PrincipalComponents(6, 3)
    whole.fit(vectors)
    eigh = torch.linalg.eigh
    monkeypatch.setattr("sentemb.twins.principal_components.ROWS", 7)
    monkeypatch.setattr(torch.linalg, "eigh", lambda x: (eigh(x)[0], -eigh(x)[1]))
    parts.fit(vectors)
    torch.testing.assert_close(parts.axes, whole.axes)
    torch.testing.assert_close(parts.mean, whole.mean)


def test_components_of_fewer_texts_than_dimensions_are_finite():
    components = PrincipalComponents(5, 4)
    assert components.fit(np.eye(5, dtype=np.float32)[:2]) == pytest.approx(1)
    assert components(torch.eye(5)[:2]).isfinite().all()
    assert components.fit(np.ones((3, 5), np.float32)) == 0
    assert not components(torch.ones(3, 5)).any()


def test_components_are_found_in_full_precision():
    components = PrincipalComponents(5, 2)
    components.fit(frozen_teacher().float().numpy())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = components(frozen_teacher().float())
    assert torch.equal(under, components(frozen_teacher().float()))


def test_vectors_are_found_by_the_number_of_the_text(teacher):
    found = teacher.vectors_of(torch.tensor([5, 7, 7, -3]))
    assert found[:, 0].tolist() == [192, 0, 0, 96]
    with pytest.raises(UsageError, match="no vector for 2 of the 3 texts of this batch"):
        teacher.vectors_of(torch.tensor([5, 6, 8]))


def test_the_teacher_sees_the_text_and_the_student_its_view(mini, sentences):
    rows = numbered([{"text": text} for text in sentences[:6]])
    views = (View(edit=Crop(0.5)),)
    features = Collator(mini, views, 32, 0)(rows)["views"]
    teacher = Teacher(mini)
    numbers, vectors = features[0][TEXTS].numpy(), np.eye(6, 96, dtype=np.float32)
    teacher.remember(numbers, vectors)
    assert np.array_equal(Collator(mini, VIEW, 32, 0)(rows)["views"][0][TEXTS], numbers)
    pairs = Taught(mini.eval(), teacher)(features, views)
    assert pairs.teacher is pairs.positive
    assert torch.equal(pairs.teacher, torch.from_numpy(vectors))
    assert not pairs.teacher.requires_grad
    assert pairs.anchor.requires_grad
    whole = torch.from_numpy(mini.encode(sentences[:6]))
    assert (F.cosine_similarity(pairs.anchor.detach(), whole) < 0.999).all()
    assert torch.equal(pairs.texts, torch.from_numpy(numbers).repeat(2))


def test_widths_must_match(mini, teacher):
    narrow = PrincipalComponents(96, 40)
    with pytest.raises(UsageError, match="have 96 dimensions, the teacher's 40: give Taught a"):
        Taught(mini, teacher, components=narrow)
    assert Taught(mini, teacher, layers(mini, 40), narrow).projector[0].out_features == 40
    with pytest.raises(UsageError, match="96 would have to become 100: use `match=linear`"):
        PrincipalComponents(96, 100)


def test_texts_must_be_numbered(mini, teacher, sentences):
    rows = numbered([{"text": text} for text in sentences[:4]])
    twin = Taught(mini, teacher)
    bare = Collator(mini, VIEW, 32, 0, mask_identical=False)(rows)["views"]
    with pytest.raises(UsageError, match="looked up by the text: leave `mask_identical` on"):
        twin(bare)


def test_a_contrast_takes_the_teachers_of_other_rows_for_negatives(frozen):
    """The value is that of tokenlearn's loss."""
    pairs = taught(frozen)
    paired = Pairs(pairs.anchor, pairs.teacher, teacher=pairs.teacher)
    assert float(InfoNCE(0.07)(paired)) == pytest.approx(9.8129968281, abs=1e-8)
    assert float(NegativeCosine()(paired)) == pytest.approx(0.9716606603 - 1, abs=1e-8)


def test_a_student_that_follows_has_no_loss_left():
    vectors = torch.randn(5, 3)
    pairs = Pairs(2 * vectors, vectors, teacher=vectors)
    for loss in (CosineDistillation(), MSEDistillation()):
        assert float(loss(pairs)) == pytest.approx(0, abs=1e-6)
