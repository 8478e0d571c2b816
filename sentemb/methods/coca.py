"""CoCa: pictures and texts find each other, and a decoder learns to write the texts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sentemb.encoders.linear import add_projection
from sentemb.errors import UsageError
from sentemb.losses import CrossEntropy, Sum, SymmetricInfoNCE
from sentemb.method import Method
from sentemb.methods.clip import pictures_of, tower_of_pictures
from sentemb.methods.recipe import Recipe
from sentemb.modalities.captioner import CaptionerConfig, new_captioner
from sentemb.twins import Captioning
from sentemb.values import require_share
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def coca(
    encoder: "SentenceTransformer",
    columns: Sequence[str] = ("text",),
    temperature: float = 0.07,
    caption_weight: float = 2.0,
    caption_layers: int = 2,
    caption_length: int = 32,
    queries: int = 16,
    network: str = "cnn",
    size: int = 32,
    stem: int = 2,
    width: int = 32,
    depth: int = 3,
    dim: int = 128,
    text_rate: float = 0.15,
    outline: float = 0.0,
    control: bool = False,
) -> Method:
    r"""CoCa: CLIP, and beside it a decoder that writes the text of a picture.

    .. math:: 2 \cdot \mathcal L_{\text{captions}} + \mathcal L_{\text{contrast}}

    The first is the mean cross-entropy of all tokens, each predicted from the picture and those
    before it; the second is CLIP's. The model folder is the encoder of texts, with its projection;
    ``picture`` in it is the tower, ``captions`` the decoder.

    Args:
        encoder: Of the texts; it gets a projection without bias.
        columns: Of the texts; the pictures are beside them.
        temperature: τ at the start; it is learned, and stays between 0.01 and 1.
        caption_weight: Of the captions beside the contrast.
        caption_layers: Of the decoder, which is as wide as the network's places.
        caption_length: Tokens of the longest caption; texts are predicted up to there.
        queries: Tokens that the decoder reads a picture as.
        network: Of the pictures: ``cnn``, ``vit``, transformers' ViT, or a folder of a model of
            transformers that reads pictures.
        size: Pixels a side that pictures are scaled to; a model that takes one size has its own.
        stem: Pixels, or frames, a step of the first convolution.
        width: Channels of the first stage of a ``cnn``, dimensions of a ``vit``.
        depth: Stages of a ``cnn``, layers of a ``vit``.
        dim: Dimensions of the vectors.
        text_rate: Learning rate of its transformer, and of a network from a folder, as a share of
            the others'.
        outline: Rate of pictures that are seen as outlines in training.
        control: Whether texts are shuffled among the pictures, so that nothing is to be learned.

    Source: Yu et al., 2022, CoCa (arXiv:2205.01917). Deviations: see `sentemb.twins.Captioning` and
        `sentemb.modalities.captioner.Captioner`.
    """
    require_share(text_rate=text_rate)
    loss = Sum((CrossEntropy(), SymmetricInfoNCE(temperature)), (caption_weight, 1.0))
    add_projection(encoder, dim)
    tower = tower_of_pictures(network, size, stem, width, depth, "attention", dim, outline)()
    start, end = _ends(encoder)
    places = tower.projection.in_features
    of_captions = CaptionerConfig(start, end, places, queries, caption_layers, caption_length)
    captioner = new_captioner(of_captions, len(encoder.tokenizer))
    twin = Captioning(encoder, tower, captioner, text_rate, control)
    text = next((name for name in columns if name != "picture"), "text")
    return Method((View(text),), twin, loss)


def _ends(encoder: "SentenceTransformer") -> tuple[int, int]:
    """Return the ids that the tokenizer puts before and behind a text.

    Raises:
        UsageError: When it does not put both.
    """
    tokenizer: Any = encoder.tokenizer
    around = tokenizer("")["input_ids"]
    if len(around) != 2:
        raise UsageError(
            "Captions need a tokenizer that puts one token before each text and one behind it: "
            "give another `model`, as mini, without a template."
        )
    return int(around[0]), int(around[-1])


COCA = Recipe(
    coca,
    citation="Yu et al., 2022, CoCa (arXiv:2205.01917)",
    layouts=(("picture", "text"),),
    bundled_data="pictures.parquet",
    beside="picture",
    towers_of=pictures_of,
    batch_size=64,
    learning_rate=2e-3,
    epochs=40,
    weight_decay=0.1,
    warmup=0.1,
)
