"""From a name to a folder that may be loaded: a bundled encoder, a folder, or a hub id."""

import errno
import json
import logging
import os
from pathlib import Path

from sentemb.bundled import BUNDLED_ENCODERS, bundled
from sentemb.errors import InputError, UsageError, nearest, reading
from sentemb.safety import check_model, code_is_trusted

logger = logging.getLogger("sentemb")
READ = ["*.json", "*.txt", "*.model", "*.safetensors"]
NOT_READ = ["onnx/*", "openvino/*", "original/*", "checkpoint*/*"]
"""Of a hub repository. No pickle is fetched."""
NEIGHBOURS = 1000
"""Names beside a missing folder that are looked through for a near one."""


@reading()
def locate(model: str | os.PathLike[str]) -> str:
    """Return the folder of a model, once nothing in it speaks against loading it.

    A bundled encoder's name stands for it wherever the command runs; a warning says so where a
    model folder of that name is in the working directory. A `Path` is always a folder.

    Args:
        model: A bundled encoder, a folder, or a hub id, which is fetched but for its pickles.

    Raises:
        InputError: When it is none of them, no hub is in reach, or the folder is unsafe.
        UsageError: When it is neither a name nor a path.
    """
    if not isinstance(model, str | os.PathLike):
        raise UsageError(
            f"model must be a bundled encoder's name, a folder or a hub id, got {model!r}."
        )
    name = os.fspath(model)
    if name in BUNDLED_ENCODERS and not isinstance(model, os.PathLike):
        if _is_folder(name) and _holds_a_model(Path(name)):
            logger.warning(
                "'%s' is the bundled encoder, not the folder in the working directory: give ./%s "
                "for the folder.", name, name,
            )  # fmt: skip
        return str(bundled(name))
    if os.path.isfile(name):
        raise InputError(f"'{name}' is a file: give a model folder, or the name of a model.")
    folder = Path(name) if name and _is_folder(name) else _fetch(name)
    if not _holds_a_model(folder):
        raise InputError(
            f"Folder '{folder}' holds no model of texts: neither modules.json nor config.json."
        )
    check_model(folder)
    return str(folder)


def is_sentence_transformer(folder: str | Path) -> bool:
    """Tell whether a folder lists the modules of a sentence-transformers model."""
    return (Path(folder) / "modules.json").is_file()


def transformer_folder(folder: str) -> str:
    """Return where the transformer of a model lies: older models have it in ``0_Transformer``.

    Args:
        folder: What `locate` returned.
    """
    file = Path(folder) / "modules.json"
    modules = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    if modules and str(modules[0]["type"]).endswith(".Transformer"):
        return str(Path(folder) / modules[0].get("path", ""))
    return folder


def _holds_a_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() or is_sentence_transformer(folder)


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def _fetch(name: str) -> Path:
    """Return the folder of a hub id in the hub's cache."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    is_path = Path(name).is_absolute() or name.startswith(".") or name.count("/") > 1
    if is_path or not _is_hub_id(name) or (offline and not _in_cache(name)):
        because = "; HF_HUB_OFFLINE is set, and the hub's cache has none."
        if not is_path and not _is_hub_id(name):
            because = ". It cannot be a hub id either (user/name, at most 96 letters, digits, -_.)."
        raise InputError(
            f"No model '{_short(name)}': it is not a folder, and none of the bundled encoders "
            f"({', '.join(BUNDLED_ENCODERS)})" + ("." if is_path else because) + _near(name)
        )
    from huggingface_hub import snapshot_download

    wanted = [*READ, "*.py"] if code_is_trusted() else READ
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=NOT_READ))
    except Exception as error:  # the hub raises a dozen unrelated types
        first_line = str(error).strip().partition("\n")[0]
        raise InputError(
            f"Cannot load model '{name}': it is not a folder and no bundled encoder "
            f"({', '.join(BUNDLED_ENCODERS)}), and the hub says: {first_line}" + _near(name)
        ) from error


def _is_hub_id(name: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return name.isascii()


def _in_cache(hub_id: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(hub_id, file) for file in ("config.json", "modules.json"))
    return any(isinstance(file, str) for file in found)


def _near(name: str) -> str:
    """Name the bundled encoder, or the model folder beside, that is spelled nearly the same."""
    if len(name) > 200:
        return ""
    try:
        beside = sorted(Path(name).parent.iterdir())[:NEIGHBOURS]
    except (OSError, ValueError):
        beside = []
    folders = [str(path) for path in beside if path.is_dir() and _holds_a_model(path)]
    return nearest(name, [*BUNDLED_ENCODERS, *folders])


def _short(name: str) -> str:
    return name if len(name) <= 100 else f"{name[:100]}…"
