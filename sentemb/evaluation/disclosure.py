"""Which labels a model has seen, as far as its folder tells."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STS_LABELS = re.compile(r"(?i)(?<![a-z])sts([-_ ]?b|1[2-6]|(?![a-z]))")
"""Names of data that hold scores of STS."""
SHARE_PAIRS = ("STS12", "STS13", "STS14", "STS15", "STS16")
"""From 17 to 50 % of their pairs stand in STS-B's training set."""
GENERATIONS = 8
SHOWN = 4
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Disclosure:
    """What is known of a model's training.

    Args:
        labels: In a line, for people.
        scored: Data with the scores of an STS set that it was trained on.
    """

    labels: str
    scored: tuple[str, ...] = ()

    def warning(self, model: str, tasks: list[str]) -> str:
        """Say which tasks of those scored do not count for the model; "" where all do."""
        shared = [task for task in tasks if task in SHARE_PAIRS]
        if not (self.scored and shared):
            return ""
        return (
            f"{model} was trained on scores of {', '.join(self.scored)}: {', '.join(shared)} "
            "share pairs with it, so do not report them."
        )


def disclose(folder: Path) -> Disclosure:
    """Read the record of a training (``run.json``), or else the data sets that a card names.

    What a model started from is followed while it can be found. A folder is believed: a card may
    leave things out.
    """
    run = _run(folder)
    if run is not None:
        return _of_run(run)
    named = _data_sets_of_card(folder)
    if named:
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        scored = tuple(name for name in named if STS_LABELS.search(name))
        listed = ", ".join(dict.fromkeys([*scored, *named[:SHOWN]]))
        return Disclosure(f"data sets by its card: {listed}{more}", scored)
    if _is_raw(folder):
        teacher = re.search(r"^teacher: *(\S+)$", _front_matter(folder), re.MULTILINE)
        if teacher:
            return Disclosure(f"those of its teacher {teacher[1]}; the model itself saw none")
        return Disclosure("none: a raw masked-language model")
    return Disclosure(UNKNOWN)


def _of_run(run: dict[str, Any]) -> Disclosure:
    steps, scored = [], []
    for _ in range(GENERATIONS):
        data = run.get("data") or {}
        source, columns = str(data.get("source", UNKNOWN)), list(data.get("columns") or [])
        steps.append(f"{run.get('method', UNKNOWN)} on {source} ({_kind(columns)})")
        select = (run.get("settings") or {}).get("select", "spearman")
        if run.get("dev") and select == "spearman":
            steps[-1] += f", checkpoint chosen by {run['dev']}"
        if "label" in columns and STS_LABELS.search(source):
            scored.append(source)
        for teacher in (run.get("teacher"), run.get("second_teacher")):
            if not isinstance(teacher, dict):
                continue
            steps[-1] += f", taught by {teacher.get('model')} ({teacher.get('labels', UNKNOWN)})"
            scored += map(str, teacher.get("scored") or [])
        start = str(run.get("model", UNKNOWN))
        before = _run(Path(start))
        if before is None:
            steps.append(f"started from {start}")
            break
        run = before
    return Disclosure("; before that, ".join(steps[:-1]) + f"; {steps[-1]}", tuple(scored))


def _kind(columns: list[str]) -> str:
    if "label" in columns:
        return "labels"
    if "negative" in columns:
        return "triplets"
    return "pairs" if "positive" in columns else "no labels"


def _run(folder: Path) -> dict[str, Any] | None:
    record = _json(folder / "run.json")
    return record if "method" in record else None


def _json(path: Path) -> dict[str, Any]:
    """Return the object in a file, an empty one where there is none."""
    found = _content(path)
    return found if isinstance(found, dict) else {}


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _front_matter(folder: Path) -> str:
    """Return what stands before the text of ``README.md``."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    return text.removeprefix("---\n").partition("\n---")[0] if text.startswith("---\n") else ""


def _data_sets_of_card(folder: Path) -> list[str]:
    """Return the list ``datasets`` of the card."""
    front = _front_matter(folder)
    found = re.search(r"^datasets:[ \t]*\n((?:[ \t]*- .*\n?)+)", front + "\n", re.MULTILINE)
    return [line.strip(" \t-") for line in found[1].splitlines()] if found else []


def _is_raw(folder: Path) -> bool:
    """Tell a masked-language model, pooled or not; sentence-transformers saves no such head."""
    modules = _content(folder / "modules.json") or []
    kinds = {str(module.get("type", "")).rpartition(".")[2] for module in modules}
    if kinds - {"Transformer", "Pooling"}:
        return False
    architectures = _json(folder / "config.json").get("architectures") or []
    return any(str(name).endswith("ForMaskedLM") for name in architectures)
