"""A checkpoint folder is a sentence-transformers model, and a file for the rest of the method."""

from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sentemb.encoders.build import build_encoder
from sentemb.encoders.lora import is_adapted, is_frozen, save_merged
from sentemb.errors import InputError
from sentemb.evaluation import STS
from sentemb.method import Method
from sentemb.modalities.tower_encoder import TowerEncoder, load_tower
from sentemb.runs.arguments import resolve_precision
from sentemb.runs.checkpoint_commit import readable
from sentemb.runs.conditions import (
    WITHOUT_EFFECT,
    described,
    described_rows,
    encoder_identity,
    stable_repr,
)
from sentemb.runs.processes import processes
from sentemb.training.settings import Settings
from sentemb.training.teaching import condition_of_teacher
from sentemb.twins import Twin

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TRAINING_STATE = "method.safetensors"
ENCODER_PREFIX = "twin.encoder."
QUEUED_TEXTS = "queue.texts"
"""Queues of an earlier version do not hold the partners of their texts: each text is its own."""


def save_encoder(encoder: "SentenceTransformer", folder: Path) -> None:
    """Save a plain sentence-transformers model, readable by whom the umask lets read."""
    save_merged(encoder, folder)
    readable(folder)


def save_checkpoint(method: Method, folder: Path) -> None:
    """Save the encoder as a model, and beside it what lives in training only.

    LoRA's matrices are merged in the model, so they, and all else that trains, are beside it too.
    """
    save_encoder(method.encoder, folder)
    rest = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)  # T5 shares some
        for name, tensor in method.state_dict().items()
        if not _is_elsewhere(method, name)
    }
    save_file(rest, folder / TRAINING_STATE)


def _is_elsewhere(method: Method, name: str) -> bool:
    """Tell whether a part of the state is known without it: saved as a model, or frozen."""
    if not name.startswith(ENCODER_PREFIX):
        return False
    return not is_adapted(method.encoder) or is_frozen(name.removeprefix(ENCODER_PREFIX))


def fits(method: Method, folder: Path) -> bool:
    """Tell whether what `save_checkpoint` saved has the names and shapes of a method's state."""
    try:
        saved = _saved(method, folder)
    except (OSError, RuntimeError, SafetensorError):
        return False
    own = method.state_dict()
    return own.keys() == saved.keys() and all(own[k].shape == saved[k].shape for k in own)


def _saved(method: Method, folder: Path) -> dict[str, Tensor]:
    rest = load_file(folder / TRAINING_STATE)
    for name in [name for name in rest if name.endswith(QUEUED_TEXTS)]:
        rest.setdefault(name.removesuffix("texts") + "partners", rest[name].clone())
    if is_adapted(method.encoder):
        return {k: v for k, v in method.state_dict().items() if _is_elsewhere(method, k)} | rest
    own = method.encoder
    saved = (
        load_tower(folder, own.modality)
        if isinstance(own, TowerEncoder)
        else build_encoder(folder, device="cpu")
    )
    encoder = saved.state_dict()
    return {ENCODER_PREFIX + name: tensor for name, tensor in encoder.items()} | rest


def load_checkpoint(method: Method, folder: Path) -> None:
    """Load what `save_checkpoint` saved; every key must be there, and no other.

    Raises:
        InputError: When the folder does not hold this method's state.
    """
    try:
        method.load_state_dict(_saved(method, folder))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"Checkpoint {folder} does not fit this method: {reason}") from error


def conditions_of(
    method: Method, data: Dataset, settings: Settings, steps: int, dev: STS | None
) -> dict[str, Any]:
    """Return everything that the model depends on, in words and numbers, by name."""
    compared = {k: v for k, v in asdict(settings).items() if k not in WITHOUT_EFFECT}
    for name in ("compile", "gradient_checkpointing", "optim"):
        if compared[name] in (False, Settings.optim):  # as in checkpoints of versions without it
            del compared[name]
    if settings.select == "last":  # evaluation changes nothing then
        del compared["eval_steps"]
    elif settings.select == "spearman" and dev is not None:
        rows = zip(dev.sentences1, dev.sentences2, dev.scores, strict=True)
        compared["dev"] = described(len(dev.scores), (repr(row) for row in rows))
    return {
        **compared,
        "max_steps": steps,
        "precision": resolve_precision(settings.precision),
        "processes": processes().num_processes,
        "views": "; ".join(stable_repr(view) for view in method.views),
        "twin": described_twin(method.twin),
        "loss": stable_repr(method.loss),
        "data": described_rows(data),
        **encoder_identity(method.encoder),
        **_towers(method.twin),
        **condition_of_teacher(method.twin),
    }


def _towers(twin: Twin) -> dict[str, Any]:
    """Describe the encoders beside the encoder, and towers: what they are, and how they see."""
    encoders = {
        f"{tower}_{name}": value
        for tower, encoder in twin.other_encoders().items()
        for name, value in encoder_identity(encoder).items()
    }
    towers = {
        f"tower of {name}s": f"{stable_repr(tower.config)} {stable_repr(tower.view)}"
        for name, tower in twin.towers().items()
    }
    return encoders | towers


def described_twin(twin: object) -> str:
    """Name a twin and its own numbers; its modules show in the checkpoint itself."""
    simple = {
        name: value
        for name, value in sorted(vars(twin).items())
        if not name.startswith("_") and name not in ("training", "micro_batch")
        if isinstance(value, int | float | str | bool) or is_dataclass(value)
    }
    shown = ", ".join(f"{name}={stable_repr(value)}" for name, value in simple.items())
    return f"{type(twin).__name__}({shown})"
