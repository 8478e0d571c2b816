"""Pictures and sounds on the command line: what several commands share."""

from pathlib import Path
from typing import Any

from . import console


def encode_signals(
    source: str,
    model: str,
    output: str | None,
    column: str,
    modality: str | None,
    device: str | None,
    how: Any,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Encode pictures or sounds by the tower of a model."""
    from dataclasses import asdict

    from .early import check_models

    check_models(model)
    console.quieten_before_import()
    from sentemb.encoder import load

    options = {name: value for name, value in asdict(how).items() if name != "shard"}
    shard = None if how.shard.of == 1 else str(how.shard)
    target = output or str(Path(source).with_suffix(".npy"))
    summary = load(model, device).encode_file(
        source, target, column=column, modality=modality, shard=shard, overwrite=overwrite,
        **options,
    )  # type: ignore[arg-type]
    for line in summary.lines(target, None, how.shard):
        console.log(line)
    if as_json:
        record = {"model": model, "output": target, "summary": summary.to_dict()}
        console.print_json("encode", record)
