"""A folder with the numbers of some models, and pictures of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from sentemb.geometry.analysis import Analysis
from sentemb.geometry.corpus import Corpus
from sentemb.plotting import require_matplotlib
from sentemb.storage import whole_folder, write_json
from sentemb.versions import versions

RECORD = "analysis.json"


def record_of(found: dict[str, Analysis], corpus: Corpus, temperature: float) -> dict[str, Any]:
    """Return all numbers of some models, as JSON has them."""
    return {
        "data": {
            "sentences": {"name": corpus.name, "n": len(corpus.sentences)},
            "pairs": {"name": corpus.task.name, "n": len(corpus.task.scores)},
            "labelled": {"n": len(corpus.texts), "classes": len(set(corpus.labels))},
        },
        "temperature": temperature,
        "models": {
            name: {
                "dimension": each.dim,
                "measures": {key: asdict(measure) for key, measure in each.measures.items()},
                "spectrum": each.spectrum.tolist(),
            }
            for name, each in found.items()
        },
    }


def write_report(
    folder: Path,
    found: dict[str, Analysis],
    corpus: Corpus,
    temperature: float,
    *,
    overwrite: bool = False,
) -> None:
    """Write ``analysis.json`` and the pictures; the folder is there when all of it is.

    Args:
        folder: Where.
        found: By model.
        corpus: What the models were run on.
        temperature: Of relative penalties and of energies.
        overwrite: Whether an earlier report in the folder is replaced.

    Raises:
        UsageError: When matplotlib is not installed.
    """
    require_matplotlib()
    from sentemb.geometry.pictures import draw

    record: dict[str, Any] = {"schema": "sentemb.analyze/1", "versions": versions()}
    record |= record_of(found, corpus, temperature)
    with whole_folder(folder, RECORD, overwrite=overwrite) as new:
        write_json(new / RECORD, record)
        draw(new, found, corpus, temperature)
