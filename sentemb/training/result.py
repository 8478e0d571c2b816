"""`Run`: the result of a training run."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from sentemb.cards import Card, Score, public_name, usage_of_encoder
from sentemb.datasets import TrainingData
from sentemb.encoders import describe
from sentemb.encoders.lora import ADAPTER, described_lora
from sentemb.evaluation import STS
from sentemb.method import Method
from sentemb.runs.guarded_trainer import SKIPPED
from sentemb.runs.processes import processes
from sentemb.runs.run_folder import data_record
from sentemb.runs.run_result import Provenance, RunResult, name_of_model
from sentemb.table import number
from sentemb.training.checkpoints import described_twin
from sentemb.training.mixing import said_of_source
from sentemb.training.settings import Settings
from sentemb.training.starting_point import advice, was_lowered
from sentemb.training.teaching import TEACHERS, record_of_teacher
from sentemb.training.trainer import MASKED, ContrastiveTrainer
from sentemb.versions import versions
from sentemb.views import View

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


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Run(RunResult):
    """The result of a training run; further arguments as in `RunResult`.

    Args:
        before: Evaluation before the first step.
        as_it_is: That of the starting model with its own pooling, where it is trained with
            another: its ``modules`` and its ``spearman``.
        lowered_to: Evaluation of the best trained step, where none was better than the start, which
            is kept as ``best_step`` 0; else empty.
        held_out_rows: Rows kept aside for the held-out loss.
        rows_left_over: Rows of the incomplete last batch, left out of each epoch (others each
            time).
        truncated_texts: Texts cut to the maximum length.
        unknown_texts: Texts with a token that the encoder's tokenizer does not know.
        prompts: What was put before the texts of each column.
        masked_negatives: Candidates that were not contrasted with an anchor, for their text or
            their similarity, over all steps.
        micro_batch: Rows that the encoder took at once in the end; 0 for all.
        settings: As they were resolved.
    """

    before: Mapping[str, float]
    as_it_is: Mapping[str, Any]
    lowered_to: Mapping[str, float]
    held_out_rows: int
    rows_left_over: int
    truncated_texts: int
    unknown_texts: int
    prompts: Mapping[str, str]
    masked_negatives: int
    micro_batch: int
    settings: Settings

    def summary(self) -> str:
        """Say what came of it, and what was left out, cut or unknown, in a few lines."""
        lines = [
            f"{name:16} {number(name, self.before.get(name)).text:>8} -> "
            f"{number(name, value).text:>8}"
            for name, value in self.metrics.items()
        ]
        if self.as_it_is:
            score = number("spearman", self.as_it_is["spearman"]).text
            now_lower = self.metrics["spearman"] < self.as_it_is["spearman"]
            lines.append(
                f"with its own pooling ({self.as_it_is['modules']}) it began at {score}"
                + now_lower * ", above what it has now: give that pooling as `pooling`"
            )
        if self.lowered_to:
            lines.append(self._said_of_the_start())
        lines.append(
            f"{self.rows:,} rows; left out: {self.empty_rows} empty, "
            f"{self.record['data']['unlabelled_rows']} without a label or score, "
            f"{self.held_out_rows} held out, {self.rows_left_over} of each epoch (incomplete "
            f"batch); {self.truncated_texts:,} texts cut to {self.settings.max_length} tokens, "
            f"{self.unknown_texts:,} with unknown tokens"
        )
        if lacking := self.record["data"]["rows_without_negatives"]:
            lines.append(f"{lacking:,} rows have no hard negative")
        lines += [
            f"data set {one['name']}: {said_of_source(one)}"
            for one in self.record["data"].get("sources", ())
        ]
        if prompts := [f"{name} {text!r}" for name, text in self.prompts.items() if text]:
            lines.append("prompts: " + ", ".join(prompts))
        if self.masked_negatives:
            lines.append(
                f"{self.masked_negatives:,} candidates were masked as likely false negatives "
                "(duplicate text, similarity above `mask_above`, or the teacher's judgement)"
            )
        return "\n".join([*lines, *self._ending()])

    def _said_of_the_start(self) -> str:
        name = "spearman" if "spearman" in self.lowered_to else "held_out_loss"
        was, became = (number(name, of[name]).text for of in (self.before, self.lowered_to))
        tries = "; ".join(advice(self.before, self.as_it_is, self.rows))
        return (
            f"No step was better than the start ({name} {was}, then {became} at best), so the "
            f"model in the folder is the one that training began with. Try, in this order: "
            f"{tries}. `select='last'` keeps the last step all the same."
        )


def what_came_of(trainer: ContrastiveTrainer, *, selected: bool) -> dict[str, Any]:
    """Return what the trainer knows of its run, as `Run` names it."""
    logged: list[dict[str, Any]] = trainer.state.log_history
    steps = trainer.state.global_step
    best = (trainer.state.best_global_step if selected else None) or steps
    before, trained = _evaluation_at(logged, 0), _evaluation_at(logged, best)
    lowered = selected and was_lowered(before, trained, trainer.args)
    return {
        "steps": steps,
        "best_step": 0 if lowered else best,
        "before": before,
        "metrics": before if lowered else trained,
        "lowered_to": trained if lowered else {},
        "masked_negatives": sum(int(line.get(MASKED, 0)) for line in logged),
        "skipped_steps": sum(int(line.get(SKIPPED, 0)) for line in logged),
        "micro_batch": trainer.micro_batch,
        "seconds": round(trainer.seconds, 1),
    }


def _evaluation_at(logged: Sequence[dict[str, Any]], step: int) -> dict[str, float]:
    lines = [line for line in logged if line.get("step") == step]
    return {
        name.removeprefix("eval_"): value
        for line in lines
        for name, value in line.items()
        if name.startswith("eval_")
    }


def record_of(
    method: Method,
    data: TrainingData,
    dev: STS | None,
    named: Provenance,
    settings: Settings,
    came: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what ``run.json`` holds.

    Args:
        method: As it was trained.
        data: As it was read.
        dev: Evaluated on.
        named: How the parts were named.
        settings: As resolved.
        came: What came of the run, as `Run` names it.
    """
    views = [_shown(view) for view in method.views]
    encoder, loss = method.encoder, repr(method.loss)
    words = f"Method([{'; '.join(views)}], {described_twin(method.twin)}, {loss})"
    return {
        "method": named.method or words,
        "method_options": {
            option: os.fspath(value) if isinstance(value, os.PathLike) else value
            for option, value in named.method_options.items()
        },
        "model": named.model or name_of_model(getattr(encoder.tokenizer, "name_or_path", "?")),
        "modules": describe(encoder),
        "lora": described_lora(encoder),
        "views": views,
        "loss": loss,
        "data": data_record(data, named.data or data.source),
        "dev": named.dev or (dev.name if dev else None),
        "processes": processes().num_processes,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
        **({"towers": [*towers]} if (towers := method.twin.towers()) else {}),
        **record_of_teacher(method.twin),
        **came,
        "settings": asdict(settings),
        **({} if named.config is None else {"config": dict(named.config)}),
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


def _shown(view: View) -> str:
    """Name a view's column and what is done to it."""
    changes = (view.edit, view.edit_tokens, view.order, view.perturb)
    return ", ".join([view.column, *(repr(change) for change in changes if change is not None)])
