"""``sentemb info``."""

from typing import Annotated, Any

import typer

from .. import console

EXAMPLES = """Examples:

sentemb info

sentemb info mini-sentemb

sentemb info runs/mine --json"""


def info(
    model: Annotated[str | None, typer.Argument(help="Embedded encoder, folder or hub id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what is installed, or what a model is."""
    from ..early import check_models
    from ..source import METHODS

    if model is not None:
        check_models(model)
    console.quieten_libraries()
    if model is None:
        import torch

        from sentemb.bundled import BUNDLED_ENCODERS, bundled

        content: dict[str, Any] = {
            "methods": list(METHODS),
            "bundled encoders": list(BUNDLED_ENCODERS),
            "bundled data": str(bundled("")),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        }
    else:
        content = _model(model)
    if as_json:
        console.print_json("info", content)
        return
    rows = [[name, _shown(value)] for name, value in content.items() if value is not None]
    rows += [] if model else [[name, number] for name, number in console.versions().items()]
    width = max(len(name) for name, _ in rows)
    console.show("\n".join(f"{name.ljust(width)}  {value}" for name, value in rows))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_number(name, v)}" for name, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _number(name: str, value: Any) -> str:
    return console.number(name, value) if isinstance(value, int | float) else str(value)


def _model(name: str) -> dict[str, Any]:
    from pathlib import Path

    from sentemb.encoders import build_encoder, describe
    from sentemb.locate import locate
    from sentemb.runs.run_folder import read_object

    encoder = build_encoder(name, device="cpu")
    config = getattr(encoder[0], "config", None)
    content = {
        "model": name,
        "modules": describe(encoder),
        "architecture": getattr(config, "model_type", "unknown"),
        "dimension": encoder.get_embedding_dimension(),
        "max tokens": encoder.max_seq_length,
        "parameters": sum(p.numel() for p in encoder.parameters()),
        **{name: value for name, value in vars(config or object).items() if "dropout" in name},
    }
    run = Path(locate(name)) / "run.json"
    if run.is_file():
        record = read_object(run)
        content |= {key: record.get(key) for key in ("method", "best_step", "before", "metrics")}
    return content
