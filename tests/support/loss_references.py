"""The formulas once more, in plain loops over numpy rows: the oracle where no library has one."""

import math

import numpy as np


def cos(x, y):
    return float(x @ y / math.sqrt((x @ x) * (y @ y)))


def one_way(a, p, n, exclude=lambda i, j: False):
    """Yield each anchor's cosine with its positive, and those with its negatives."""
    candidates = list(p) + list(n)
    for i in range(len(a)):
        others = [cos(a[i], c) for j, c in enumerate(candidates) if j != i and not exclude(i, j)]
        yield cos(a[i], p[i]), others


def two_views(a, p, n):
    rows, size = list(a) + list(p), len(a)
    for i in range(2 * size):
        partner = (i + size) % (2 * size)
        others = [cos(rows[i], rows[j]) for j in range(2 * size) if j not in (i, partner)]
        yield cos(rows[i], rows[partner]), others + [cos(rows[i], x) for x in n]


def info(pos, neg, t):
    return math.log(1 + sum(math.exp((s - pos) / t) for s in neg))


def info_nce(a, p, n, t):
    return np.mean([info(pos, neg, t) for pos, neg in one_way(a, p, n)])


def info_nce_margin(a, p, n, t, degrees):
    values = []
    for pos, neg in one_way(a, p, n):
        angle = min(math.acos(pos) + math.radians(degrees), math.pi)
        values.append(info(math.cos(angle), neg, t))
    return np.mean(values)


def bidirectional_margin(a, p, n, margin, most):
    total = 0.0
    for x, near, far in zip(a, p, n, strict=True):
        difference = cos(x, far) - cos(x, near)
        total += max(0.0, difference + margin) + max(0.0, -difference - most)
    return total / len(a)


def info_nce_weighted(a, p, n, t, alpha):
    total = 0.0
    for i in range(len(a)):
        xi = sum(math.exp((cos(a[i], p[j]) - cos(a[i], p[i])) / t) for j in range(len(p)) if j != i)
        for j in range(len(n)):
            weight = alpha if i == j else 1.0
            xi += weight * math.exp((cos(a[i], n[j]) - cos(a[i], p[i])) / t)
        total += math.log(1 + xi)
    return total / len(a)


def nt_xent(a, p, n, t):
    return np.mean([info(pos, neg, t) for pos, neg in two_views(a, p, n)])


def flat_one_way(a, p, n, t):
    return np.mean(
        [math.log(sum(math.exp((s - pos) / t) for s in neg)) for pos, neg in one_way(a, p, n)]
    )


def flat_two_views(a, p, n, t):
    return np.mean(
        [math.log(sum(math.exp((s - pos) / t) for s in neg)) for pos, neg in two_views(a, p, n)]
    )


def hard_count(a, p, n, t, count):
    return np.mean(
        [info(pos, sorted(neg, reverse=True)[:count], t) for pos, neg in one_way(a, p, n)]
    )


def local_aggregation(a, p, n, t, background, close):
    values = []
    for pos, neg in one_way(a, p, n):
        nearest = sorted(neg, reverse=True)[:background]
        values.append(info(pos, nearest, t) - info(pos, nearest[:close], t))
    return np.mean(values)


def info_nce_scored(a, p, n, t, norm):
    def score(x, y):
        if norm is None:
            return float(x @ y)
        x, y = (z / math.sqrt(z @ z) for z in (x, y))
        return -(float((abs(x - y) ** norm).sum()) ** (1 / norm))

    values, candidates = [], list(p) + list(n)
    for i in range(len(a)):
        others = [score(a[i], c) for j, c in enumerate(candidates) if j != i]
        values.append(info(score(a[i], p[i]), others, t))
    return np.mean(values)


def hard_quantile(a, p, n, t, quantile):
    values = []
    for pos, neg in one_way(a, p, n):
        ascending = sorted(neg)
        values.append(info(pos, ascending[int(quantile * len(neg)) :], t))
    return np.mean(values)


def simple(a, p, n, weight):
    return np.mean([-pos + weight * sum(neg) for pos, neg in one_way(a, p, n)])


def sigma(x):
    return 1 / (1 + math.exp(-x))


def noise_contrastive(a, p, n, t):
    values = []
    for pos, neg in one_way(a, p, n):
        m = len(neg)
        data = math.exp(pos / t) / (math.exp(pos / t) + m)
        noise = [m / (math.exp(s / t) + m) for s in neg]
        values.append(-math.log(data) - sum(math.log(q) for q in noise))
    return np.mean(values)


def negative_sampling(a, p, n):
    candidates = list(p) + list(n)
    total = 0.0
    for i in range(len(a)):
        total -= math.log(sigma(a[i] @ p[i]))
        total -= sum(math.log(sigma(-(a[i] @ c))) for j, c in enumerate(candidates) if j != i)
    return total / len(a)


def hcl(a, p, n, t, prior, beta):
    """Debiased where β is 0."""
    values = []
    for pos, neg in two_views(a, p, n):
        m, e_pos = len(neg), math.exp(pos / t)
        e = np.exp(np.array(neg) / t)
        weights = e**beta / np.mean(e**beta)
        g = max(((weights * e).sum() - prior * m * e_pos) / (1 - prior), m * math.exp(-1 / t))
        values.append(-math.log(e_pos / (e_pos + g)))
    return np.mean(values)


def supcon_in(a, p, labels, t):
    rows, classes = list(a) + list(p), list(labels) * 2
    values = []
    for i in range(len(rows)):
        e = {j: math.exp(cos(rows[i], rows[j]) / t) for j in range(len(rows)) if j != i}
        same = [j for j in e if classes[j] == classes[i]]
        values.append(-math.log(sum(e[j] for j in same) / len(same) / sum(e.values())))
    return np.mean(values)


def triplet_squared(a, p, n, margin):
    return np.mean(
        [
            max(0, ((x - y) ** 2).sum() - ((x - z) ** 2).sum() + margin)
            for x, y, z in zip(a, p, n, strict=True)
        ]
    )


def dimension_wise(a, p, t):
    def standardised(x):
        return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)

    x, y = standardised(a), standardised(p)
    dim = a.shape[1]
    total = 0.0
    for i in range(dim):
        row = [float(np.mean(x[:, i] * y[:, j])) / t for j in range(dim)]
        total += math.log(sum(math.exp(v) for v in row)) - row[i]
    return total / dim


def matryoshka(a, p, t, dims):
    return sum(info_nce(a[:, :d], p[:, :d], [], t) for d in dims)


def masked_info_nce(a, p, n, t, above):
    candidates = list(p) + list(n)
    pairs = one_way(a, p, n, exclude=lambda i, j: cos(a[i], candidates[j]) > above)
    return np.mean([info(pos, neg, t) for pos, neg in pairs])


def of_teacher(rows, shift):
    """What a frozen teacher makes of some texts: T1, T2 and T3 of the table of frozen values."""
    i, j = np.arange(rows)[:, None], np.arange(5)[None, :]
    first = np.sin((i + 2) * (j + 1) / 2)
    return (first, first + 0.3 * np.cos((i + 1) * (j + 3)), np.cos(i + j))[shift]


def lists(a, p, *, diagonal=False):
    """Yield the student's and the teacher's cosines of each row."""
    t, u = of_teacher(len(a), 0), of_teacher(len(a), 1)
    for i in range(len(a)):
        kept = [j for j in range(len(p)) if diagonal or j != i]
        yield [cos(a[i], p[j]) for j in kept], [cos(t[i], u[j]) for j in kept]


def softmax(values, t):
    weights = [math.exp(v / t) for v in values]
    return [w / sum(weights) for w in weights]


def kl(p, q):
    return sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))


def similarity_kl(a, p, t, teacher_t):
    return np.mean([kl(softmax(u, teacher_t), softmax(s, t)) for s, u in lists(a, p)])


def similarity_mse(a, p):
    rows = [(x - y) ** 2 for s, u in lists(a, p, diagonal=True) for x, y in zip(s, u, strict=True)]
    return np.mean(rows)


def list_net(a, p, t, teacher_t):
    pairs = [(softmax(u, teacher_t), softmax(s, t)) for s, u in lists(a, p)]
    return np.mean([-sum(x * math.log(y) for x, y in zip(*qp, strict=True)) for qp in pairs])


def list_mle(a, p, t):
    rows = []
    for student, teacher in lists(a, p):
        left, total = list(range(len(student))), 0.0
        while left:
            nearest = max(left, key=lambda j: teacher[j])
            total += math.log(sum(math.exp((student[j] - student[nearest]) / t) for j in left))
            left.remove(nearest)
        rows.append(total)
    return np.mean(rows)


def ranking_consistency(a, p, t):
    rows = []
    for i in range(len(a)):
        one = softmax([cos(a[i], y) for y in p], t)
        other = softmax([cos(x, p[i]) for x in a], t)
        mean = [(x + y) / 2 for x, y in zip(one, other, strict=True)]
        rows.append((kl(one, mean) + kl(other, mean)) / 2)
    return np.mean(rows)


def margin_mse(a, p, n, scale):
    t, u, v = (of_teacher(len(a), shift) for shift in range(3))
    margins = [
        scale * (cos(a[i], p[i]) - cos(a[i], n[i])) - (cos(t[i], u[i]) - cos(t[i], v[i]))
        for i in range(len(a))
    ]
    return np.mean(np.square(margins))


def within_views(a, p, n, t):
    rows = []
    for i in range(len(a)):
        others = [j for j in range(len(a)) if j != i]
        near = [cos(a[i], p[j]) for j in others] + [cos(a[i], x) for x in n]
        near += [cos(x[i], x[j]) for x in (a, p) for j in others]
        rows.append(info(cos(a[i], p[i]), near, t))
    return np.mean(rows)


def guided_info_nce(a, p, n, t, margin, relative):
    """InfoNCE without the candidates that the teacher finds nearer than the pair, by a margin."""
    guide, near, far = (of_teacher(len(a), shift) for shift in range(3))
    candidates = [*near, *far]

    def exclude(i, j):
        own = cos(guide[i], near[i])
        return cos(guide[i], candidates[j]) > own - margin - relative * abs(own)

    return np.mean([info(pos, neg, t) for pos, neg in one_way(a, p, n, exclude)])
