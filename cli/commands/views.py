"""``sentemb views``."""

import re
from typing import Annotated, Any

import typer

from sentemb import signatures
from sentemb.errors import UsageError
from sentemb.notation import CLEAN, LOSSES, STAGES, SYNONYMS, check_view, make_view, options_of

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb views

sentemb views "a man is not playing the guitar"

sentemb views "a man is not playing the guitar" --view eda:0.3,keep-negations=yes --view crop:0.5"""

NOT_SHOWN = "Adversarial views depend on a loss and a batch, and are not shown."
HEADINGS = {
    "edit": "Edits of words",
    "edit_tokens": "Edits of sub-words",
    "order": "Order of the tokens",
    "perturb": "Perturbations of the token embeddings",
}


def views(
    sentence: Annotated[str | None, typer.Argument(help="Sentence to show every view on.")] = None,
    view: shared.ShownViews = None,
    model: shared.AnyModel = "mini",
    seed: Annotated[
        int, typer.Option(min=0, max=2**32, help="Seed of the views' random draws.")
    ] = 42,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the views and losses for train, or show what views do to your sentence."""
    if sentence is None:
        if view:
            raise UsageError("--view needs a sentence to show it on: give one before it.")
        _list(as_json)
        return
    for words in view or []:
        check_view(words)
    console.quieten_libraries()
    from sentemb.encoders import build_encoder
    from sentemb.preview import shown

    encoder = build_encoder(model, raw_pooling="mean", device="cpu")
    rows = [
        {"view": name, **shown(encoder, make_view(name, encoder), sentence, seed)}
        for name in view or _that_need_no_batch()
    ]
    if as_json:
        console.print_json("views", {"sentence": sentence, "model": model, "views": rows})
        return
    cells = [[row["view"], f"{row['cosine']:.3f}", row["shown"]] for row in rows]
    width = max(len(name) for name, *_ in cells)
    console.show(f"{'view'.ljust(width)}  cosine  sentence")
    console.show("\n".join(f"{a.ljust(width)}  {b:>6}  {c}" for a, b, c in cells))
    console.log(f"cosine: with the clean sentence, by {model}, dropout off. {NOT_SHOWN}")


def _that_need_no_batch() -> list[str]:
    names = [name for members in STAGES.values() for name in members]
    return [CLEAN, *(name for name in names if not name.endswith("adversarial"))]


def _list(as_json: bool) -> None:
    found: dict[str, list[dict[str, Any]]] = {
        HEADINGS[stage]: [_described("sentemb.views", *item) for item in members.items()]
        for stage, members in STAGES.items()
    }
    found["Losses"] = [_described("sentemb.losses", *item) for item in LOSSES.items()]
    if as_json:
        console.print_json("views", found)
        return
    for heading, entries in found.items():
        console.show(f"{heading}:")
        for entry in entries:
            options = ", ".join(f"{key}={value}" for key, value in entry["options"].items())
            console.show(f"  {entry['name']:27}{entry['summary']}{'  ' * bool(options)}{options}")
    console.show(
        f"{CLEAN} is a sentence as it is. NAME:0.2 sets the first option, NAME:OPTION=VALUE,… any; "
        "A+B does both."
    )


def _described(module: str, name: str, class_name: str) -> dict[str, Any]:
    doc = signatures.doc(module, class_name)
    options = {
        field.name.replace("_", "-"): _default(field.default)
        for field in options_of(module, class_name)
    }
    helps = {
        key.replace("_", "-"): text for key, text in signatures.helps(module, class_name).items()
    }
    known = {"name": name, "summary": _plain(doc.partition("\n")[0])}
    return known | {"options": options, "help": helps}


def _default(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, int | float) else "|".join(SYNONYMS)


def _plain(text: str) -> str:
    """Take the markup out of a formula."""
    text = re.sub(r":math:`([^`]*)`", r"\1", text)
    for tex, sign in (
        (r"\lfloor", "⌊"), (r"\rfloor", "⌋"), (r"\alpha", "α"), (r"\max", "max"),
        (r"\mathcal N", "N"), (r"\sigma^2", "σ²"),
    ):  # fmt: skip
        text = text.replace(tex, sign)
    return " ".join(text.replace("⌊ ", "⌊").replace(" ⌋", "⌋").split())
