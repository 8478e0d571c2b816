"""`DecodeOptions`: how vectors are decoded."""

from dataclasses import dataclass

from sentemb.errors import UsageError
from sentemb.values import require_at_least, require_kinds_of_fields


@dataclass(frozen=True)
class DecodeOptions:
    """How vectors are decoded.

    Args:
        beams: Beginnings of each text that are kept; 1 is greedy search.
        length_penalty: α: a text's log-probability is divided by its tokens to this power.
        samples: Draw so many texts for each vector, in the place of searching for the likeliest.
        temperature: Of draws.
        guidance: β: order beams by their cosine with the vector too, when they are encoded again;
            0 does not.
        rounds: Of a corrector: so often it corrects, and the nearest of all its texts is written.
        batch_size: Vectors that are decoded at once.
        seed: Of draws.

    Raises:
        UsageError: When a value is of another kind, out of its range, or has no effect.
    """

    beams: int = 1
    length_penalty: float = 1.0
    samples: int = 0
    temperature: float = 1.0
    guidance: float = 0.0
    rounds: int = 1
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        require_at_least(1, beams=self.beams, batch_size=self.batch_size)
        require_at_least(0, samples=self.samples, rounds=self.rounds, seed=self.seed)
        if self.seed >= 2**32:
            raise UsageError(f"seed must be below 2^32, got {self.seed}.")
        for name in ("length_penalty", "guidance"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UsageError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        if not 0 < self.temperature < float("inf"):
            raise UsageError(f"temperature must be above 0, got {self.temperature}.")
        if self.samples and (self.beams > 1 or self.guidance):
            raise UsageError(
                "samples draws texts, and beams or guidance search for one: give one of the two."
            )
        if self.temperature != 1 and not self.samples:
            raise UsageError("temperature is of draws: give samples, or leave it out.")
        if self.guidance and self.beams == 1:
            raise UsageError("guidance chooses among beams: give beams of at least 2.")
