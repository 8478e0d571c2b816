"""The model card of a training run."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sentemb.cards import Card, Score, public_name, usage_of_encoder
from sentemb.encoders.lora import ADAPTER
from sentemb.training.mixing import said_of_source
from sentemb.training.teaching import TEACHERS

TOWER = "Tower"
"""The modules of a model that reads no texts."""
USAGE_OF_TOWER = """import sentemb

tower = sentemb.load("{name}").tower("picture")
print(tower.encode(["one.png", "other.png"]))"""
USAGE_BESIDE_TEXTS = """

# {modality}s, in the space of the texts
import sentemb

model = sentemb.load("{{name}}")
{modality}s = model.tower("{modality}").encode(["one.{ending}", "other.{ending}"])
print(model.encode(["a bird", "a house"], normalize=True) @ {modality}s.T)"""
ENDINGS = {"picture": "png", "sound": "wav"}
SUPERVISION = {
    "spearman": "Spearman on the labelled pairs of {dev}",
    "held-out-loss": "loss on held-out rows of the training data; no graded pair was used",
    "last": "nothing: the last step is kept; no graded pair was used",
}


def card_of(record: Mapping[str, Any], name: str, citation: str | None) -> Card:
    """Return the model card, from what ``run.json`` holds.

    Args:
        record: As `record_of` returns it.
        name: Of the model.
        citation: The source of the method, where one is known.
    """
    settings, data, before, after = (record[k] for k in ("settings", "data", "before", "metrics"))
    tokens = record["unknown_tokens"] + record["known_tokens"]
    dev = public_name(record["dev"]) if record["dev"] else "none"
    prompts = [f"{column} {prompt!r}" for column, prompt in record["prompts"].items() if prompt]
    options = [f"{option} {value}" for option, value in _public_options(record).items()]
    how = {
        "method": record["method"],
        "method options": ", ".join(options) or "none",
        "start": public_name(record["model"]),
        "modules": record["modules"],
        "views": "; ".join(record["views"]),
        "loss": record["loss"],
        **_card_of_lora(record),
        **_card_of_teacher(record),
        "data": f"{', '.join(map(public_name, _sources(data)))}, {record['rows']:,} rows, sha256 "
        f"{data['sha256'][:16]}",
        "left out": f"{record['empty_rows']} empty rows, {data['unlabelled_rows']} without a "
        f"label, {record['held_out_rows']} held out",
        **{
            f"data set {one['name']}": f"{public_name(one['source'])}, {said_of_source(one)}"
            for one in data.get("sources", ())
        },
        **_card_of_negatives(data),
        "prompts": ", ".join(prompts) or "none",
        f"texts cut to {settings['max_length']} tokens": f"{record['truncated_texts']:,}",
        "texts with unknown tokens": f"{record['unknown_texts']:,} "
        f"({record['unknown_tokens'] / max(1, tokens):.1%} of the tokens)",
        "steps": f"{record['steps']}, step {record['best_step']} kept",
        "batch, learning rate, seed": f"{settings['batch_size']}, {settings['learning_rate']:g}, "
        f"{settings['seed']}",
        "checkpoint chosen by": SUPERVISION[settings["select"]].format(dev=dev),
        **({"source of the method": citation} if citation else {}),
    }
    own = record["as_it_is"]
    if own:
        how["with its own pooling"] = f"{own['modules']}: spearman {own['spearman']:.4g} before"
    table: list[Sequence[str]] = [
        ("on the dev set", "before", "after"),
        *((number, f"{before[number]:.4g}", f"{after[number]:.4g}") for number in after),
    ]
    spearman = [after["spearman"] / 100] if "spearman" in after else []
    of_tower = record["modules"] == TOWER
    what, usage = ("A tower of pictures", USAGE_OF_TOWER) if of_tower else _of_texts(record)
    return Card(
        name=name,
        what=f"{what} trained with sentemb.",
        usage=usage,
        how=how,
        tables=[table] if after else [],
        notes=[] if after else ["It was not evaluated while it was trained."],
        base_model=record["model"],
        datasets=_sources(data),
        scores=[Score("semantic-similarity", dev, "spearman_cosine", one) for one in spearman],
        versions=record["versions"],
        **({"library": "sentemb", "pipeline": "image-feature-extraction"} if of_tower else {}),
        tags=[record["method"]] if re.fullmatch("[a-z0-9-]+", record["method"]) else [],
    )


def _of_texts(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a model of texts is, and an example, with the towers that it has beside."""
    what, usage = "A sentence encoder", usage_of_encoder()
    for one in record.get("towers", []):
        what += f" and a tower of {one}s"
        usage += USAGE_BESIDE_TEXTS.format(modality=one, ending=ENDINGS[one])
    return what, usage


def _card_of_lora(record: Mapping[str, Any]) -> dict[str, str]:
    """Say how layers were adapted, where they were."""
    if record["lora"] is None:
        return {}
    return {"LoRA": f"{record['lora']}; merged here, and for peft in the folder {ADAPTER}"}


def _card_of_negatives(data: Mapping[str, Any]) -> dict[str, str]:
    """Say how many hard negatives rows have, where some have several or none."""
    most = sum(column.startswith("negative") for column in data["columns"])
    lacking = data["rows_without_negatives"]
    if most < 2 and not lacking:
        return {}
    return {"hard negatives": f"up to {most} a row; {lacking:,} rows without any"}


def _sources(data: Mapping[str, Any]) -> list[str]:
    """Return where the rows of each data set are from."""
    return [one["source"] for one in data.get("sources", ())] or [data["source"]]


def _public_options(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's options that are set, a teacher without a folder of this machine."""
    options = record["method_options"].items()
    given = {k: v for k, v in options if v is not None}
    return {k: public_name(v) if k in TEACHERS and v else v for k, v in given.items()}


def _card_of_teacher(record: Mapping[str, Any]) -> dict[str, str]:
    """Name each teacher, and the labels that its student has from it."""
    known = {name: record[name] for name in TEACHERS if name in record}
    if not known:
        return {}
    named = {
        name.replace("_", " "): f"{public_name(teacher['model'])}, {teacher['weights']}"
        for name, teacher in known.items()
    }
    labels = "; ".join(teacher["labels"] for teacher in known.values())
    return {**named, "labels": f"those of the teacher: {labels}"}
