"""ImageBind: sounds, and texts, are bound to pictures, and then find what they never saw."""

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.encoders.linear import add_projection, ends_in_unit_length
from sentemb.errors import UsageError
from sentemb.locate import locate
from sentemb.losses import SymmetricInfoNCE
from sentemb.method import Method
from sentemb.methods.network_options import is_from_folder, require_read
from sentemb.methods.recipe import Recipe
from sentemb.modalities.captioner import CAPTIONS, IN_MODEL
from sentemb.modalities.joined_sounds import JoinedSounds
from sentemb.modalities.sound_views import SoundView
from sentemb.modalities.towers import (
    CONFIG,
    WEIGHTS,
    Tower,
    TowerConfig,
    TowerPooling,
    new_tower,
    tower_config,
)
from sentemb.twins import Hub, Spokes
from sentemb.values import require_default, require_share
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HUB, TEXT = "picture", "text"
HUB_NAMES = ("picture", "image")
NO_TOWER = "has no tower.json: give the folder of a tower, as 'picture' in that of a model."
NO_HUB = (
    "Method 'bind' needs a model with a tower of pictures, which sounds are bound to: train one "
    "with method 'clip', and give its folder as `model`."
)


def bind(
    encoder: "SentenceTransformer",
    columns: Sequence[str] = ("text",),
    temperature: float = 0.05,
    network: str = "cnn",
    frames: int = 128,
    stem: int = 2,
    width: int = 48,
    depth: int = 3,
    tower_pooling: TowerPooling = "mean-max",
    hub: str | None = None,
    text_temperature: float = 0.07,
    text_rate: float = 0.15,
    joined: float = 0.0,
    control: bool = False,
) -> Method:
    r"""ImageBind: a tower of sounds learns to be where a frozen tower of pictures is.

    The model is one that `clip` made; its texts and pictures stay as they are. No text is paired
    with a sound: that both find each other is emergent.

    Args:
        encoder: Of the texts, from the folder of a model with a tower of pictures, the hub.
        columns: Of the texts, which dev rows are measured by.
        temperature: τ, which stays: 1/20, the scale of sounds in ImageBind.
        network: Of the sounds: ``cnn``, ``vit``, or a folder of a model of transformers that reads
            log-mels of 64 bands.
        frames: Of a sound, 20 ms each; longer ones are cut.
        stem: Pixels, or frames, a step of the first convolution.
        width: Channels of the first stage of a ``cnn``, dimensions of a ``vit``.
        depth: Stages of a ``cnn``, layers of a ``vit``.
        tower_pooling: ``mean``, ``mean-max``, or ``attention`` of a learned query.
        hub: Folder of the tower that sounds are bound to; by default, and as ``picture`` or
            ``image``, the model's own.
        text_temperature: τ of texts at the start, where a separate data set has them; it is
            learned, and stays between 0.01 and 1.
        text_rate: Learning rate of the texts' transformer then, and of a network from a folder, as
            a share of the others'.
        joined: Share of the sounds that are heard with another of the batch behind them, halfway
            between both pictures. Needs more epochs.
        control: Whether pictures are shuffled among the sounds, so that nothing is to be learned.

    Source: Girdhar et al., 2023, ImageBind (arXiv:2305.05665).
    """
    require_share(text_rate=text_rate)
    _require_texts_read(network, text_temperature, text_rate)
    centre, digest, captions = _hub(encoder, hub)
    _require_width(encoder, centre)
    tower = _new_tower(network, frames, stem, width, depth, tower_pooling, centre.config.dim)
    rate = text_rate if tower.pretrained() else 1.0
    twin = Hub(
        encoder, tower, centre, "sound", HUB, digest, control, text_rate=rate, joined=_join(joined)
    )
    twin.captions = captions
    return Method((View(TEXT),), twin, _fixed(temperature))


def bind_spokes(
    encoder: "SentenceTransformer",
    columns: Mapping[str, Sequence[str]],
    temperature: float = 0.05,
    network: str = "cnn",
    frames: int = 128,
    stem: int = 2,
    width: int = 48,
    depth: int = 3,
    tower_pooling: TowerPooling = "mean-max",
    hub: str | None = None,
    text_temperature: float = 0.07,
    text_rate: float = 0.15,
    joined: float = 0.0,
    control: bool = False,
) -> dict[str, Method]:
    r"""ImageBind over several data sets: sounds, and texts, learn to be where frozen pictures are.

    .. math:: \mathcal L = \sum_M \mathcal L_{\mathrm{sym}}(\mathrm{hub}, M; \tau_M)

    Each batch is of one data set, and so of one spoke. Where texts are a data set, their encoder
    learns, behind a projection unless its vectors have length 1 and the width of the hub's; else it
    is frozen.

    Args:
        encoder: Of the texts; changed in place.
        columns: Of each data set, by its name: pictures beside sounds, or beside texts.
        temperature: As of `bind`.
        network: As of `bind`.
        frames: As of `bind`.
        stem: As of `bind`.
        width: As of `bind`.
        depth: As of `bind`.
        tower_pooling: As of `bind`.
        hub: As of `bind`.
        text_temperature: As of `bind`.
        text_rate: As of `bind`.
        joined: As of `bind`.
        control: As of `bind`.

    Returns:
        The method of each data set; all have the same twin.

    Raises:
        UsageError: When no data set has sounds, or there is no hub.

    Source: Girdhar et al., 2023, ImageBind (arXiv:2305.05665). Deviation: there the texts' tower
        is frozen beside the pictures'.
    """
    sounds = [name for name, present in columns.items() if "sound" in present]
    if not sounds:
        raise UsageError(
            f"None of the data sets {', '.join(columns)} has sounds beside its pictures: give one "
            "that has, or train pictures and texts with method 'clip'."
        )
    require_share(text_rate=text_rate)
    centre, digest, captions = _hub(encoder, hub)
    dim = centre.config.dim
    freeze = "text" if len(sounds) == len(columns) else "none"
    if freeze == "text":
        _require_texts_read(network, text_temperature, text_rate)
        _require_width(encoder, centre)
    elif not ends_in_unit_length(encoder, dim):
        add_projection(encoder, dim)
    tower = _new_tower(network, frames, stem, width, depth, tower_pooling, dim)
    twin = Spokes(
        encoder, tower, centre, "sound", HUB, digest, control, freeze=freeze,
        text_rate=text_rate, joined=_join(joined),
    )  # fmt: skip
    twin.captions = captions
    of_texts, of_sounds = SymmetricInfoNCE(text_temperature), _fixed(temperature)
    return {
        name: Method((), twin, of_sounds) if name in sounds else
        Method((View(TEXT),), twin, of_texts) for name in columns
    }  # fmt: skip


def _new_tower(
    network: str,
    frames: int,
    stem: int,
    width: int,
    depth: int,
    pooling: TowerPooling,
    dim: int,
) -> Tower:
    numbers = {"stem": stem, "width": width, "depth": depth, "pooling": pooling, "dim": dim}
    require_read(bind, network, numbers)
    return new_tower(tower_config("sound", network, frames, **numbers), network, SoundView())


def _require_texts_read(network: str, temperature: float, rate: float) -> None:
    """Raise where an option of texts is given, and none are trained on.

    Raises:
        UsageError: Names the option.
    """
    where = "unless one of several data sets has texts"
    require_default(bind, where, text_temperature=temperature)
    if not is_from_folder(network):
        require_default(bind, f"{where}, or the network is from a folder", text_rate=rate)


def _require_width(encoder: "SentenceTransformer", hub: Tower) -> None:
    """Raise where texts that stay as they are cannot be compared with the hub.

    Raises:
        UsageError: Names both widths.
    """
    width = encoder.get_embedding_dimension()
    if width != hub.config.dim:
        raise UsageError(
            f"The texts have {width} dimensions and the hub {hub.config.dim}: give the `model` "
            "that the hub was trained with, or pictures with texts as another data set."
        )


def _join(share: float) -> JoinedSounds | None:
    return JoinedSounds(share) if share else None


def _fixed(temperature: float) -> SymmetricInfoNCE:
    """Return the loss at a temperature that stays."""
    loss = SymmetricInfoNCE(temperature)
    loss.log_inverse_temperature.requires_grad_(False)
    return loss


def _hub(model: "SentenceTransformer", hub: str | None) -> tuple[Tower, str, Path | None]:
    """Return the hub, a hash of its weights, and the folder of its captions where it has some."""
    place = _place(model, hub)
    centre, beside = Tower.load(place), place.parent / IN_MODEL
    captions = beside if (beside / CAPTIONS).is_file() else None
    return centre, sha256((place / WEIGHTS).read_bytes()).hexdigest()[:16], captions


def _place(model: Any, hub: str | None) -> Path:
    """Return the folder of the hub: its own, or the one in the model's.

    Raises:
        UsageError: When it has no tower.
    """
    if hub is None or hub in HUB_NAMES:
        named = isinstance(model, str | os.PathLike)
        place = (Path(locate(model)) if named else folder_of(model)) / HUB
        missing = NO_HUB
    else:
        place, missing = Path(hub), f"`hub` '{hub}' {NO_TOWER}"
    if not (place / CONFIG).is_file():
        raise UsageError(missing)
    return place


def folder_of(encoder: "SentenceTransformer") -> Path:
    """Return the folder that an encoder was loaded from."""
    model: Any = encoder[0]
    return Path(str(getattr(model.auto_model.config, "_name_or_path", "")))


def towers_of(model: object, options: Mapping[str, Any]) -> list[TowerConfig]:
    """Return the configs of the hub and of the sounds' tower, for how rows are read."""
    require_read(bind, options["network"], options)
    _join(options["joined"])
    hub = Tower.load(_place(model, options["hub"])).config
    return [hub, tower_config("sound", options["network"], options["frames"], stem=1, depth=1)]


BIND = Recipe(
    bind,
    citation="Girdhar et al., 2023, ImageBind (arXiv:2305.05665)",
    layouts=(("picture", "sound", "text"),),
    bundled_data="pictures.parquet",
    beside="picture sound",
    towers_of=towers_of,
    several=bind_spokes,
    batch_size=64,
    learning_rate=2e-3,
    epochs=20,
    weight_decay=0.1,
    warmup=0.1,
)
