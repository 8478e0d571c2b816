"""A static model of an encoder: a vector a token, and a text is the mean of its tokens'."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from torch import nn

from sentemb.encoders import build_encoder
from sentemb.encoders.truncating import truncating
from sentemb.errors import InputError, NumericError, UsageError
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Numbers = NDArray[np.float64]
DIM = 256
"""What Model2Vec keeps."""
SMOOTHING = 1e-3
"""SIF's ``a``, for counted tokens."""
SMOOTHING_BY_RANK = 1e-4
"""Model2Vec's, for Zipf's law: of all-MiniLM-L6-v2 it scores higher on three STS sets of four."""
BATCH = 1024
"""Texts that are tokenised, and sequences of one token that are embedded, at once."""
UNUSED = re.compile(r"\[unused\d+\]")
TYPE = "sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding"


@dataclass(frozen=True)
class Static:
    """A vector for every token, and what cuts texts into tokens.

    Args:
        tokenizer: The encoder's, without special tokens, padding and truncation.
        vectors: ``[vocabulary, dim]``, weighted; zero for special and unused tokens.
        variance: The share of the variance that the kept components explain, in [0, 1].
    """

    tokenizer: Tokenizer
    vectors: Vectors
    variance: float

    def save(self, folder: Path) -> "SentenceTransformer":
        """Write a plain sentence-transformers model into a folder, and return it loaded.

        What sentence-transformers itself made of the files is what it then writes: a folder that
        it cannot load is never left.
        """
        with TemporaryDirectory() as draft:
            modules = [{"idx": 0, "name": "0", "path": "", "type": TYPE}]
            (Path(draft) / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
            save_file({"embedding.weight": self.vectors}, Path(draft) / "model.safetensors")
            self.tokenizer.save(str(Path(draft) / "tokenizer.json"))
            build_encoder(draft, device="cpu").save_pretrained(str(folder), create_model_card=False)
        return build_encoder(folder, device="cpu")


def distil(
    encoder: "SentenceTransformer",
    dim: int | None = None,
    texts: Iterable[str] | None = None,
    smoothing: float | None = None,
) -> Static:
    r"""Distil an encoder into a vector for every token of its vocabulary.

    .. math:: v_t = \frac{a}{a + p(t)} \, P^\top (e_t - \bar e), \qquad
        e_t = \mathrm{encoder}(\mathrm{[CLS]}\, t\, \mathrm{[SEP]})

    ``e``, ``[tokens, width]``, is by all of the encoder's modules; ``P``, ``[width, dim]``, are its
    first ``dim`` principal components; ``a`` is the smoothing; and ``p`` a token's probability: its
    count in the texts, plus one, over all counts, or without texts Zipf's law, in proportion to one
    over its rank, which is its place in the vocabulary, as vocabularies are more or less sorted by
    frequency. Special tokens and ``[unusedN]`` have part in none of it: their vector is zero. A
    prompt of the encoder is not applied.

    Args:
        encoder: On any device; left as it was.
        dim: Numbers a vector; 0 keeps all components. By default 256, or the encoder's width
            where that is smaller.
        texts: What tokens are counted in.
        smoothing: A token as frequent as this counts half; less lets frequent tokens count less. By
            default 0.001 where tokens are counted, and 0.0001 by Zipf's law.

    Raises:
        UsageError: When there are not as many components as ``dim``.
        InputError: When the encoder is static, or has no fast tokenizer; when ``texts`` is empty.
        NumericError: When a token's embedding is not finite.

    Source: Tulkens & van Dongen, 2024 (Model2Vec, doi:10.5281/zenodo.17270888); the weight is SIF's
        of Arora et al., 2017 (A Simple but Tough-to-Beat Baseline for Sentence Embeddings),
        algorithm 1.
        Deviations: Model2Vec pools by the mean; here the encoder's own modules pool. SIF removes
        the first component of the sentences; here, as in Model2Vec, PCA takes the mean of the
        tokens away.
    """
    tokenizer = tokenizer_of(encoder)
    tokens = real_tokens(tokenizer)
    most = min(int(encoder.get_embedding_dimension() or 0), len(tokens))
    if dim is not None and not 0 <= dim <= most:
        raise UsageError(
            f"dim must be 0 (keep all) or from 1 to {most}, the components of {len(tokens):,} "
            f"vectors of {encoder.get_embedding_dimension()} numbers, got {dim}."
        )
    if smoothing is None:
        smoothing = SMOOTHING_BY_RANK if texts is None else SMOOTHING
    shares = zipf(len(tokens)) if texts is None else counted(texts, tokenizer, tokens)
    kept = min(DIM, most) if dim is None else dim or most
    components, variance = _principal(token_vectors(encoder, tokens), kept)
    vectors = np.zeros((max(tokenizer.get_vocab().values()) + 1, components.shape[1]), np.float32)
    vectors[tokens] = components * sif_weights(shares, smoothing)[:, None]
    return Static(tokenizer, vectors, variance)


def tokenizer_of(encoder: "SentenceTransformer") -> Tokenizer:
    """Return an encoder's tokenizer, without special tokens, padding and truncation.

    Raises:
        InputError: When the encoder is static, or has no fast tokenizer.
    """
    return _tokenizers(encoder)[1]


def token_vectors(encoder: "SentenceTransformer", tokens: list[int]) -> Vectors:
    """Embed each token alone, between the encoder's special tokens; ``[tokens, width]``.

    Raises:
        NumericError: When a vector is not finite.
    """
    before, after = _around(_tokenizers(encoder)[0])
    embedded = _embedded(encoder, [[*before, token, *after] for token in tokens])
    if not np.isfinite(embedded).all():
        raise NumericError("A token of this encoder has no finite embedding.")
    return embedded


def real_tokens(tokenizer: Tokenizer) -> list[int]:
    """Return the ids of the tokens that stand for text, in the vocabulary's order."""
    special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    named = tokenizer.get_vocab().items()
    return sorted(i for token, i in named if i not in special and not UNUSED.fullmatch(token))


def zipf(tokens: int) -> Numbers:
    """Return Zipf's probabilities of so many ranks, ``[tokens]``.

    Example:
        >>> zipf(3).round(3).tolist()
        [0.545, 0.273, 0.182]
    """
    inverse = 1 / np.arange(1, tokens + 1)
    shares: Numbers = inverse / inverse.sum()
    return shares


def counted(texts: Iterable[str], tokenizer: Tokenizer, tokens: list[int]) -> Numbers:
    """Return the probabilities of tokens in texts, ``[tokens]``, each count raised by one.

    Raises:
        InputError: When the texts hold none of them.
    """
    counts = np.zeros(max(tokenizer.get_vocab().values()) + 1, dtype=np.int64)
    iterator = iter(texts)
    while window := list(islice(iterator, BATCH)):
        for text in tokenizer.encode_batch_fast(window, add_special_tokens=False):
            np.add.at(counts, text.ids, 1)
    if not counts[tokens].any():
        raise InputError("The texts to count tokens in hold no token of the encoder's.")
    more = counts[tokens] + 1
    shares: Numbers = more / more.sum()
    return shares


def sif_weights(shares: Numbers, smoothing: float = SMOOTHING) -> Numbers:
    """Return ``a / (a + p)``, the weight of a token of probability ``p``.

    Example:
        >>> sif_weights(np.array([0.0, 0.001, 0.009])).round(2).tolist()
        [1.0, 0.5, 0.1]
    """
    return smoothing / (smoothing + shares)


def _principal(vectors: Vectors, dim: int) -> tuple[Numbers, float]:
    from sklearn.decomposition import PCA

    pca = PCA(dim, svd_solver="covariance_eigh")
    components: Numbers = pca.fit_transform(vectors.astype(np.float64))
    return components, float(pca.explained_variance_ratio_.sum())


def _embedded(encoder: "SentenceTransformer", rows: list[list[int]]) -> Vectors:
    """Embed sequences of one length, ``[rows, tokens]``; returns ``[rows, dim]``."""
    training, parts = encoder.training, []
    encoder.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            ids = torch.tensor(rows[start : start + BATCH], device=encoder.device)
            features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            parts.append(encoder(features)["sentence_embedding"].float().cpu().numpy())
    encoder.train(training)
    return np.concatenate(parts)


def _tokenizers(encoder: "SentenceTransformer") -> tuple[Tokenizer, Tokenizer]:
    """Return the encoder's tokenizer, and one that adds no special tokens."""
    if any(isinstance(module, nn.EmbeddingBag) for module in encoder.modules()):
        raise InputError("This encoder is static already: give the one that it was made from.")
    own = truncating(encoder.tokenizer, limit=None)
    if own is None:
        raise InputError("This encoder has no fast tokenizer, and a static model needs one.")
    file = {**json.loads(own.to_str()), "post_processor": None}
    return own, Tokenizer.from_str(json.dumps(file))


def _around(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Return the ids that come before a text and after it."""
    found = tokenizer.encode("a")
    text = [place for place, special in enumerate(found.special_tokens_mask) if not special]
    return found.ids[: text[0]], found.ids[text[-1] + 1 :]
