"""`TextWriter`: vectors into texts, by a trained decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sentemb.decoders.beam_search import BeamSearch, Hypothesis, PrefixReader, drawn
from sentemb.decoders.decode_options import DecodeOptions
from sentemb.decoders.decoder_folder import TrainedDecoder
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentemb.encoder import Encoder


@dataclass
class TextWriter:
    """Writes the texts that vectors are of.

    Args:
        decoder: In evaluation mode.
        options: How.
        encoder: The maker of the vectors; only a guided search needs it.
    """

    decoder: TrainedDecoder
    options: DecodeOptions = field(default_factory=DecodeOptions)
    encoder: "Encoder | None" = None

    def write(self, vectors: Vectors, seed: int = 0) -> list[list[Hypothesis]]:
        """Return the texts of each vector, the best first; of draws, all of them.

        Args:
            vectors: Of length 1, ``[rows, dim]``.
            seed: Of draws, beside the seed of the options.
        """
        found: list[list[Hypothesis]] = []
        random = torch.Generator().manual_seed((self.options.seed << 32) + seed)
        for start in range(0, len(vectors), self.options.batch_size):
            found += self._batch(np.array(vectors[start : start + self.options.batch_size]), random)
        return found

    def _batch(self, vectors: Vectors, random: torch.Generator) -> list[list[Hypothesis]]:
        options, end = self.options, self.decoder.end
        most, memory = self.decoder.config.max_length, self.decoder.memory
        read = vectors if memory is None else memory.project(vectors).astype(np.float32)
        given = torch.from_numpy(read).to(self.decoder.device)
        with torch.no_grad():
            if options.samples:
                many = given.repeat_interleave(options.samples, dim=0)
                reader = PrefixReader(self.decoder.model, many)
                every = drawn(reader, end, most, options.temperature, random)
                step = options.samples
                return [every[at : at + step] for at in range(0, len(every), step)]
            search = BeamSearch(options.beams, options.length_penalty, most, options.guidance)
            reader = PrefixReader(self.decoder.model, given)
            return search(reader, end, self._guide(vectors) if options.guidance else None)

    def text(self, found: Hypothesis) -> str:
        """Return the text of some tokens."""
        return self.decoder.text_of(found.ids)

    def _guide(self, vectors: Vectors) -> Any:
        """Return what compares texts with the vectors of a batch."""
        encoder = self.encoder
        assert encoder is not None  # noqa: S101 -- the caller has loaded it

        def cosines(texts: Sequence[tuple[int, ...]], rows: Sequence[int]) -> torch.Tensor:
            said = [self.decoder.text_of(ids) for ids in texts]
            again = encoder.encode(said, normalize=True, progress=False)
            found = (again * vectors[list(rows)]).sum(axis=1)
            return torch.from_numpy(found).to(self.decoder.device)

        return cosines
