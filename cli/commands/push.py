"""``sentemb push``."""

from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb push runs/mine user/mine --dry-run

sentemb push runs/mine user/mine --private"""


def push(
    model: Annotated[
        str,
        typer.Argument(
            help="A model folder, or a bundled encoder.", autocompletion=shared.complete_models
        ),
    ],
    repo: Annotated[str, typer.Argument(help="user/name on the hub; name alone is your own.")],
    private: Annotated[
        bool, typer.Option("--private", help="Make the repository private.")
    ] = False,
    message: Annotated[str, typer.Option("--message", "-m", help="Commit message.")] = (
        "Upload a model with sentemb"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be uploaded; nothing is sent.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Upload a model folder to the Hugging Face hub: its card, its files and run.json.

    Checkpoints, logs and hidden files stay here. In the uploaded run.json, paths of this machine
    are replaced by their last name. Log in with hf auth login, or set HF_TOKEN.
    """
    from sentemb.hub import push

    console.quieten_before_import()
    report = push(model, repo, private=private, message=message, dry_run=dry_run)
    console.show_report(report, as_json=as_json)
