"""How well free energy and the largest cosine tell foreign texts from a corpus's.

    python benchmarks/energy.py     about 1 minute

The corpus is of wiki sentences; others of them are to be told from film reviews. AUROC with a 95 %
interval by bootstrap over both sets. Written to results/energy.md.
"""

import numpy as np
from common import RESULTS, lines, machine, sample, table
from sklearn.metrics import roc_auc_score

import sentemb
from sentemb.tasks.score import log_partition

CORPUS, ASKED, DRAWS = 2000, 500, 1000
WIKI, REVIEWS = ("wiki1m_head", "enwiki_gensim"), ("movie_reviews",)
TEMPERATURES = (0.02, 0.05, 0.2, 1.0)
MODELS = ("mini-sentemb",)


def drawn(tags: tuple[str, ...], count: int) -> list[str]:
    rows = (line.split("\t", 1) for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    texts = dict.fromkeys(text for tag, text in rows if tag in tags and 30 < len(text) < 200)
    return sample(iter(texts), count)


def interval(foreign: np.ndarray, scores: np.ndarray) -> str:
    random = np.random.default_rng(0)
    sides = np.flatnonzero(foreign), np.flatnonzero(~foreign)
    found = []
    for _ in range(DRAWS):
        some = np.concatenate([random.choice(side, len(side)) for side in sides])
        found.append(roc_auc_score(foreign[some], scores[some]))
    low, high = np.quantile(found, (0.025, 0.975))
    return f"{roc_auc_score(foreign, scores):.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    wiki, reviews = drawn(WIKI, CORPUS + ASKED), drawn(REVIEWS, ASKED)
    foreign = np.arange(2 * ASKED) >= ASKED
    rows = []
    for name in MODELS:
        encoder = sentemb.load(name, "cpu")
        corpus = encoder.encode(wiki[ASKED:], normalize=True)
        asked = encoder.encode([*wiki[:ASKED], *reviews], normalize=True)
        measures = {"largest cosine": -(asked @ corpus.T).max(axis=1)} | {
            f"free energy, τ {tau:g}": -log_partition(asked, corpus, tau) for tau in TEMPERATURES
        }
        rows += [[name, what, interval(foreign, values)] for what, values in measures.items()]
        print(*rows[-len(measures) :], sep="\n", flush=True)
    about = f"{ASKED:,} texts of each kind, against a corpus of {CORPUS:,} wiki sentences."
    text = f"{table(['model', 'measure', 'AUROC'], rows)}\n\n{about}\n\n{machine()}.\n"
    (RESULTS / "energy.md").write_text(text)


if __name__ == "__main__":
    main()
