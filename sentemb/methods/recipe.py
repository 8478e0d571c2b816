"""`Recipe`: a method with the settings that its paper trains it with; `method_named` builds one."""

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sentemb.encoders.bidirectional import make_bidirectional
from sentemb.encoders.build import build_encoder, model_name
from sentemb.encoders.linear import end_in_identity
from sentemb.encoders.lora import Lora, add_lora
from sentemb.encoders.poolings import PoolingName
from sentemb.encoders.prompts import set_prompts
from sentemb.encoders.templates import TemplateName, set_template
from sentemb.encoders.trainable import require_transformer
from sentemb.errors import UsageError, nearest, unknown
from sentemb.method import Method
from sentemb.modalities.tower_encoder import tower_to_start_from
from sentemb.values import require_kinds_of_options

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

METHODS = {
    "simcse-unsup": "simcse.SIMCSE_UNSUP",
    "simcse-sup": "simcse.SIMCSE_SUP",
    "consert": "consert.CONSERT",
    "consert-sup": "consert.CONSERT_SUP",
    "esimcse": "esimcse.ESIMCSE",
    "eda": "edits.EDA_CONTRAST",
    "crop": "edits.CROP_CONTRAST",
    "multi-crop": "edits.MULTI_CROP",
    "equivariant": "edits.EQUIVARIANT",
    "supcon": "supcon.SUPCON",
    "cosent": "cosent.COSENT",
    "simcse++": "simcse.SIMCSE_PLUS_PLUS",
    "simclr": "simclr.SIMCLR",
    "simclr-v2": "simclr.SIMCLR_V2",
    "simclr-pictures": "simclr_pictures.SIMCLR_PICTURES",
    "moco": "moco.MOCO",
    "moco-v2": "moco.MOCO_V2",
    "moco-v3": "moco.MOCO_V3",
    "byol": "without_negatives.BYOL",
    "simsiam": "without_negatives.SIMSIAM",
    "swav": "swav.SWAV",
    "local-aggregation": "aggregation.LOCAL_AGGREGATION",
    "barlow-twins": "decorrelation.BARLOW_TWINS",
    "vicreg": "decorrelation.VIC_REG",
    "two-tower": "two_tower.TWO_TOWER",
    "nsp": "next_sentence.NSP",
    "distill": "distill.DISTILL",
    "rankcse": "rankcse.RANKCSE",
    "gist": "gist.GIST",
    "sncse": "sncse.SNCSE",
    "arccse": "arccse.ARCCSE",
    "whitenedcse": "whitenedcse.WHITENEDCSE",
    "promptbert": "promptbert.PROMPTBERT",
    "starbucks": "starbucks.STARBUCKS",
    "multilingual": "multilingual.MULTILINGUAL",
    "clip": "clip.CLIP",
    "siglip": "clip.SIGLIP",
    "lit": "clip.LIT",
    "coca": "coca.COCA",
    "bind": "bind.BIND",
}
"""Names of recipes, as ``sentemb train --method`` takes them, and where each is defined."""
OF_TEXTS = "pooling, prompt, include_prompt, bidirectional, template, lora and score"


@dataclass(frozen=True)
class Recipe:
    """What a paper says beside its method; each setting is a default that a run may change.

    Where a paper says nothing for text, settings are those of unsupervised SimCSE, but for its
    pooling.

    Args:
        build: From an encoder to the method; its further parameters are the method's options.
        citation: The source, for the model card.
        layouts: The columns it can read, the fullest first.
        bundled_data: The file trained on where none is named.
        pooling: Pooling of a raw encoder.
        batch_size: Rows a step.
        learning_rate: Peak of the linear decay.
        epochs: Passes over the data.
        max_length: Tokens a text is truncated to in training.
        warmup: Rate of the steps that the learning rate rises over.
        weight_decay: Of AdamW.
        eval_steps: Steps between evaluations.
        beside: What is read beside the texts, as ``picture`` or ``picture sound``; "" for nothing.
        reads_texts: Whether it trains an encoder of texts; else it trains a tower alone.
        towers_of: From the model and the options to the towers' configs, which say how it is read.
        several: From an encoder, and the columns of each of several data sets beside texts, to the
            method of each; None where a method reads one.
    """

    build: Callable[..., Method]
    citation: str
    layouts: tuple[tuple[str, ...], ...] = (("text",),)
    bundled_data: str = "sentences-20k.txt.gz"
    pooling: PoolingName = "mean"
    batch_size: int = 64
    learning_rate: float = 3e-5
    epochs: float = 1
    max_length: int = 32
    warmup: float = 0.0
    weight_decay: float = 0.0
    eval_steps: int = 125
    beside: str = ""
    reads_texts: bool = True
    towers_of: Callable[[Any, Mapping[str, Any]], list[Any]] | None = None
    several: Callable[..., dict[str, Method]] | None = None


def recipe_named(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        UsageError: When there is none; names the nearest.

    Example:
        >>> recipe_named("simcse-sup").batch_size
        512
    """
    if name not in METHODS:
        raise UsageError(unknown("method", name, list(METHODS)))
    module, _, constant = METHODS[name].partition(".")
    recipe: Recipe = getattr(import_module(f"sentemb.methods.{module}"), constant)
    return recipe


def options_of(name: str) -> list[str]:
    """Return the options of a recipe: the parameters of its function, without the encoder.

    Example:
        >>> options_of("simcse-sup")
        ['columns', 'temperature', 'hard_negative_weight']
    """
    return list(inspect.signature(recipe_named(name).build).parameters)[1:]


def method_named(
    name: str,
    model: "str | os.PathLike[str] | SentenceTransformer | None" = None,
    *,
    pooling: PoolingName | None = None,
    prompt: Mapping[str, str] | None = None,
    include_prompt: bool | None = None,
    bidirectional: bool = False,
    template: TemplateName | None = None,
    lora: Lora | None = None,
    bilinear: bool = False,
    **options: Any,
) -> Method:
    """Build the method of a recipe, on the encoder and with the pooling that the recipe has.

    Args:
        name: Of the recipe, as ``sentemb train --method`` takes it.
        model: A bundled encoder, a folder, a hub id or a `SentenceTransformer`, which is changed in
            place; by default ``mini``.
        pooling: By default the model's own, or the recipe's for a raw encoder.
        prompt: What is put before the texts of a column, by column.
        include_prompt: Whether tokens of prompts are pooled; by default as the model has it.
        bidirectional: Whether every token of a decoder sees all others, see `make_bidirectional`.
        template: What is read around each text, see `set_template`; a raw encoder pools the last
            token of it.
        lora: Train small matrices beside the model's layers in their place.
        bilinear: Whether the encoder ends in a linear layer, see `end_in_identity`.
        options: Of the recipe: the parameters of its function. Where ``columns`` or ``classes`` is
            among them, it describes the training data.

    Raises:
        UsageError: When there is no such recipe or option, or a value is of another kind.
        InputError: When the model cannot be found or read, or is not a transformer.

    Example:
        >>> method_named("simcse-unsup", temperature=0.1).loss
        InfoNCE(temperature=0.1)
    """
    recipe, known = recipe_named(name), options_of(name)
    for option in options:
        if option not in known:
            raise UsageError(
                f"Method '{name}' has no option '{option}'; it takes {', '.join(known)}."
                + nearest(option, known)
            )
    require_kinds_of_options(recipe.build, options)
    if not recipe.reads_texts:
        of_texts = pooling, prompt, include_prompt, bidirectional, template, lora, bilinear
        if any(of_texts):
            raise UsageError(
                f"{OF_TEXTS} are of texts, which '{name}' does not read: leave them out."
            )
        return recipe.build(tower_to_start_from(model), **options)
    if recipe.pooling == "mask" and pooling not in (None, "mask"):
        raise UsageError(f"Method '{name}' reads [MASK]: leave `pooling` out.")
    encoder = encoder_of(
        recipe, model, pooling=pooling, bidirectional=bidirectional, template=template, lora=lora
    )
    if bilinear:
        end_in_identity(encoder)
    method = recipe.build(encoder, **options)
    read = [view.column for view in method.views]
    for each in (method.encoder, *method.twin.other_encoders().values()):
        set_prompts(each, prompt or {}, read, include_prompt)
    return method


def encoder_of(
    recipe: Recipe,
    model: "str | os.PathLike[str] | SentenceTransformer | None" = None,
    *,
    pooling: PoolingName | None = None,
    bidirectional: bool = False,
    template: TemplateName | None = None,
    lora: Lora | None = None,
) -> "SentenceTransformer":
    """Return the encoder that a recipe trains; arguments as of `method_named`.

    Raises:
        InputError: When the model cannot be found or read, or is not a transformer.
    """
    source = "mini" if model is None else model
    raw_pooling: PoolingName = recipe.pooling if template is None else "lasttoken"
    encoder = build_encoder(source, pooling=pooling, raw_pooling=raw_pooling)
    require_transformer(encoder, model_name(source), "training")
    if template is not None:
        set_template(encoder, template)
    if bidirectional:
        make_bidirectional(encoder)
    if lora is not None:
        add_lora(encoder, lora)
    return encoder
