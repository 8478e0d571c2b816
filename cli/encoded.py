"""What `sentemb encode` says of its end, and how it encodes pictures and sounds."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import console

if TYPE_CHECKING:
    from sentemb.encoding import EncodeOptions, EncodeSummary


def tell(
    summary: "EncodeSummary",
    model: str,
    output: str,
    cut: int | None,
    how: "EncodeOptions",
    *,
    as_json: bool,
) -> None:
    """Show what came of an encoding."""
    for line in summary.lines(output, cut, how.shard):
        console.log(line)
    if as_json:
        record = {"model": model, "output": output, "summary": summary.to_dict()}
        console.print_json("encode", record)


def encode_beyond_text(
    source: str, model: str, output: str | None, how: "EncodeOptions", **given: Any
) -> None:
    """Encode pictures or sounds by the tower of a model.

    Args:
        source: A folder, or a table.
        model: Its name.
        output: As typed.
        how: The options.
        given: What else is typed; what is of texts alone must not be.

    Raises:
        UsageError: When something is.
    """
    from sentemb.errors import UsageError

    from .early import check_models

    for name in ("devices", "fast"):
        if given.pop(name) is not None:
            raise UsageError(f"--{name} is of texts, not of pictures or sounds: leave it out.")
    if "-" in (source, output):
        raise UsageError("Pictures and sounds are encoded from a name to a file: give both.")
    check_models(model)
    console.quieten_before_import()
    from sentemb.encoder import load

    as_json, device = given.pop("as_json"), given.pop("device")
    options = {name: value for name, value in asdict(how).items() if name != "shard"}
    shard = None if how.shard.of == 1 else str(how.shard)
    target = output or str(Path(source).with_suffix(".npy"))
    found = load(model, device).encode_file(source, target, shard=shard, **given, **options)
    tell(found, model, target, None, how, as_json=as_json)
