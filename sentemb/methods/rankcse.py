"""RankCSE: unsupervised SimCSE that also ranks the batch as a teacher does."""

from typing import TYPE_CHECKING, Literal

from sentemb.encoders import has_head
from sentemb.errors import UsageError
from sentemb.losses import InfoNCE, ListMLE, ListNet, RankingConsistency, Sum
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.methods.teachers import teacher_named
from sentemb.twins import AveragedTeachers, Siamese, mlp
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FIRST_SHARE = 0.33
"""Of the first of two teachers, as the authors have it."""


def rankcse(
    encoder: "SentenceTransformer",
    teacher: str | None = None,
    second_teacher: str | None = None,
    first_share: float | None = None,
    ranking: Literal["listmle", "listnet"] = "listmle",
    temperature: float = 0.05,
    consistency_weight: float = 1.0,
    ranking_weight: float = 1.0,
) -> Method:
    """RankCSE: dropout's two views, ranked alike both ways round, and as a teacher ranks them.

    A teacher encodes each distinct sentence once, before the first step. Widths are free: cosines
    are compared.

    Args:
        encoder: A raw encoder with ``cls_before_pooler`` pooling, as the paper has it.
        teacher: A bundled encoder, a folder or a hub id, which does not train; or a file of texts
            and their vectors, as `encode` writes it.
        second_teacher: Another, whose cosines are averaged with the first's.
        first_share: Of the first of two teachers in that mean; 0.33 by default.
        ranking: The loss by the teacher's ranks: listmle, of its order; listnet, of its cosines.
        temperature: τ of all three losses, and of the teacher in listnet; raising it weighs easy
            negatives more.
        consistency_weight: β of the ranking of both views.
        ranking_weight: γ of the teacher's ranking.

    Raises:
        UsageError: When there is no teacher, a share of one teacher alone, or a share or weight is
            out of its range.
        InputError: When a teacher cannot be found or read.

    Source: Liu et al., 2023, RankCSE (arXiv:2305.16726), and the authors' settings. Deviation: the
        consistency is the paper's, and a row's own positive is in no list.
    """
    if first_share is not None and not second_teacher:
        raise UsageError("`first_share` has no effect without `second_teacher`: leave it out.")
    first = teacher_named(teacher, "rankcse")
    ranked = ListMLE(temperature) if ranking == "listmle" else ListNet(temperature, temperature)
    loss = Sum(
        (InfoNCE(temperature), RankingConsistency(temperature), ranked),
        weights=(1.0, consistency_weight, ranking_weight),
    )
    twin = Siamese(encoder, projector=None if has_head(encoder) else mlp(encoder))
    if not second_teacher:
        return Method((View(), View()), twin.taught_by(first), loss)
    share = FIRST_SHARE if first_share is None else first_share
    both = AveragedTeachers(first, teacher_named(second_teacher, "rankcse"), share)
    return Method((View(), View()), twin.taught_by(both), loss)


RANKCSE = Recipe(
    rankcse,
    citation="Liu et al., 2023, RankCSE (arXiv:2305.16726)",
    pooling="cls_before_pooler",
    batch_size=128,
)
