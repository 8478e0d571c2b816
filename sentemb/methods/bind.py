"""ImageBind: sounds are bound to pictures, and then find texts that they never saw."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError
from sentemb.losses import SymmetricInfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.modalities.sound_views import SoundView
from sentemb.modalities.towers import CONFIG, WEIGHTS, Tower, TowerConfig
from sentemb.twins import Hub
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HUB = "picture"
NO_HUB = (
    "Method 'bind' needs a model with a tower of pictures, which sounds are bound to: train one "
    "with method 'clip', and give its folder as `model`."
)


def bind(
    encoder: "SentenceTransformer",
    columns: Sequence[str] = ("text",),
    temperature: float = 0.05,
    frames: int = 128,
    stem: int = 4,
    width: int = 48,
    depth: int = 3,
    hub: str | None = None,
    control: bool = False,
) -> Method:
    r"""ImageBind: a tower of sounds learns to be where a frozen tower of pictures is.

    The model is one that `clip` made; its texts and pictures stay as they are. No text is paired
    with a sound: that both find each other is emergent.

    Args:
        encoder: Of the texts, from the folder of a model with a tower of pictures, the hub.
        columns: Of the texts, which dev rows are measured by.
        temperature: τ, which stays: 1/20, the scale of sounds in ImageBind.
        frames: Of a sound, 20 ms each; longer ones are cut.
        stem: Bands and frames a step of the first convolution.
        width: Channels of the first stage.
        depth: Stages.
        hub: Folder of the tower that sounds are bound to; by default ``picture`` in the model's.
        control: Whether pictures are shuffled among the sounds, so that nothing is to be learned.

    Source: Girdhar et al., 2023, ImageBind (arXiv:2305.05665).
    """
    place = folder_of(encoder) / HUB if hub is None else Path(hub)
    centre = _loaded(place)
    config = TowerConfig("sound", "cnn", frames, stem, width, depth, dim=centre.config.dim)
    digest = sha256((place / WEIGHTS).read_bytes()).hexdigest()[:16]
    twin = Hub(encoder, Tower(config, SoundView()), centre, "sound", HUB, digest, control)
    loss = SymmetricInfoNCE(temperature)
    loss.log_inverse_temperature.requires_grad_(False)
    return Method((View("text"),), twin, loss)


def folder_of(encoder: "SentenceTransformer") -> Path:
    """Return the folder that an encoder was loaded from."""
    model: Any = encoder[0]
    return Path(str(getattr(model.auto_model.config, "_name_or_path", "")))


def _loaded(place: Path) -> Tower:
    """Return the hub.

    Raises:
        UsageError: When there is none.
    """
    if not (place / CONFIG).is_file():
        raise UsageError(NO_HUB)
    return Tower.load(place)


def towers_of(model: object, options: Mapping[str, Any]) -> list[TowerConfig]:
    """Return the configs of the hub and of the sounds' tower, for how rows are read."""
    hub = _loaded(Path(options["hub"] or Path(str(model)) / HUB)).config
    return [hub, TowerConfig("sound", "cnn", options["frames"], depth=1)]


BIND = Recipe(
    bind,
    citation="Girdhar et al., 2023, ImageBind (arXiv:2305.05665)",
    layouts=(("picture", "sound", "text"),),
    bundled_data="pictures.parquet",
    beside="picture sound",
    towers_of=towers_of,
    batch_size=128,
    learning_rate=2e-3,
    epochs=20,
    weight_decay=0.1,
    warmup=0.1,
)
