"""``training.png``: what was logged of a run, drawn over its steps, in the run's folder."""

import json
import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sentemb.errors import InputError
from sentemb.runs.run_folder import METRICS, RUN, read_object, seed_folders
from sentemb.storage import claim, replaced

if TYPE_CHECKING:
    from sentemb.plotting.training_curves import Trained

logger = logging.getLogger("sentemb")
PICTURE = "training.png"


def leave_picture(folder: Path, kind: str) -> None:
    """Draw a run, or all seeds of one, into its folder; without matplotlib, do nothing.

    A picture that cannot be drawn is a warning: the model stands.

    Args:
        folder: Of the run, or of its seeds.
        kind: Of the folder, as `sentemb.storage.owned.Owned` has it.
    """
    if not find_spec("matplotlib"):
        return
    try:
        with TemporaryDirectory(prefix="sentemb-") as draft:
            drawn = Path(draft, PICTURE)
            draw_runs(drawn, [folder])
            claim(folder, [PICTURE], kind)
            with replaced(folder / PICTURE) as file:
                file.write(drawn.read_bytes())
    except Exception as error:  # whatever it is, a picture is not worth a run
        reason = " ".join(str(error).split())[:160]
        logger.warning("No %s in '%s': %s: %s", PICTURE, folder, type(error).__name__, reason)


def draw_runs(path: Path, folders: Sequence[Path]) -> None:
    """Draw runs side by side; a folder of ``seed-0``, ``seed-1``, … is one.

    Raises:
        InputError: When a folder holds no run, or nothing was logged yet; names it.
    """
    from sentemb.plotting.training_curves import draw_training

    read = [_read(folder) for folder in folders]
    title = _title([records[0] for _, records in read], [len(records) for _, records in read])
    draw_training(path, [trained for trained, _ in read], title)


def _read(run: Path) -> "tuple[Trained, list[dict[str, Any]]]":
    from sentemb.plotting.training_curves import Trained

    folders = [run] if (run / METRICS).is_file() else seed_folders(run)
    if not folders:
        raise InputError(f"'{run}' holds no run: it has no {METRICS}.")
    records = [_record(folder) for folder in folders]
    best = [record.get("best_step") for record in records]
    return Trained(str(run), [_history(folder) for folder in folders], best), records


def _history(folder: Path) -> list[dict[str, Any]]:
    """Read the lines of a log; the last may be cut where the run is still on."""
    if not (folder / METRICS).is_file():
        raise InputError(f"'{folder}' holds no run: it has no {METRICS}.")
    lines = []
    for text in (folder / METRICS).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    if not lines:
        raise InputError(f"'{folder}': nothing was logged yet.")
    return lines


def _record(folder: Path) -> dict[str, Any]:
    return read_object(folder / RUN) if (folder / RUN).is_file() else {}


def _seeds(count: int, record: dict[str, Any]) -> str:
    if count > 1:
        return f"{count} seeds"
    return f"one seed ({record['settings']['seed']})" if "settings" in record else "one seed"


def _title(records: Sequence[dict[str, Any]], seeds: Sequence[int]) -> str:
    """Say what is the same of all runs: method, start, data, steps, dev set, seeds."""
    words: list[str] = []
    for what in (
        {str(r.get("method") or "fine-tuning") for r in records if r},
        {f"from {Path(str(r['model'])).name}" for r in records if "model" in r},
        {f"{r['rows']:,} rows of {Path(r['data']['source']).name}" for r in records if "rows" in r},
        {f"{r['steps']:,} steps" for r in records if "steps" in r},
        {f"dev: {Path(str(r['dev'])).name}" for r in records if r.get("dev")},
        {_seeds(n, record) for n, record in zip(seeds, records, strict=True)},
    ):
        words += what if len(what) == 1 else []
    return ", ".join(words) or "training"
