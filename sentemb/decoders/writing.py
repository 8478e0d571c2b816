"""`TextWriter`: vectors into texts, by a trained decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sentemb.decoders.beam_search import BeamSearch, Hypothesis, NextTokens, PrefixReader, drawn
from sentemb.decoders.caption_decoder import CaptionDecoder
from sentemb.decoders.decode_options import DecodeOptions
from sentemb.decoders.decoder_folder import TrainedDecoder
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentemb.encoder import Encoder


class Encoded(NamedTuple):
    """A text that was written, its own vector, and the cosine with the one that it is of."""

    found: Hypothesis
    vector: Vectors
    cosine: float


@dataclass
class TextWriter:
    r"""Writes the texts of vectors, or of pictures.

    A corrector's text is the nearest of all rounds, by the cosine when it is encoded again:

    .. math:: h_0 = D(e), \quad h_{t+1} = C(e, E(h_t), h_t), \quad
        h = \operatorname*{arg\,max}_{h_0 \dots h_T} \cos(E(h_t), e)

    Of several beams, a round hands on the nearest.

    Args:
        decoder: In evaluation mode.
        options: How.
        encoder: The maker of the vectors; only a guided search and correctors need it.

    Source: of correctors, Morris et al., 2023, vec2text (arXiv:2310.06816).
    """

    decoder: TrainedDecoder | CaptionDecoder
    options: DecodeOptions = field(default_factory=DecodeOptions)
    encoder: "Encoder | None" = None

    def write(self, rows: NDArray[Any], seed: int = 0) -> list[list[Hypothesis]]:
        """Return the texts of each row, the best first; of draws, all of them.

        Args:
            rows: What the decoder reads: vectors of length 1, ``[rows, dim]``, or pictures as
                their tower takes them.
            seed: Of draws, beside the seed of the options.
        """
        found: list[list[Hypothesis]] = []
        random = torch.Generator().manual_seed((self.options.seed << 32) + seed)
        for start in range(0, len(rows), self.options.batch_size):
            found += self._batch(np.array(rows[start : start + self.options.batch_size]), random)
        return found

    def _batch(self, rows: NDArray[Any], random: torch.Generator) -> list[list[Hypothesis]]:
        options, decoder = self.options, self.decoder
        if decoder.first is not None:
            return [[found] for found in self._corrected(decoder.first, rows)]
        with torch.no_grad():
            if options.samples:
                reader = decoder.reader(np.repeat(rows, options.samples, axis=0))
                most, warmth = decoder.max_length, options.temperature
                every = drawn(reader, decoder.end, most, warmth, random)
                step = options.samples
                return [every[at : at + step] for at in range(0, len(every), step)]
            return self._search(decoder.reader(rows), rows)

    def _search(self, reader: NextTokens, rows: NDArray[Any]) -> list[list[Hypothesis]]:
        options, decoder = self.options, self.decoder
        most = decoder.max_length
        search = BeamSearch(options.beams, options.length_penalty, most, options.guidance)
        guide = self._guide(decoder.vectors_of(rows)) if options.guidance else None
        return search(reader, decoder.end, guide)

    def _corrected(self, first: TrainedDecoder, vectors: Vectors) -> list[Hypothesis]:
        """Return the nearest text of all rounds, for each vector; of equal ones the earliest."""
        every = TextWriter(first, self.options, self.encoder).write(vectors)
        if not self.options.rounds:
            return [found[0] for found in every]
        best = latest = self._nearest(every, vectors)
        for _ in range(self.options.rounds):
            latest = self._nearest(self._correct(first, latest, vectors), vectors)
            pairs = zip(best, latest, strict=True)
            best = [max(pair, key=lambda one: one.cosine) for pair in pairs]
        return [one.found for one in best]

    def _correct(
        self, first: TrainedDecoder, latest: Sequence[Encoded], vectors: Vectors
    ) -> list[list[Hypothesis]]:
        """Return what the corrector makes of one text for each vector."""
        assert isinstance(self.decoder, TrainedDecoder)  # noqa: S101 -- no other one corrects
        device = self.decoder.device
        with torch.no_grad():
            reader = PrefixReader(
                self.decoder.model,
                torch.from_numpy(vectors).to(device),
                hypotheses=first.padded([one.found.ids for one in latest]).to(device),
                again=torch.from_numpy(np.stack([one.vector for one in latest])).to(device),
            )
            return self._search(reader, vectors)

    def _nearest(self, every: Sequence[Sequence[Hypothesis]], vectors: Vectors) -> list[Encoded]:
        """Return the text nearest to each vector, of those that were written of it."""
        again = iter(self._encode([one.ids for found in every for one in found]))
        return [
            max(
                (Encoded(one, own := next(again), float(own @ vector)) for one in found),
                key=lambda one: one.cosine,
            )
            for found, vector in zip(every, vectors, strict=True)
        ]

    def text(self, found: Hypothesis) -> str:
        """Return the text of some tokens."""
        return self.decoder.text_of(found.ids)

    def _encode(self, texts: Sequence[tuple[int, ...]]) -> Vectors:
        """Return the vectors of texts, given as tokens, ``[texts, dim]``."""
        encoder = self.encoder
        assert encoder is not None  # noqa: S101 -- the caller has loaded it
        written = [self.decoder.text_of(ids) for ids in texts]
        return encoder.encode(written, normalize=True, progress=False)

    def _guide(self, vectors: Vectors) -> Any:
        """Return what compares texts with the vectors of a batch."""

        def cosines(texts: Sequence[tuple[int, ...]], rows: Sequence[int]) -> torch.Tensor:
            found = (self._encode(texts) * vectors[list(rows)]).sum(axis=1)
            return torch.from_numpy(found).to(self.decoder.device)

        return cosines
