"""How texts are encoded, and what must stay the same for a job to resume."""

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from sentemb.encoders.chunking import Chunk
from sentemb.encoding import windows
from sentemb.encoding.shards import Shard
from sentemb.values import require_at_least, require_kind, require_kinds_of_fields

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.inference.token_encoder import TokenEncoder
    from sentemb.modalities.tower_encoder import TowerEncoder

Empty = Literal["encode", "nan", "error"]
PRECISIONS = Literal["fp32", "fp16", "bf16"]
LATER = ("batch_size", "dims", "normalize", "keep_columns", "prompt", "prompt_name", "chunk")
"""Options that the jobs of earlier versions do not name: where one is left out, nor do ours."""
LIBRARIES = ("sentemb", "torch", "transformers", "tokenizers")


@dataclass(frozen=True)
class EncodeOptions:
    """How texts are encoded.

    Args:
        batch_tokens: Tokens of a forward; by default 512 on a CPU, by free memory on a GPU.
        precision: ``fp32``; or ``fp16`` or ``bf16``, for a GPU.
        empty: What a row without text gets: the encoder's vector of no text (``encode``), NaN
            (``nan``), or an error (``error``).
        shard: Which of the windows are encoded here.
        dims: Keep the first so many numbers of each vector, as a Matryoshka model allows.
        normalize: Scale each vector to length 1, after ``dims``.
        keep_columns: Write the input's columns beside the vectors: to .parquet, .jsonl or .csv.
        batch_size: Texts of a forward, in place of tokens; with ``batch_tokens``, both count.
        prompt_name: Put this prompt of the model before each text; by default its default prompt.
        prompt: Put this before each text, in the place of a prompt of the model.
        chunk: A vector for each chunk of a text, as tokens=256,overlap=32; with ,late behind it,
            each text is read whole first, and the chunks' tokens are averaged after. The output
            says of each the row, the characters from start to before end, and the tokens.

    Raises:
        UsageError: When a value is not allowed.
    """

    batch_tokens: int | None = None
    precision: str = "fp32"
    empty: Empty = "encode"
    shard: Shard = field(default_factory=Shard)
    dims: int | None = None
    normalize: bool = False
    keep_columns: bool = False
    batch_size: int | None = None
    prompt_name: str | None = None
    prompt: str | None = None
    chunk: str | None = None

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        require_kind("precision", self.precision, PRECISIONS)
        for name in ("batch_tokens", "batch_size", "dims"):
            if (value := getattr(self, name)) is not None:
                require_at_least(1, **{name: value})
        if self.chunk is not None:
            Chunk.parse(self.chunk)

    def prompt_of(self, encoder: "TokenEncoder | TowerEncoder | SentenceTransformer") -> str:
        """Return what is put before each text.

        Raises:
            UsageError: When the encoder has none of the name, or a prompt is given too.
        """
        from sentemb.encoders.prompts import prompt_given

        return prompt_given(encoder, self.prompt, self.prompt_name)


def fixed(
    encoder: "TokenEncoder | TowerEncoder | SentenceTransformer", options: EncodeOptions
) -> dict[str, Any]:
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
        **{name: value for name in LATER if (value := getattr(options, name)) not in (None, False)},
    }
