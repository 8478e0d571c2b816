"""Texts to vectors: sorted by tokens, without padding, on every core."""

import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch

from sentemb.encoders.hooks import name_of
from sentemb.encoders.inspection import settle
from sentemb.encoders.packed import packed
from sentemb.encoders.padding import TokenIds, padded, padded_right
from sentemb.encoders.precision import require_precision
from sentemb.encoders.prompts import default_prompt, leaves_prompt_out, prompt_tokens
from sentemb.encoders.tells_apart import require_telling_apart
from sentemb.encoders.tokenising import Tokenising, Tokens
from sentemb.encoders.without_padding import reads_first_token_only, same_without_padding
from sentemb.errors import (
    OutOfMemoryError,
    SentembError,
    TextError,
    UsageError,
    is_out_of_memory,
)
from sentemb.inference.batches import USUAL, by_tokens, tokens_that_fit
from sentemb.inference.capabilities import PROBES, same_tokens, takes_tokens
from sentemb.inference.refused_texts import model_named, require_tokens
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.types import Embeddings, Vectors
from sentemb.values import require_at_least

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
Done = Callable[[int], object]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class Embedder:
    """Embeds many texts with one encoder, each distinct text once.

    Batches are cut by tokens from texts in the order of their length; each is computed by its
    own thread, on one core, so that a busy core delays its batches alone. Padding is left out
    where the encoder's family allows it and the first texts' vectors stay the same. An encoder
    that needs more than its tokens (modules of others) embeds by itself, in these batches, and the
    log says why.

    A context manager: the encoder is left as it was.

    Args:
        encoder: A sentence-transformers model, or one loaded without that library.
        batch_tokens: Tokens of a forward; by default 512 on a CPU, and on a GPU as its free memory
            allows.
        precision: ``fp32``; or ``fp16`` or ``bf16``, which is faster on a GPU, at about three
            digits.
        prompt: What is put before each text; by default the encoder's own default prompt.
        batch_size: Texts of a forward. Given alone, tokens do not limit a forward; given with
            ``batch_tokens``, both do.

    Attributes:
        halved: Batches that were halved because memory did not suffice.

    Raises:
        UsageError: When the precision is another, or the encoder's device cannot compute in it.
        InputError: When the encoder's pooling does not see the whole text.
    """

    def __init__(
        self,
        encoder: "TokenEncoder | SentenceTransformer",
        batch_tokens: int | None = None,
        precision: str = "fp32",
        prompt: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        for name, value in ("batch_tokens", batch_tokens), ("batch_size", batch_size):
            if value is not None:
                require_at_least(1, **{name: value})
        if precision not in DTYPES:
            raise UsageError(f"precision must be one of {', '.join(DTYPES)}; got '{precision}'.")
        require_precision(precision, encoder.device.type)
        if not isinstance(encoder, TokenEncoder):
            settle(encoder, name_of(encoder))  # one given from Python was not inspected yet
        self.encoder = encoder
        self.dtype = DTYPES[precision]
        usual = sys.maxsize if batch_size else usual_tokens(encoder, self.dtype)
        self.batch_tokens = batch_tokens or usual
        self.batch_size = batch_size
        self._prompt = default_prompt(encoder) if prompt is None else prompt
        self._tokenising = Tokenising(encoder.tokenizer, encoder.max_seq_length, self._prompt)
        self.takes_tokens = isinstance(encoder, TokenEncoder) or takes_tokens(encoder)
        self._same_tokens = self.takes_tokens
        if not isinstance(encoder, TokenEncoder):
            require_telling_apart(encoder)
            self._same_tokens = self.takes_tokens or same_tokens(encoder)
        self._left_out = _left_out(encoder, self._prompt) if self.takes_tokens else {}
        self.halved = 0
        self._same_without_padding: bool | None = None
        self._asked = False
        self._padding = _padding_of(encoder)
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        threads = torch.get_num_threads()
        workers = threads if self.encoder.device.type == "cpu" else 1
        self._undo.callback(torch.set_num_threads, threads)
        if workers > 1:
            torch.set_num_threads(1)
        self._pool = self._undo.enter_context(ThreadPoolExecutor(workers))
        self._undo.enter_context(padded_right(self.encoder.tokenizer))
        self._undo.callback(self.encoder.train, self.encoder.training)
        self.encoder.eval()
        self._asked = False
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def encode(self, texts: Sequence[str], done: Done = lambda texts: None) -> Vectors:
        """Return a vector for each text, ``[rows, dim]`` in float32.

        Args:
            texts: What to embed.
            done: Called after each batch, with how many distinct texts it had.
        """
        return self.embed(self.tokenise(texts), done)

    def tokenise(self, texts: Sequence[str]) -> Tokens:
        """Return the tokens of each distinct text."""
        with model_named(self.encoder):
            return self._tokenising(texts)

    def embed(self, tokens: Tokens, done: Done = lambda texts: None) -> Vectors:
        """Return a vector for each row of what was tokenised; ``done`` as in `encode`."""
        with model_named(self.encoder):
            require_tokens(self.encoder, tokens)
        lengths = [len(ids) for ids in tokens.ids]
        batches = list(by_tokens(lengths, self.batch_tokens, self.batch_size))
        if self.takes_tokens and not isinstance(self.encoder, TokenEncoder):
            self._leave_padding_out()
        parts = self._pool.map(lambda batch: self._fitting(tokens, batch), batches)
        vectors = np.empty((len(tokens.ids), 0), dtype=np.float32)
        with model_named(self.encoder):
            for batch, part in zip(batches, parts, strict=True):
                if not vectors.size:
                    vectors = np.empty((len(tokens.ids), part.shape[1]), dtype=np.float32)
                vectors[batch] = part.float().cpu().numpy()
                done(len(batch))
        return vectors[tokens.rows]

    def _fitting(self, tokens: Tokens, batch: list[int]) -> Embeddings:
        """Embed a batch; in halves where memory does not suffice for it."""
        try:
            return self._batch(tokens, batch)
        except SentembError:
            raise
        except Exception as error:  # a model raises whatever its parts raise
            if not is_out_of_memory(error):
                first_line = str(error).strip().partition("\n")[0]
                raise TextError(
                    f"the model fails on it, or on one like it ({type(error).__name__}: "
                    f"{first_line}). Leave it out, or use another model.",
                    tokens.texts[batch[0]],
                ) from error
        if len(batch) == 1:
            raise OutOfMemoryError(
                f"out of memory for a single text of {len(tokens.ids[batch[0]]):,} tokens: shorten "
                "the texts, or use a smaller encoder.",
                tokens.texts[batch[0]],
            )
        if not self.halved:
            logger.warning("Out of memory for %d texts at once: the batch is halved.", len(batch))
        self.halved += 1
        middle = len(batch) // 2
        halves = [self._fitting(tokens, half) for half in (batch[:middle], batch[middle:])]
        return torch.cat(halves)

    def _batch(self, tokens: Tokens, batch: list[int]) -> Embeddings:
        half = self.dtype != torch.float32
        autocast = torch.autocast(self.encoder.device.type, self.dtype, enabled=half)
        with torch.inference_mode(), autocast:
            if self.takes_tokens:
                return self._forward([tokens.ids[i] for i in batch])
            encoder = cast("SentenceTransformer", self.encoder)
            given = tokens.read if self._same_tokens else tokens.texts
            texts = [given[i] for i in batch]
            return encoder.encode(
                texts, prompt=self._prompt, batch_size=len(texts), convert_to_tensor=True
            )

    def _padded(self, ids: Sequence[TokenIds]) -> list[torch.Tensor]:
        """Return ids and mask, each ``[rows, tokens]``, filled up on the right."""
        device = self.encoder.device
        both = padded(ids, self._padding)
        return [torch.from_numpy(x).to(device, non_blocking=True) for x in both]

    def _forward(self, ids: Sequence[TokenIds]) -> Embeddings:
        if isinstance(self.encoder, TokenEncoder):
            return self.encoder.embed(ids)
        given = self._padded(ids)
        features: Any = dict(zip(("input_ids", "attention_mask"), given, strict=True))
        return cast(Embeddings, self.encoder(features | self._left_out)["sentence_embedding"])

    def _leave_padding_out(self) -> None:
        """Enable packing if the vectors of the probe texts stay the same.

        The probes are fixed: a vector must not depend on which texts happened to come first.
        """
        if self._asked:
            return
        self._asked = True
        encoder: Any = self.encoder
        model, first_only = encoder[0].auto_model, reads_first_token_only(encoder[1])
        if self._same_without_padding is None:
            few = self.tokenise(PROBES).ids
            self._same_without_padding = same_without_padding(
                model, lambda: self._forward(few), first_only=first_only
            )
            if not self._same_without_padding:
                logger.warning(
                    "%s runs with padding: without, its vectors differ.", type(model).__name__
                )
        if self._same_without_padding:
            self._undo.enter_context(packed(model, first_only=first_only))


def _left_out(encoder: "TokenEncoder | SentenceTransformer", prompt: str) -> dict[str, int]:
    """Tell a pooling that leaves prompts out how many tokens they have."""
    if isinstance(encoder, TokenEncoder) or not (prompt and leaves_prompt_out(encoder)):
        return {}
    return {"prompt_length": prompt_tokens(encoder, prompt)}


def usual_tokens(encoder: "TokenEncoder | SentenceTransformer", dtype: torch.dtype) -> int:
    """Return how many tokens a forward takes by default, by the free memory of a GPU."""
    if encoder.device.type != "cuda":
        return encoder.usual_tokens if isinstance(encoder, TokenEncoder) else USUAL
    device = encoder.device
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return tokens_that_fit(free + kept, widest_layer(encoder), dtype.itemsize)


def widest_layer(encoder: "TokenEncoder | SentenceTransformer") -> int:
    """Return how many numbers the widest layer makes of a token, embeddings left out."""
    named = encoder.weights() if isinstance(encoder, TokenEncoder) else encoder.state_dict()
    shapes = [w.shape for name, w in named.items() if w.ndim == 2 and "embedding" not in name]
    return max((max(shape) for shape in shapes), default=4096)


def _padding_of(encoder: "TokenEncoder | SentenceTransformer") -> int:
    if isinstance(encoder, TokenEncoder):
        return encoder.pad_id
    return int(getattr(encoder.tokenizer, "pad_token_id", None) or 0)
