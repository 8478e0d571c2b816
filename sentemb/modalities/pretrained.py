"""A network of transformers in a tower: any model that reads pictures, or log-mels, by a folder."""

import json
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sentemb.encoders.loading import loading
from sentemb.errors import InputError
from sentemb.locate import locate
from sentemb.safety.configs import check_config
from sentemb.safety.file_names import read_json

PREPROCESSOR = "preprocessor_config.json"
NOT_KEPT = (
    *("architectures", "auto_map", "dtype", "id2label", "label2id", "torch_dtype"),
    "transformers_version",
)
"""Of a config: what says where and by what it was saved."""
INPUTS = {"picture": "pixel_values", "sound": "input_values"}
"""What the models that a tower can hold call what they read."""


class Pretrained(nn.Module):
    """A model of transformers; a tower's folder holds its config, so loading runs no other code.

    Its batch normalisation, where it has some, keeps the statistics that it was trained with: no
    row's vector depends on another's.

    Args:
        config: A `TowerConfig`, whose ``model`` is what `described` returns.

    Raises:
        InputError: When transformers has no such model, or the config asks for code.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        from transformers import AutoModel

        known = config.model or {}
        self.modality, self.known = config.modality, known
        self.model: Any = cast(Any, AutoModel).from_config(
            _config(known["config"]), trust_remote_code=False
        )
        self.dim = self._settled(config)

    def _settled(self, config: Any) -> int:
        """Freeze what the places do not depend on, as a pooler, and return their dimensions."""
        self.eval()
        shape = (1, config.channels, *config.shape[:2])
        with torch.enable_grad():
            places = self(torch.zeros(shape))
            places.sum().backward()
        for parameter in self.model.parameters():
            parameter.requires_grad_(parameter.grad is not None)
            parameter.grad = None
        self.train()
        return int(places.shape[2])

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the places, ``[rows, places, dim]``.

        Args:
            inputs: As a tower hands them to its network: pictures in [-2, 2], or sounds.
        """
        if self.modality == "sound":
            given = inputs.squeeze(1).transpose(1, 2)
        else:
            mean, deviation = (
                torch.tensor(self.known[name], dtype=inputs.dtype, device=inputs.device)
                for name in ("mean", "deviation")
            )
            given = ((inputs + 2) / 4 - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
        places: Tensor = self.model(**{INPUTS[self.modality]: given}).last_hidden_state
        return places.flatten(2).transpose(1, 2) if places.ndim == 4 else places

    def train(self, mode: bool = True) -> "Pretrained":
        """Change the mode of all but batch normalisation."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def read(self, network: str) -> None:
        """Take the weights of a folder, whose code is not run.

        Raises:
            InputError: When they are not there, or do not fit.
        """
        from transformers import AutoModel

        folder = locate(network)
        with loading(network):
            model = AutoModel.from_pretrained(
                folder,
                config=_config(self.known["config"]),
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            )
        self.model.load_state_dict(model.state_dict())


def described(network: str, modality: str, bands: int) -> dict[str, Any]:
    """Return what a tower keeps of a model's folder: its config, and how it reads pictures.

    Of a model of pictures and texts, as CLIP, the part for pictures is taken.

    Args:
        network: A folder, or a hub id.
        modality: What the tower reads.
        bands: Mel bands of a sound.

    Raises:
        InputError: When there is none, or its model reads something else.
    """
    from transformers import AutoConfig, AutoModel

    folder = Path(locate(network))
    with loading(network):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        config = getattr(config, "vision_config", config)
        model = AutoModel._model_mapping[type(config)]
    reads = getattr(model, "main_input_name", None)
    mels = getattr(config, "num_mel_bins", None)
    if reads != INPUTS[modality] or (modality == "sound" and mels != bands):
        wanted = "pictures" if modality == "picture" else f"log-mels of {bands} bands"
        raise InputError(
            f"'{network}' is a {config.model_type}, which does not read {wanted}, as a tower of "
            f"{modality}s does: give another model."
        )
    if modality == "picture" and getattr(config, "num_channels", 3) != 3:
        raise InputError(f"'{network}' reads {config.num_channels} channels; a picture has 3.")
    file = folder / PREPROCESSOR
    seen: Any = read_json(file) if file.is_file() else {}
    known = json.loads(config.to_json_string(use_diff=False))
    return {
        "config": {k: v for k, v in known.items() if k not in NOT_KEPT and k[0] != "_"},
        "mean": _three(seen, "image_mean", file),
        "deviation": _three(seen, "image_std", file),
    }


def size_of(known: dict[str, Any], default: int) -> int:
    """Return how large a described model takes pictures, or how many frames of a sound.

    Args:
        known: As `described` returns it.
        default: Of a model of any size.

    Raises:
        InputError: When pictures are not square.
    """
    config = known["config"]
    size = config.get("max_length" if "num_mel_bins" in config else "image_size") or default
    if isinstance(size, list | tuple) and len(set(size)) == 1:
        size = size[0]
    if not isinstance(size, int) or size < 1:
        raise InputError(f"A tower reads square pictures, and this model takes {size!r}.")
    return size


def _three(seen: Any, name: str, file: Path) -> list[float]:
    """Return a number for each channel; 0.5 where a folder says none."""
    given = seen.get(name, [0.5] * 3) if isinstance(seen, dict) else None
    if isinstance(given, list) and len(given) == 3 and all(isinstance(x, int | float) and
       (x > 0 or name == "image_mean") for x in given):  # fmt: skip
        return [float(x) for x in given]
    raise InputError(f"'{file}' has {name} {given!r}; three numbers are needed.")


def _config(known: dict[str, Any]) -> Any:
    """Return the config of a model of transformers' own.

    Raises:
        InputError: When it names none, or code.
    """
    from transformers import CONFIG_MAPPING

    check_config(Path(CONFIG_OF_TOWER), known)
    kind = known.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise InputError(f"'{CONFIG_OF_TOWER}' has no model of transformers ({kind!r}).")
    return CONFIG_MAPPING[kind].from_dict(dict(known))


CONFIG_OF_TOWER = "tower.json"
