"""Encoding on a Ray cluster: Ray Data runs the shards, on whichever machine is free."""

from pathlib import Path
from typing import Any

from sentemb.datasets.faults import Errors, Faults
from sentemb.datasets.texts import read_texts
from sentemb.encoding.encode import encode_file
from sentemb.encoding.merging import merge
from sentemb.encoding.options import EncodeOptions
from sentemb.encoding.shards import Shard
from sentemb.encoding.summary import EncodeSummary
from sentemb.errors import UsageError, install_command


def encode_on_ray(
    model: str,
    source: Path,
    output: Path,
    shards: int,
    column: str = "text",
    errors: Errors = "replace",
    resources: dict[str, Any] | None = None,
) -> EncodeSummary:
    """Encode a file on the cluster that Ray is connected to, byte for byte as one run does.

    A shard is the unit: one that fails with its machine is restarted by Ray and resumes from its
    parts, so that each text is embedded once.

    Args:
        model: A bundled encoder, a folder or a hub id, as every machine knows it.
        source: A file that every machine sees under this path.
        output: On a file system that all of them share.
        shards: Into how many pieces the work is cut; more than machines, so that none waits long.
        column: Of the source.
        errors: What is done with rows that are not UTF-8.
        resources: What a shard takes of a machine, as ``{"num_cpus": 4}`` or ``{"num_gpus": 1}``.

    Raises:
        UsageError: When Ray is not installed, or the output exists.
    """
    try:
        import ray.data
    except ImportError as error:
        raise UsageError(f"Ray is not installed: {install_command('ray')}.") from error
    source, output = source.resolve(), output.resolve()
    if output.exists():
        raise UsageError(f"Output '{output}' exists: give another.")

    def encode(row: dict[str, Any]) -> dict[str, Any]:
        from sentemb.inference.torch_only import load_encoder

        options = EncodeOptions(shard=Shard(int(row["id"]) + 1, shards))
        faults = Faults(errors)
        texts = read_texts(source, column, faults)
        summary = encode_file(load_encoder(model), texts, output, options, faults=faults)
        return {"shard": row["id"], "rows": summary.rows}

    numbers = ray.data.range(shards, override_num_blocks=shards)
    numbers.map(encode, **(resources or {})).materialize()
    return merge(output)
