"""How texts are encoded, and what must stay the same for a job to go on."""

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, get_args

from sentemb.encoding import windows
from sentemb.encoding.shards import Shard
from sentemb.errors import UsageError, nearest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.inference.torch_only import PlainEncoder

Empty = Literal["encode", "nan", "error"]
PRECISIONS = ("fp32", "fp16", "bf16")
LIBRARIES = ("sentemb", "torch", "transformers", "tokenizers")


@dataclass(frozen=True)
class EncodeOptions:
    """How texts are encoded.

    Args:
        batch_tokens: Tokens of a forward; by default 512 on a CPU and 32,768 on a GPU.
        precision: ``fp32``; or ``fp16`` or ``bf16``, for a GPU.
        empty: What a row without text gets: the encoder's vector of no text (``encode``), NaN
            (``nan``), or an error (``error``).
        shard: Which of the windows are encoded here.

    Raises:
        UsageError: When a value is not allowed.
    """

    batch_tokens: int | None = None
    precision: str = "fp32"
    empty: Empty = "encode"
    shard: Shard = field(default_factory=Shard)

    def __post_init__(self) -> None:
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise UsageError(f"batch_tokens must be at least 1, got {self.batch_tokens}.")
        self._one_of("empty", get_args(Empty))
        self._one_of("precision", PRECISIONS)

    def _one_of(self, name: str, allowed: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in allowed:
            raise UsageError(
                f"{name} must be one of {', '.join(allowed)}; got '{value}'."
                + nearest(value, list(allowed))
            )


def fixed(encoder: "PlainEncoder | SentenceTransformer", options: EncodeOptions) -> dict[str, Any]:
    """Return all that the vectors depend on, but for the texts."""
    from sentemb.encoding.fingerprint import fingerprint  # torch: options are checked without it

    return {
        "model": fingerprint(encoder),
        "device": encoder.device.type,
        "batch_tokens": options.batch_tokens,
        "precision": options.precision,
        "empty": options.empty,
        "shard": str(options.shard),
        "window_rows": windows.ROWS,
        "versions": {name: version(name) for name in LIBRARIES},
    }
