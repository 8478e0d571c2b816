"""How texts are encoded, and what must stay the same for a job to go on."""

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, get_args

from sentemb.encoding import windows
from sentemb.encoding.fingerprint import fingerprint
from sentemb.encoding.shards import Shard
from sentemb.errors import UsageError
from sentemb.inference.plain import PlainEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Empty = Literal["encode", "nan", "error"]
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
        if self.empty not in get_args(Empty):
            raise UsageError(
                f"empty must be one of {', '.join(get_args(Empty))}; got '{self.empty}'."
            )


def fixed(encoder: "PlainEncoder | SentenceTransformer", options: EncodeOptions) -> dict[str, Any]:
    """Return all that the vectors depend on, but for the texts."""
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
