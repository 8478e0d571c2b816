"""How token embeddings become a sentence embedding, built of stock modules only."""

from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import torch
from torch import nn

from sentemb.encoders.templates import set_mask_template
from sentemb.errors import UsageError, nearest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer

PoolingName = Literal[
    "cls",
    "cls_before_pooler",
    "mean",
    "lasttoken",
    "weightedmean",
    "avg_top2",
    "avg_first_last",
    "avg_embedding_last",
    "mask",
]
POOLINGS: tuple[PoolingName, ...] = get_args(PoolingName)


def pooling_modules(transformer: "Transformer", pooling: PoolingName) -> list[nn.Module]:
    """Return the stock modules that follow the transformer.

    - ``cls``: last layer's [CLS], then a fresh Linear and tanh that stay in the encoder.
    - ``cls_before_pooler``: last layer's [CLS] itself.
    - ``mean``: mean of the real tokens of the last layer.
    - ``lasttoken``: last layer's last real token, the one that has seen all others in a causal
      model.
    - ``weightedmean``: mean of the real tokens of the last layer, the first with weight 1, the n-th
      with weight n: in a causal model, later tokens have seen more.
    - ``avg_top2``: mean of the real tokens, over the last two layers.
    - ``avg_first_last``: the same over the first layer and the last.
    - ``avg_embedding_last``: the same over the embedding block's output and the last layer, as in
      the tables of the SimCSE paper.
    - ``mask``: last layer's [MASK] in ``This sentence : "{text}" means [MASK].``, as PromptBERT has
      it. The words become part of the tokenizer.

    Raises:
        UsageError: When there is no such pooling, or no mask token to read.

    Source: Gao et al., 2021 (arXiv:2104.08821) and the authors' repository; the last token of a
        causal model, Neelakantan et al., 2022 (arXiv:2201.10005), section 3; its weighted mean,
        Muennighoff, 2022, SGPT (arXiv:2202.08904), section 3; [MASK] in a template, Jiang et al.,
        2022, PromptBERT (arXiv:2201.04337).
    """
    from sentence_transformers.sentence_transformer.modules import Pooling

    if pooling not in POOLINGS:
        raise UsageError(
            f"Unknown pooling '{pooling}'; allowed: {', '.join(POOLINGS)}."
            + nearest(pooling, list(POOLINGS))
        )
    dim = transformer.get_embedding_dimension()
    if pooling == "cls":
        return [Pooling(dim, "cls"), _tanh_layer(dim)]
    if pooling == "cls_before_pooler":
        return [Pooling(dim, "cls")]
    if pooling in ("mean", "lasttoken", "weightedmean"):
        return [Pooling(dim, pooling)]
    if pooling == "mask":
        set_mask_template(transformer)
        return [_mask_alone(transformer.tokenizer), Pooling(dim, "mean")]
    layers: int = transformer.config.num_hidden_layers
    first = {"avg_top2": layers - 1, "avg_first_last": 1, "avg_embedding_last": 0}[pooling]
    transformer.config.output_hidden_states = True
    return [_mean_of_layers({first, layers}, dim, layers), Pooling(dim, "mean")]


def pools_mask(encoder: "SentenceTransformer") -> bool:
    """Tell whether the mask token alone is pooled."""
    from sentence_transformers.sentence_transformer.modules import WordWeights

    weighed = [module.word_weights for module in encoder if isinstance(module, WordWeights)]
    return weighed == [{encoder.tokenizer.mask_token: 1.0}]


def last_layer_mean(encoder: "SentenceTransformer") -> nn.Module | None:
    """Return mean pooling of the last layer where the encoder itself averages several, else None.

    ConSERT trains on the last layer and evaluates on the last two.

    Source: Yan et al., 2021 (arXiv:2105.11741) and the authors' repository.
    """
    from sentence_transformers.sentence_transformer.modules import Pooling, WeightedLayerPooling

    if not any(isinstance(module, WeightedLayerPooling) for module in encoder):
        return None
    mean: nn.Module = Pooling(cast("Transformer", encoder[0]).get_embedding_dimension(), "mean")
    return mean


def keep_first_layer(encoder: "SentenceTransformer") -> None:
    """Add a linear layer and ReLU, which stay in the encoder.

    Source: Chen et al., 2020, SimCLR v2 (arXiv:2006.10029), section 2: the first layer of the
    projector is kept.
    """
    from sentence_transformers.base.modules import Dense

    dim = cast("int", encoder.get_embedding_dimension())
    encoder.append(Dense(dim, dim, activation_function=nn.ReLU()).to(encoder.device))


def initialise_as_simcse(linear: nn.Linear) -> None:
    """Draw weights from N(0, 0.02²) and set the bias to 0, as SimCSE's fresh head."""
    nn.init.normal_(linear.weight, std=0.02)
    nn.init.zeros_(linear.bias)


def _tanh_layer(dim: int) -> nn.Module:
    from sentence_transformers.base.modules import Dense

    dense = Dense(dim, dim, activation_function=nn.Tanh())
    initialise_as_simcse(dense.linear)
    return dense


def _mask_alone(tokenizer: Any) -> nn.Module:
    """Weigh the mask token with 1 and all others with 0, so that their mean is its state alone."""
    from sentence_transformers.sentence_transformer.modules import WordWeights

    words = {number: word for word, number in tokenizer.get_vocab().items()}
    vocabulary = [words.get(number, "") for number in range(max(words) + 1)]
    return WordWeights(vocabulary, {tokenizer.mask_token: 1.0}, unknown_word_weight=0.0)


def _mean_of_layers(which: set[int], dim: int, layers: int) -> nn.Module:
    from sentence_transformers.sentence_transformer.modules import WeightedLayerPooling

    weights = torch.tensor([float(layer in which) for layer in range(layers + 1)])
    return WeightedLayerPooling(
        dim, num_hidden_layers=layers, layer_start=0, layer_weights=nn.Parameter(weights)
    )
