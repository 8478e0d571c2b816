"""What each loss is tested with: inputs, frozen values, closed forms, reference, library."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from sentemb.functional import cosine
from sentemb.losses import (
    DCLW,
    AlignmentUniformity,
    AnglE,
    BarlowTwins,
    BidirectionalMargin,
    Contrastive,
    CoSENT,
    CosineDistillation,
    CosineSimilarity,
    CrossEntropy,
    Debiased,
    DimensionWise,
    EachSentence,
    FlatNCE,
    FlatNCEOneWay,
    Guided,
    HardContrastive,
    HardContrastiveQuantile,
    HardNegativeWeighted,
    InfoNCE,
    InfoNCEWithinViews,
    ListMLE,
    ListNet,
    LocalAggregation,
    Loss,
    MarginMSE,
    MaskSimilar,
    Matryoshka,
    MSEDistillation,
    NegativeCosine,
    NegativeSampling,
    NoiseContrastive,
    NTXent,
    RankingConsistency,
    RDrop,
    ScheduledInfoNCE,
    Sigmoid,
    SimilarityKL,
    SimilarityMSE,
    SimpleContrastive,
    Sum,
    SupConIn,
    SupConOut,
    SwappedPrediction,
    SymmetricInfoNCE,
    Triplet,
    TripletSquared,
    VICReg,
    WeightedInfoNCE,
    WithScore,
)
from sentemb.losses.compared_by import L1, L2, Dot
from sentemb.pairs import Pairs, QueuePairs
from sentemb.twins.teacher import side_by_side
from tests.support import loss_references as ref
from tests.support.helpers import random_pairs


def in_float64(make: Callable[[], Loss]) -> Loss:
    """Make a loss whose parameters, if it has any, are float64."""
    torch.set_default_dtype(torch.float64)
    try:
        return make()
    finally:
        torch.set_default_dtype(torch.float32)


def scalar(value) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else sum(value.values())


# One of each, at a temperature where all of its gradient shows.
LOSSES: dict[str, Callable[[], Loss]] = {
    "AlignmentUniformity": AlignmentUniformity,
    "AnglE": lambda: AnglE(0.5),
    "BarlowTwins": BarlowTwins,
    "BidirectionalMargin": BidirectionalMargin,
    "CoSENT": lambda: CoSENT(0.5),
    "CosineSimilarity": CosineSimilarity,
    "Contrastive": Contrastive,
    "CosineDistillation": CosineDistillation,
    "CrossEntropy": CrossEntropy,
    "DCLW": lambda: DCLW(0.5),
    "Debiased": Debiased,
    "DimensionWise": lambda: DimensionWise(0.5),
    "EachSentence": lambda: EachSentence(InfoNCE(0.5)),
    "FlatNCE": lambda: FlatNCE(0.5),
    "FlatNCEOneWay": lambda: FlatNCEOneWay(0.5),
    "Guided": lambda: Guided(InfoNCE(0.5), margin=0.2),
    "HardContrastive": lambda: HardContrastive(0.5, count=2),
    "HardContrastiveQuantile": lambda: HardContrastiveQuantile(0.5, quantile=0.5),
    "HardNegativeWeighted": HardNegativeWeighted,
    "InfoNCE": lambda: InfoNCE(0.5),
    "InfoNCEWithinViews": lambda: InfoNCEWithinViews(0.5),
    "ListMLE": lambda: ListMLE(0.5),
    "ListNet": lambda: ListNet(0.5, 0.3),
    "LocalAggregation": lambda: LocalAggregation(0.5, background=3, close=1),
    "MSEDistillation": MSEDistillation,
    "MarginMSE": MarginMSE,
    "MaskSimilar": lambda: MaskSimilar(InfoNCE(0.5), above=0.5),
    "Matryoshka": lambda: Matryoshka(InfoNCE(0.5), dims=(4, 2)),
    "NTXent": lambda: NTXent(0.5),
    "NegativeCosine": NegativeCosine,
    "NegativeSampling": NegativeSampling,
    "NoiseContrastive": lambda: NoiseContrastive(0.5),
    "RDrop": RDrop,
    "RankingConsistency": lambda: RankingConsistency(0.5),
    "ScheduledInfoNCE": lambda: ScheduledInfoNCE(0.2, 0.5),
    "WithScore": lambda: WithScore(InfoNCE(0.5), L2()),
    "Sigmoid": lambda: Sigmoid(0.5, bias=-1.0),
    "SimilarityKL": lambda: SimilarityKL(0.5, 0.3),
    "SimilarityMSE": SimilarityMSE,
    "SimpleContrastive": SimpleContrastive,
    "Sum": lambda: Sum((InfoNCE(0.5), DimensionWise(0.5)), (1.0, 0.1)),
    "SupConIn": lambda: SupConIn(0.5),
    "SupConOut": lambda: SupConOut(0.5),
    "SwappedPrediction": lambda: SwappedPrediction(0.5, epsilon=0.2),
    "SymmetricInfoNCE": lambda: SymmetricInfoNCE(0.5),
    "Triplet": Triplet,
    "TripletSquared": TripletSquared,
    "VICReg": VICReg,
    "WeightedInfoNCE": lambda: WeightedInfoNCE(0.5, 2.0),
}
OWN_NEGATIVES = (  # one for each anchor
    *("BidirectionalMargin", "MarginMSE", "Triplet", "TripletSquared", "WeightedInfoNCE"),
)
GRADED = ("AnglE", "CoSENT", "Contrastive", "CosineSimilarity")
CLASSED = ("SupConIn", "SupConOut")
CLASSIFIED = ("CrossEntropy", "RDrop", "SwappedPrediction")  # read logits
TAUGHT = ("CosineDistillation", "MSEDistillation")
TAUGHT_PAIRS = ("ListMLE", "ListNet", "MarginMSE", "SimilarityKL", "SimilarityMSE")
OF_LENGTHS = {
    *("BarlowTwins", "CrossEntropy", "DimensionWise", "NegativeSampling", "RDrop", "Sum"),
    *("SwappedPrediction", "Triplet", "TripletSquared", "VICReg"),
}  # what sees more than directions
WITH_NEGATIVES = {  # contrasted within the batch, and with negatives where there are any
    *("DCLW", "Debiased", "FlatNCE", "FlatNCEOneWay", "HardContrastive", "InfoNCE", "NTXent"),
    *("HardContrastiveQuantile", "HardNegativeWeighted", "NegativeSampling", "NoiseContrastive"),
    *("Guided", "InfoNCEWithinViews", "Sigmoid", "SimpleContrastive", "SymmetricInfoNCE"),
    *("LocalAggregation", "MaskSimilar", "Matryoshka", "ScheduledInfoNCE", "WithScore", "Sum"),
    *("SupConIn", "SupConOut"),
}


def inputs(name: str, batch: int, dim: int, seed: int = 0, negatives: bool = False) -> Pairs:
    """Draw what a loss needs."""
    wanted = name in OWN_NEGATIVES or (negatives and name in WITH_NEGATIVES)
    pairs = random_pairs(batch, dim, candidates=batch if wanted else 0, seed=seed)
    if pairs.negatives is not None:
        pairs = replace(pairs, negatives=pairs.negatives.unsqueeze(1))
    generator = torch.Generator().manual_seed(seed + 1)
    if name in GRADED:
        scores = torch.rand(batch, dtype=torch.float64, generator=generator)
        return replace(pairs, labels=scores)
    if name in CLASSED:
        return replace(pairs, labels=torch.arange(batch) % max(2, batch // 2))
    if name in CLASSIFIED:
        rows = batch if name == "CrossEntropy" else 2 * batch
        logits = torch.randn(rows, 3, dtype=torch.float64, generator=generator)
        labels = torch.randint(3, (batch,), generator=generator)
        if name == "SwappedPrediction":
            return replace(pairs, logits=logits.tanh())  # cosines
        return replace(pairs, logits=logits, labels=labels)
    if name in TAUGHT:
        teacher = torch.randn(batch, dim, dtype=torch.float64, generator=generator)
        return replace(pairs, teacher=teacher)
    if name in (*TAUGHT_PAIRS, "Guided"):
        drawn = torch.randn(3 * batch, 5, dtype=torch.float64, generator=generator)
        drawn[batch : 2 * batch] += drawn[:batch]  # or a guide would leave out nearly all
        return pairs.beside(drawn if wanted else drawn[: 2 * batch])
    return pairs


def leaves(name: str, pairs: Pairs) -> dict[str, torch.Tensor]:
    """Return the fields of pairs that a loss differentiates."""
    if name in CLASSIFIED:
        fields = ["logits"]
    elif name in ("NegativeCosine", *TAUGHT):
        fields = ["anchor"]
    else:
        fields = ["anchor", "positive", *(["negatives"] if pairs.negatives is not None else [])]
    return {field: getattr(pairs, field).clone().requires_grad_() for field in fields}


GOLD = torch.tensor([5, 3.2, 1, 0.4], dtype=torch.float64)
TWO_CLASSES = torch.tensor([0, 0, 1, 1])


def pair(frozen: Pairs) -> Pairs:
    return replace(frozen, negatives=None)


def with_labels(labels: torch.Tensor) -> Callable[[Pairs], Pairs]:
    return lambda frozen: replace(pair(frozen), labels=labels)


def of_four_dimensions(frozen: Pairs) -> Pairs:
    """The frozen inputs with their first column once more."""
    a, p = (torch.cat([x, x[:, :1]], dim=1) for x in (frozen.anchor, frozen.positive))
    return Pairs(a, p, labels=GOLD)


def bilinear(frozen: Pairs) -> Pairs:
    """The frozen inputs behind L, where LᵀL is the identity plus 0.1."""
    values, vectors = torch.linalg.eigh(torch.eye(3, dtype=torch.float64) + 0.1)
    return pair(frozen).map(lambda x: x @ (vectors * values.sqrt()) @ vectors.T)


def with_queue(frozen: Pairs) -> Pairs:
    k = torch.arange(6, dtype=torch.float64).unsqueeze(1)
    j = torch.arange(3, dtype=torch.float64)
    return QueuePairs(frozen.anchor, frozen.positive, torch.cos((k + 0.3) * (j + 1)))


def taught(frozen: Pairs) -> Pairs:
    i = torch.arange(4, dtype=torch.float64).unsqueeze(1)
    j = torch.arange(3, dtype=torch.float64)
    return replace(pair(frozen), teacher=torch.cos((i + 0.5) * (j + 1)))


def taught_pairs(frozen: Pairs) -> Pairs:
    """The frozen inputs beside a teacher of five dimensions."""
    vectors = [ref.of_teacher(4, shift) for shift in range(3)]
    return frozen.beside(torch.from_numpy(np.concatenate(vectors)))


def twice_taught(frozen: Pairs) -> Pairs:
    """The frozen inputs beside two teachers, the first of which counts a third."""
    i = torch.arange(4, dtype=torch.float64).unsqueeze(1)
    j = torch.arange(4, dtype=torch.float64)
    second = torch.cos((i + 1) * (j + 1))
    others = torch.cat([second, second + 0.2 * torch.sin((i + 3) * (j + 1))])
    first = torch.from_numpy(np.concatenate([ref.of_teacher(4, 0), ref.of_teacher(4, 1)]))
    return pair(frozen).beside(side_by_side([first, others], [1 / 3, 2 / 3]))


def plane(*degrees: int) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def guided(frozen: Pairs) -> Pairs:
    """The frozen inputs with hard negatives beside a teacher in the plane."""
    rows = [(0, 80, 160, 20), (25, 95, 170, 53), (30, 70, 250, 15)]
    return frozen.beside(torch.cat([plane(*angles) for angles in rows]))


def guided_pair(frozen: Pairs) -> Pairs:
    return replace(guided(frozen), negatives=None, teacher_negatives=None)


def classified(frozen: Pairs) -> Pairs:
    a = torch.tensor([[2, 0.5, -1], [0.1, 0.2, 0.3]], dtype=torch.float64)
    b = torch.tensor([[1.5, 0.7, -0.5], [0.4, 0, 0.1]], dtype=torch.float64)
    two = torch.cat([a, b])
    return Pairs(frozen.anchor[:2], frozen.positive[:2], logits=two, labels=torch.tensor([0, 2]))


def clustered(frozen: Pairs) -> Pairs:
    k = torch.arange(5, dtype=torch.float64).unsqueeze(1)
    j = torch.arange(3, dtype=torch.float64)
    prototypes = torch.cos((k + 1) * (j + 1.5))
    scores = [cosine(z, prototypes) for z in (frozen.anchor, frozen.positive)]
    return replace(pair(frozen), logits=torch.cat(scores))


# Computed once in float64 by independent code: METHODS, table of frozen values.
FROZEN: list[tuple[str, Callable[[], Loss], Callable[[Pairs], Pairs], float]] = [
    ("InfoNCE", lambda: InfoNCE(0.05), pair, 0.1858855724),
    ("InfoNCE", lambda: InfoNCE(0.5), pair, 0.5380380572),
    ("InfoNCE", lambda: InfoNCE(0.05), lambda f: f, 1.2452892592),
    ("InfoNCE", lambda: InfoNCE(0.5), lambda f: f, 1.1090009857),
    ("WeightedInfoNCE", lambda: WeightedInfoNCE(0.05, 2.0), lambda f: f, 1.2459789188),
    ("WeightedInfoNCE", lambda: WeightedInfoNCE(0.5, 2.0), lambda f: f, 1.2073003059),
    ("InfoNCE", lambda: InfoNCE(0.07), with_queue, 1.7160481727),
    ("InfoNCE", lambda: InfoNCE(0.05, margin=10), pair, 0.4221239855),
    ("InfoNCE", lambda: InfoNCE(0.5, margin=10), pair, 0.6216077607),
    ("InfoNCE", lambda: InfoNCE(0.05, hardness=9), pair, 2.9978180974),
    ("InfoNCE", lambda: InfoNCE(0.05, hardness=9), lambda f: f, 6.3933919399),
    ("InfoNCE", lambda: InfoNCE(0.05, hardness=5), pair, 1.4354185698),
    ("InfoNCE", lambda: InfoNCE(0.05, hardness=5), lambda f: f, 3.8158414499),
    ("SymmetricInfoNCE", lambda: SymmetricInfoNCE(0.05, hardness=9), pair, 3.0154660020),
    ("SymmetricInfoNCE", lambda: SymmetricInfoNCE(0.05, hardness=5), pair, 1.5555691586),
    ("WeightedInfoNCE", lambda: WeightedInfoNCE(0.05, 0.0, 0.0), lambda f: f, 0.1858855724),
    ("BidirectionalMargin", BidirectionalMargin, lambda f: f, 0.6219104228),
    ("SymmetricInfoNCE", lambda: SymmetricInfoNCE(0.05), pair, 0.3181296745),
    ("SymmetricInfoNCE", lambda: SymmetricInfoNCE(0.07), pair, 0.2816230511),
    ("SymmetricInfoNCE", lambda: SymmetricInfoNCE(0.5), pair, 0.5327175179),
    ("NTXent", lambda: NTXent(0.05), pair, 0.6693655750),
    ("NTXent", lambda: NTXent(0.5), pair, 0.9319205647),
    ("FlatNCE", lambda: FlatNCE(0.05), pair, -2.5299149628),
    ("FlatNCE", lambda: FlatNCE(0.5), pair, 0.4007484872),
    ("FlatNCEOneWay", lambda: FlatNCEOneWay(0.05), pair, -6.3353382228),
    ("FlatNCEOneWay", lambda: FlatNCEOneWay(0.5), pair, -0.3680001565),
    ("SupConOut", lambda: SupConOut(0.1), with_labels(TWO_CLASSES), 11.3171939365),
    ("SupConOut", lambda: SupConOut(0.5), with_labels(TWO_CLASSES), 3.0724086726),
    ("SupConIn", lambda: SupConIn(0.1), with_labels(TWO_CLASSES), 1.7133585138),
    ("SupConIn", lambda: SupConIn(0.5), with_labels(TWO_CLASSES), 1.9410964084),
    ("AlignmentUniformity", AlignmentUniformity, pair, -1.8365661701),
    ("Triplet", Triplet, lambda f: f, 0.3151473054),
    ("TripletSquared", TripletSquared, lambda f: f, 0.1703326084),
    ("Contrastive", Contrastive, with_labels(torch.tensor([1, 0, 1, 0])), 0.0505290468),
    ("CosineSimilarity", CosineSimilarity, with_labels(torch.tensor([1.0, 0, 1, 0])), 0.4197845749),
    ("CoSENT", CoSENT, with_labels(GOLD), 5.1390787430),
    ("AnglE", AnglE, of_four_dimensions, 19.7020242028),
    ("Sigmoid", Sigmoid, pair, 1.9520010879),
    ("HardContrastive", lambda: HardContrastive(0.2, count=2), pair, 0.2985650648),
    ("Debiased", Debiased, pair, 0.7173156078),
    ("HardNegativeWeighted", HardNegativeWeighted, pair, 1.4521220037),
    ("NegativeCosine", NegativeCosine, pair, 0.3091942282 / 2 - 1),
    ("BarlowTwins", BarlowTwins, pair, 0.1388784848),
    ("BarlowTwins", lambda: BarlowTwins(epsilon=0.0), pair, 0.1388429426),
    ("VICReg", VICReg, pair, 11.8015500813),
    ("SwappedPrediction", SwappedPrediction, clustered, 2.0204612287),
    ("CosineDistillation", CosineDistillation, taught, 0.9716606603),
    ("MSEDistillation", MSEDistillation, taught, 0.6477737735),
    ("SimilarityKL", SimilarityKL, taught_pairs, 4.1389698948),
    ("SimilarityKL", lambda: SimilarityKL(0.5, 0.5), taught_pairs, 0.5995430883),
    ("SimilarityKL", lambda: SimilarityKL(diagonal=True), taught_pairs, 0.1859032897),
    ("SimilarityKL", lambda: SimilarityKL(0.5, 0.5, diagonal=True), taught_pairs, 0.2161059298),
    ("ListNet", ListNet, taught_pairs, 4.5148658451),
    ("ListNet", lambda: ListNet(0.05, 0.025), taught_pairs, 2.5708271345),
    ("ListNet", lambda: ListNet(diagonal=True), taught_pairs, 0.1859373319),
    ("ListNet", ListNet, twice_taught, 15.5119845932),
    ("ListMLE", ListMLE, taught_pairs, 5.2576203986),
    ("ListMLE", lambda: ListMLE(diagonal=True), taught_pairs, 5.4435059710),
    ("ListMLE", lambda: ListMLE(0.5, diagonal=True), taught_pairs, 1.8080172644),
    ("ListMLE", ListMLE, twice_taught, 16.1433946081),
    ("RankingConsistency", RankingConsistency, pair, 0.1459507946),
    ("RankingConsistency", lambda: RankingConsistency(0.5), pair, 0.0096102488),
    ("MarginMSE", MarginMSE, taught_pairs, 0.2246589497),
    *(
        ("Guided", lambda margins=margins: Guided(InfoNCE(), *margins), guided_pair, 0.0091275918)
        for margins in ((), (0.2,), (0.0, 0.05))
    ),
    *(
        ("Guided", lambda margins=margins: Guided(InfoNCEWithinViews(), *margins), chosen, value)
        for margins, chosen, value in (
            ((), guided_pair, 0.8017181196),
            ((0.2,), guided_pair, 0.5523028710),
            ((0.0, 0.05), guided_pair, 0.5523028710),
            ((), guided, 1.6265988146),
            ((0.2,), guided, 1.3769634571),
            ((0.0, 0.05), guided, 1.3769636777),
        )
    ),
    ("ScheduledInfoNCE", lambda: ScheduledInfoNCE(0.05, 0.5), pair, 0.5380380572),
    ("WithScore", lambda: WithScore(InfoNCE(1.0), Dot()), bilinear, 0.7519201934),
    ("RDrop", RDrop, classified, 1.4866471403),
    ("RDrop", lambda: RDrop(0.0), classified, 1.4418628221),
]
NO_FROZEN_VALUE = {  # the design has none; the reference in loops stands for it
    *(
        "CrossEntropy",
        "DCLW",
        "DimensionWise",
        "EachSentence",
        "HardContrastiveQuantile",
        "InfoNCEWithinViews",
        "MaskSimilar",
    ),
    *("Matryoshka", "NegativeSampling", "NoiseContrastive", "SimilarityMSE", "SimpleContrastive"),
    *("LocalAggregation", "Sum"),
}

# The loss of a batch made by hand, worked out on paper.
EYE = torch.eye(4, dtype=torch.float64)
ORTHOGONAL = Pairs(EYE, 5 * EYE)  # positives at cosine 1, all else at 0
E5 = math.exp(-1 / 0.2)
CHECKER = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
SAME = Pairs(EYE, EYE, EYE.roll(1, 0)[:, None], labels=EYE[0])
EVEN = torch.zeros(8, 3, dtype=torch.float64)
TAUGHT_BY_HAND = replace(  # the same, at a right angle twice, and the opposite
    ORTHOGONAL, teacher=torch.stack([3 * EYE[0], EYE[0], EYE[3], -2 * EYE[3]])
)
ALIKE = torch.ones(4, 2, dtype=torch.float64)  # texts of which the teacher makes one vector
TAUGHT_ALIKE = replace(ORTHOGONAL, teacher=ALIKE, teacher_positive=ALIKE)
CROSSED = Pairs(EYE[:2], EYE[[0, 0]])  # both rows are to match the first
SIGMOID = 1 / (1 + E5)  # how both positives choose the first anchor; either anchor is undecided
CLOSED: list[tuple[str, Callable[[], Loss], Pairs, float]] = [
    ("InfoNCE", lambda: InfoNCE(0.2), ORTHOGONAL, math.log1p(3 * E5)),
    ("InfoNCEWithinViews", lambda: InfoNCEWithinViews(0.2), ORTHOGONAL, math.log1p(9 * E5)),
    (
        "Guided",
        lambda: Guided(InfoNCE(0.2)),  # as near as the positive is not nearer
        ORTHOGONAL.beside(torch.cat([plane(0, 0, 0, 0), plane(60, 60, 60, 60)])),
        math.log1p(3 * E5),
    ),
    (
        "Guided",
        lambda: Guided(InfoNCE(0.2), margin=0.1),
        ORTHOGONAL.beside(torch.cat([plane(0, 0, 0, 0), plane(60, 60, 60, 60)])),
        0.0,
    ),
    (
        "WeightedInfoNCE",
        lambda: WeightedInfoNCE(0.2, 3.0),
        replace(ORTHOGONAL, negatives=EYE.flip(0)[:, None]),  # nobody's own, but another's text
        math.log1p(3 * E5 + 1 + (3 + 2) * E5),
    ),
    ("SymmetricInfoNCE", lambda: SymmetricInfoNCE(0.2), ORTHOGONAL, math.log1p(3 * E5)),
    ("NTXent", lambda: NTXent(0.2), ORTHOGONAL, math.log1p(6 * E5)),
    ("FlatNCE", lambda: FlatNCE(0.2), ORTHOGONAL, math.log(6) - 5),
    ("FlatNCEOneWay", lambda: FlatNCEOneWay(0.2), ORTHOGONAL, math.log(3) - 5),
    ("DCLW", lambda: DCLW(0.2), ORTHOGONAL, math.log(6) - 5),
    ("SupConOut", lambda: SupConOut(0.2), ORTHOGONAL, math.log1p(6 * E5)),
    ("SupConIn", lambda: SupConIn(0.2), ORTHOGONAL, math.log1p(6 * E5)),
    (
        "SupConOut",
        lambda: SupConOut(0.2),
        Pairs(torch.ones(8, 3), torch.ones(8, 3), labels=torch.zeros(8, dtype=torch.long)),
        math.log(15),
    ),
    ("HardContrastive", lambda: HardContrastive(0.2, count=2), ORTHOGONAL, math.log1p(2 * E5)),
    (
        "HardContrastiveQuantile",
        lambda: HardContrastiveQuantile(0.2, quantile=0.0),
        ORTHOGONAL,
        math.log1p(3 * E5),
    ),
    (
        "LocalAggregation",
        lambda: LocalAggregation(0.2, background=3, close=1),
        ORTHOGONAL,
        math.log1p(3 * E5) - math.log1p(E5),
    ),
    ("ScheduledInfoNCE", lambda: ScheduledInfoNCE(0.1, 0.2), ORTHOGONAL, math.log1p(3 * E5)),
    ("WithScore", lambda: WithScore(InfoNCE(0.2), L1()), ORTHOGONAL, math.log1p(3 * E5 * E5)),
    ("WithScore", lambda: WithScore(InfoNCE(1 / 5), L2()), ORTHOGONAL,
     math.log1p(3 * E5 ** math.sqrt(2))),
    ("WithScore", lambda: WithScore(InfoNCE(1.0), Dot()), ORTHOGONAL, math.log1p(3 * E5)),
    ("SimpleContrastive", SimpleContrastive, Pairs(EYE, torch.ones(4, 4).double()), 2 * 0.5),
    ("AlignmentUniformity", AlignmentUniformity, ORTHOGONAL, -4.0),
    ("Contrastive", Contrastive, SAME, 3 * 0.5**2 / 2 / 4),
    ("CosineSimilarity", CosineSimilarity, SAME, 3 / 4),
    ("CoSENT", lambda: CoSENT(0.2), SAME, math.log(4)),
    ("AnglE", lambda: AnglE(0.2), SAME, math.log(4)),
    (  # Δ is −1 in every row, 0.5 too far
        "BidirectionalMargin",
        lambda: BidirectionalMargin(0.2, 0.5),
        SAME,
        0.5,
    ),
    (  # Δ is 0 in the first row and −1, the margins themselves, in the others
        "BidirectionalMargin",
        lambda: BidirectionalMargin(0.4, 1.0),
        replace(SAME, negatives=torch.cat([EYE[:1], EYE[[0, 1, 2]]])[:, None]),
        0.4 / 4,
    ),
    (  # 80° and 10° are 90°, so that both count as 0
        "InfoNCE",
        lambda: InfoNCE(0.2, margin=10),
        Pairs(plane(0, 0), plane(80, 80)),
        math.log1p(math.exp(math.cos(math.radians(80)) / 0.2)),
    ),
    ("InfoNCE", lambda: InfoNCE(0.2, hardness=3), Pairs(plane(0, 0), plane(60, 60)),
     math.log1p(math.exp(3 * 0.5))),
    ("Triplet", lambda: Triplet(2.0), SAME, 2 - math.sqrt(2)),
    ("TripletSquared", lambda: TripletSquared(3.0), SAME, 1.0),
    (
        "NoiseContrastive",
        lambda: NoiseContrastive(0.2),
        ORTHOGONAL,
        math.log1p(3 * E5) + 3 * math.log(4 / 3),
    ),
    (
        "NegativeSampling",
        NegativeSampling,
        ORTHOGONAL,
        math.log1p(E5) + 3 * math.log(2),
    ),
    ("Debiased", lambda: Debiased(0.2, 0.0), ORTHOGONAL, math.log1p(6 * E5)),
    # 6 negatives of e⁰, less 0.1 · 6 · e⁵, are below the floor 6 e⁻⁵
    ("Debiased", lambda: Debiased(0.2, 0.1), ORTHOGONAL, math.log1p(6 * E5 * E5)),
    (
        "HardNegativeWeighted",
        lambda: HardNegativeWeighted(0.2, 0.0, 2.0),
        ORTHOGONAL,
        math.log1p(6 * E5),
    ),
    ("Sigmoid", lambda: Sigmoid(0.2, bias=0.0), ORTHOGONAL, math.log1p(E5) + 3 * math.log(2)),
    ("NegativeCosine", NegativeCosine, ORTHOGONAL, -1.0),
    ("CosineDistillation", CosineDistillation, TAUGHT_BY_HAND, (0 + 1 + 1 + 2) / 4),
    ("MSEDistillation", MSEDistillation, TAUGHT_BY_HAND, (0 + 1 + 1 + 2) / 4 * 2 / 4),
    (
        "SimilarityKL",
        lambda: SimilarityKL(0.2, diagonal=True),
        TAUGHT_ALIKE,
        math.log(math.exp(5) + 3) - 5 / 4 - math.log(4),
    ),
    ("SimilarityMSE", SimilarityMSE, TAUGHT_ALIKE, 12 / 16),
    ("ListNet", lambda: ListNet(0.2), TAUGHT_ALIKE, math.log(3)),
    ("ListMLE", lambda: ListMLE(0.2), TAUGHT_ALIKE, math.log(3) + math.log(2)),
    (
        "RankingConsistency",
        lambda: RankingConsistency(0.2),
        CROSSED,
        sum(
            (0.5 * math.log(0.5 / (0.5 + x)) + x * math.log(x / (0.5 + x))) / 2
            for x in (SIGMOID, 1 - SIGMOID)
        ) + math.log(2),
    ),
    ("MarginMSE", lambda: MarginMSE(2.0), replace(SAME, labels=EYE[0]), (1 + 4 + 4 + 4) / 4),
    ("BarlowTwins", lambda: BarlowTwins(0.5, epsilon=0.0), Pairs(CHECKER, -CHECKER), 8.0),
    ("BarlowTwins", lambda: BarlowTwins(0.5, 0.0), Pairs(CHECKER, CHECKER.flip(1)), 2 + 0.5 * 2),
    ("VICReg", VICReg, Pairs(CHECKER, 3 * CHECKER), 25 * 4.0),
    ("DimensionWise", lambda: DimensionWise(0.5), Pairs(CHECKER, CHECKER),
     math.log1p(math.exp(-2 / (1 + 1e-5)))),
    ("CrossEntropy", CrossEntropy, replace(SAME, logits=EVEN[:4], labels=TWO_CLASSES), math.log(3)),
    ("SwappedPrediction", SwappedPrediction, replace(ORTHOGONAL, logits=EVEN), math.log(3)),
    ("RDrop", RDrop, replace(SAME, logits=EVEN, labels=TWO_CLASSES), 2 * math.log(3)),
    ("Sum", lambda: Sum((InfoNCE(0.2), FlatNCE(0.2)), (1.0, 0.5)), ORTHOGONAL,
     math.log1p(3 * E5) + 0.5 * (math.log(6) - 5)),
    ("EachSentence", lambda: EachSentence(InfoNCE(0.2)), ORTHOGONAL, 2 * math.log1p(E5)),
    ("Matryoshka", lambda: Matryoshka(InfoNCE(1.0), dims=(4, 2), weights=(1.0, 2.0)), ORTHOGONAL,
     2 * math.log1p(3 / math.e) + math.log(4)),
    (
        "MaskSimilar",
        lambda: MaskSimilar(InfoNCE(1.0), above=0.5),
        Pairs(torch.ones(2, 2), torch.ones(2, 2), torch.tensor([[1.0, -1.0]])),
        math.log1p(1 / math.e),
    ),
]  # fmt: skip

# Loss, and the formula in loops.
REFERENCES: dict[str, tuple[Loss, Callable]] = {
    "InfoNCE": (InfoNCE(0.3), lambda a, p, n, y: ref.info_nce(a, p, n, 0.3)),
    "InfoNCE, margin": (
        InfoNCE(0.3, margin=20.0),
        lambda a, p, n, y: ref.info_nce_margin(a, p, n, 0.3, 20.0),
    ),
    "BidirectionalMargin": (
        BidirectionalMargin(0.05, 0.2),
        lambda a, p, n, y: ref.bidirectional_margin(a, p, n, 0.05, 0.2),
    ),
    "InfoNCEWithinViews": (
        InfoNCEWithinViews(0.3),
        lambda a, p, n, y: ref.within_views(a, p, n, 0.3),
    ),
    "Guided": (
        Guided(InfoNCE(0.3), 0.1, 0.2),
        lambda a, p, n, y: ref.guided_info_nce(a, p, n, 0.3, 0.1, 0.2),
    ),
    "WeightedInfoNCE": (
        WeightedInfoNCE(0.3, hard_negative_weight=2.5),
        lambda a, p, n, y: ref.info_nce_weighted(a, p, n, 0.3, 2.5),
    ),
    "NTXent": (NTXent(0.3), lambda a, p, n, y: ref.nt_xent(a, p, n, 0.3)),
    "FlatNCE": (FlatNCE(0.3), lambda a, p, n, y: ref.flat_two_views(a, p, n, 0.3)),
    "FlatNCEOneWay": (FlatNCEOneWay(0.3), lambda a, p, n, y: ref.flat_one_way(a, p, n, 0.3)),
    "HardContrastive": (
        HardContrastive(0.3, count=2),
        lambda a, p, n, y: ref.hard_count(a, p, n, 0.3, 2),
    ),
    "HardContrastiveQuantile": (
        HardContrastiveQuantile(0.3, quantile=0.6),
        lambda a, p, n, y: ref.hard_quantile(a, p, n, 0.3, 0.6),
    ),
    "LocalAggregation": (
        LocalAggregation(0.3, background=3, close=1),
        lambda a, p, n, y: ref.local_aggregation(a, p, n, 0.3, 3, 1),
    ),
    "ScheduledInfoNCE": (
        in_float64(lambda: ScheduledInfoNCE(0.1, 0.3)),
        lambda a, p, n, y: ref.info_nce(a, p, n, 0.3),
    ),
    **{
        f"WithScore, {score}": (
            WithScore(InfoNCE(0.3), score),
            lambda a, p, n, y, apart=apart: ref.info_nce_scored(a, p, n, 0.3, apart),
        )
        for score, apart in ((L1(), 1), (L2(), 2), (Dot(), None))
    },
    "SimpleContrastive": (SimpleContrastive(0.4), lambda a, p, n, y: ref.simple(a, p, n, 0.4)),
    "NoiseContrastive": (
        NoiseContrastive(0.3),
        lambda a, p, n, y: ref.noise_contrastive(a, p, n, 0.3),
    ),
    "NegativeSampling": (NegativeSampling(), lambda a, p, n, y: ref.negative_sampling(a, p, n)),
    "Debiased": (Debiased(0.5, 0.1), lambda a, p, n, y: ref.hcl(a, p, n, 0.5, 0.1, 0.0)),
    "HardNegativeWeighted": (
        HardNegativeWeighted(0.5, 0.1, 0.7),
        lambda a, p, n, y: ref.hcl(a, p, n, 0.5, 0.1, 0.7),
    ),
    "TripletSquared": (TripletSquared(0.7), lambda a, p, n, y: ref.triplet_squared(a, p, n, 0.7)),
    "MaskSimilar": (
        MaskSimilar(InfoNCE(0.3), above=0.2),
        lambda a, p, n, y: ref.masked_info_nce(a, p, n, 0.3, 0.2),
    ),
    "SimilarityKL": (
        SimilarityKL(0.3, 0.2),
        lambda a, p, n, y: ref.similarity_kl(a, p, 0.3, 0.2),
    ),
    "SimilarityMSE": (SimilarityMSE(), lambda a, p, n, y: ref.similarity_mse(a, p)),
    "ListNet": (ListNet(0.3, 0.2), lambda a, p, n, y: ref.list_net(a, p, 0.3, 0.2)),
    "ListMLE": (ListMLE(0.3), lambda a, p, n, y: ref.list_mle(a, p, 0.3)),
    "RankingConsistency": (
        RankingConsistency(0.3),
        lambda a, p, n, y: ref.ranking_consistency(a, p, 0.3),
    ),
    "MarginMSE": (MarginMSE(3.0), lambda a, p, n, y: ref.margin_mse(a, p, n, 3.0)),
    "SupConIn": (SupConIn(0.3), lambda a, p, n, y: ref.supcon_in(a, p, y, 0.3)),
    "DimensionWise": (DimensionWise(0.5), lambda a, p, n, y: ref.dimension_wise(a, p, 0.5)),
    "Matryoshka": (
        Matryoshka(InfoNCE(0.3), dims=(3, 2)),
        lambda a, p, n, y: ref.matryoshka(a, p, 0.3, (3, 2)),
    ),
}

# Names of the losses that tests/losses/test_libraries.py holds against a library.
HELD_AGAINST_A_LIBRARY = {
    *("InfoNCE", "SymmetricInfoNCE", "NTXent", "FlatNCE", "DCLW", "SupConOut"),
    *("AlignmentUniformity", "Triplet", "Contrastive", "CoSENT", "AnglE", "Sigmoid"),
    "CosineSimilarity",
    *("NegativeCosine", "BarlowTwins", "VICReg", "CrossEntropy", "RDrop", "Matryoshka"),
    *("SwappedPrediction", "CosineDistillation", "MSEDistillation"),
}
SUMS_OF_OTHERS = {"EachSentence", "Sum"}  # tests/losses/test_combined.py
