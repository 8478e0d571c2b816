"""`train_decoder`: from an encoder and sentences to a decoder of its vectors."""

import logging
import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import TrainingArguments, set_seed

from sentemb.datasets import TrainingData, as_training_data
from sentemb.datasets.in_memory import Container
from sentemb.decoders.decoder_folder import (
    DecoderConfig,
    TrainedDecoder,
    load_decoder,
    model_of,
)
from sentemb.decoders.decoder_run import DecoderRun, card_of
from sentemb.decoders.decoder_start import given_start, new_start, start_of_correction
from sentemb.decoders.hypotheses import compute_hypotheses
from sentemb.decoders.kinds import KINDS, KindName
from sentemb.decoders.language_model import require_room
from sentemb.decoders.memory import Memory, fitted_temperature
from sentemb.decoders.settings import DecoderSettings
from sentemb.decoders.trainer import (
    CorrectionCollator,
    DecoderTrainer,
    VectorCollator,
    fits,
    rows_of,
)
from sentemb.encoder import load
from sentemb.encoders.build import build_encoder, model_name
from sentemb.errors import InputError, UsageError
from sentemb.inference.shaping import shaped
from sentemb.jobs.job_options import known_options
from sentemb.runs.arguments import resolve_precision, run_arguments
from sentemb.runs.conditions import (
    WITHOUT_EFFECT,
    ResumeCheck,
    classifier_identity,
    described_rows,
    frozen_identity,
)
from sentemb.runs.finished import remove_checkpoints
from sentemb.runs.frozen_vectors import compute_vectors, open_vectors, remove_vectors
from sentemb.runs.guarded_trainer import SKIPPED
from sentemb.runs.logs import require_finite
from sentemb.runs.output import check_output, last_checkpoint, prepare_output, read_by
from sentemb.runs.processes import DropoutOfItsOwn, processes, refused_by_one
from sentemb.runs.publish import publish_model, size_of
from sentemb.runs.run_folder import data_record, write_how_made
from sentemb.runs.run_result import name_of_model, output_folder
from sentemb.runs.signals import StopOnSignal
from sentemb.types import Vectors
from sentemb.values import require_kind
from sentemb.versions import versions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.encoder import Encoder

logger = logging.getLogger("sentemb")
HELD_OUT, MOST_HELD_OUT = 50, 500
"""Every so manieth text, and at most so many, are not trained on: the loss is measured there."""
SAMPLED = 256
"""Held-out texts that the temperature of a memory is fitted on."""


def train_decoder(
    model: "str | os.PathLike[str] | SentenceTransformer",
    data: "str | os.PathLike[str] | Container | TrainingData",
    output: str | os.PathLike[str] | None = None,
    settings: DecoderSettings | None = None,
    *,
    kind: KindName = "prefix",
    corrects: str | os.PathLike[str] | None = None,
    language_model: str | os.PathLike[str] | None = None,
    column: str = "text",
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
    **options: Any,
) -> DecoderRun:
    """Train a language model to write the text that a vector of an encoder is of.

    Each text is encoded once; then a small language model learns to predict its tokens behind a
    prefix that is made of its vector. The folder is a plain causal model of transformers with
    three files more.

    Args:
        model: The encoder: a bundled one, a folder, a hub id or a `SentenceTransformer`.
        data: Texts of any kind that `train` takes.
        output: Folder of the decoder; by default a temporary one, which lives as long as the
            result.
        settings: How to train; by default as `DecoderSettings` says.
        kind: ``prefix``, ClipCap's two layers; ``prefix-transformer``, its transformer; ``decap``,
            one layer, and vectors projected onto a memory of texts, so that it reads vectors that
            are not of texts; ``capdec``, noise in training for the same end; ``corrector``, which
            reads the text of another decoder and that text's vector too.
        corrects: Of a corrector, the folder of the decoder whose texts it corrects. Its language
            model is what the corrector's starts from.
        language_model: A folder or hub id of a causal model to start from; by default one of at
            most 10 million parameters, with the encoder's tokenizer.
        column: The column of the texts.
        resume: Continue from the last checkpoint in ``output``.
        overwrite: Replace an earlier run in ``output``.
        allow_changed: What a resumed run may have otherwise than it was started with.
        options: Fields of `DecoderSettings`, as ``epochs``.

    Raises:
        UsageError: When an option is out of its range or has no effect, or the output folder is
            not empty.
        InputError: When the texts or the models cannot be read, or no text is short enough.
        LockedError: When another run writes to the folder.
        NumericError: When the loss is not a number in several steps on end.
        InterruptedRunError: When SIGINT or SIGTERM ended it; the last step's checkpoint is there.

    Source: Mokady et al., 2021, ClipCap (arXiv:2111.09734); Li et al., 2023, DeCap
        (arXiv:2303.03032); Nukrai et al., 2022, CapDec (arXiv:2211.00575); Morris et al., 2023,
        vec2text (arXiv:2310.06816).
    """
    require_kind("kind", kind, KindName)
    folder, temporary = output_folder(None if output is None else Path(output))
    given = known_options(
        options, [field.name for field in fields(DecoderSettings)], "train_decoder"
    )
    settings = replace(settings or DecoderSettings(), **given)
    if settings.noise != DecoderSettings.noise and not KINDS[kind].noise:
        raise UsageError(f"noise has no effect with {kind}: give kind capdec, or leave it out.")
    if settings.memory != DecoderSettings.memory and not KINDS[kind].remembers:
        raise UsageError(f"memory has no effect with {kind}: give kind decap, or leave it out.")
    if KINDS[kind].corrects != (corrects is not None):
        raise UsageError("kind corrector and `corrects`, the decoder's folder, need each other.")
    if language_model is not None and corrects is not None:
        raise UsageError("`language_model` has no effect with a corrector: leave it out.")
    if processes().num_processes > 1:
        if corrects is not None:
            raise UsageError("A corrector is trained in one process: start it without torchrun.")
        if output is None:
            raise UsageError("Several processes share no temporary folder: give output.")
    texts = as_training_data(data, [("text",)], None if column == "text" else [column])
    reads = [model_name(model), *read_by(texts)]
    reads += [str(name) for name in (language_model, corrects) if name is not None]
    looks = partial(check_output, folder, resume=resume, overwrite=overwrite, reads=reads)
    refused_by_one(looks)
    encoder = build_encoder(model, device=None)
    named = load(model)
    first = None if corrects is None else _first(corrects, named)
    if first is not None and settings.max_length > first.config.max_length:
        logger.info("Texts have at most the %d tokens of the first decoder", first.max_length)
        settings = replace(settings, max_length=first.max_length)
    set_seed(settings.seed)
    if first is not None:
        start = start_of_correction(texts, first, KINDS[kind], settings.max_length)
    elif language_model is not None:
        start = given_start(texts, language_model, settings.max_length)
    else:
        start = new_start(texts, encoder, KINDS[kind], settings.max_length)
    tokenizer, lm, tokens, kept = start.tokenizer, start.language_model, start.tokens, start.kept
    made_for = DecoderConfig(
        kind,
        name_of_model(named.name),
        named.fingerprint,
        named.dim,
        settings.max_length,
        vocabulary=None if start.known is None else len(start.known),
    )
    decoder = model_of(made_for, lm, first)
    decoder.noise = settings.noise if KINDS[kind].noise else 0.0
    require_room(lm, decoder.prefix_length, settings.max_length)
    held = kept[HELD_OUT - 1 :: HELD_OUT][:MOST_HELD_OUT] or kept[-1:]
    trained = sorted(set(kept) - set(held)) or kept
    rows, held_rows = rows_of(tokens, trained), rows_of(tokens, held)
    arguments = _arguments(settings, folder, len(rows))
    compared = {k: v for k, v in asdict(settings).items() if k not in WITHOUT_EFFECT}
    conditions = {
        **compared,
        "max_steps": arguments.max_steps,
        "precision": resolve_precision(settings.precision),
        "processes": processes().num_processes,
        **classifier_identity(lm, tokenizer),
        "kind": kind,
        "encoder": frozen_identity(encoder),
        "data": described_rows(texts.rows),
        **({} if first is None else {"corrects": first.fingerprint}),
    }
    stop = StopOnSignal(folder)
    with ExitStack() as on_end:
        prepare = partial(
            prepare_output,
            folder,
            on_end,
            resume=resume,
            overwrite=overwrite,
            steps=arguments.max_steps,
            check=ResumeCheck(conditions, allow_changed, partial(fits, decoder)),
            reads=reads,
        )
        refused_by_one(prepare)
        compute = partial(
            compute_vectors,
            encoder,
            texts.rows["text"],
            {name: conditions[name] for name in ("encoder", "data")},
            folder,
            len(texts.rows),
            by="encoder",
        )
        refused_by_one(compute)
        vectors = open_vectors(folder)
        collator = VectorCollator(vectors)
        if first is not None:
            made_of = {name: conditions[name] for name in ("encoder", "data")}
            found = compute_hypotheses(
                first.to(arguments.device), encoder, vectors, made_of, folder
            )
            collator = CorrectionCollator(vectors, found, first)
        checkpoint = last_checkpoint(folder) if resume else None
        trainer = DecoderTrainer(
            collator,
            model=decoder,
            args=arguments,
            train_dataset=rows,
            eval_dataset=held_rows,
        )
        trainer.add_callback(DropoutOfItsOwn())
        trainer.add_callback(stop)
        trainer.conditions, trainer.max_bad_steps = conditions, settings.max_bad_steps
        with stop.listening():
            trainer.train(str(checkpoint) if checkpoint else None)
        require_finite(decoder)
        seconds = trainer.seconds
        metrics = {"loss": float(trainer.evaluate()["eval_loss"])}
        memory = None
        if KINDS[kind].remembers:
            memory = _memory(vectors, trained, held, settings)
            made_for = replace(made_for, temperature=memory.temperature)
        whole = TrainedDecoder(made_for, decoder.eval(), tokenizer, memory, start.known, first)
        if processes().is_main_process:
            publish_model(whole.save, folder, size_of(decoder))
        came: dict[str, Any] = {
            "steps": trainer.state.global_step,
            "best_step": trainer.state.global_step,
            "metrics": metrics,
            "rows": len(rows),
            "held_out_rows": len(held_rows),
            "empty_rows": texts.empty_rows,
            "long_rows": start.long,
            "unread_rows": len(texts.rows) - len(kept) - start.long,
            "unknown_tokens": 0,
            "known_tokens": sum(len(tokens[place]) for place in kept),
            "skipped_steps": sum(int(line.get(SKIPPED, 0)) for line in trainer.state.log_history),
            "seconds": round(seconds, 1),
        }
        record = {
            "model": made_for.encoder,
            "kind": kind,
            "corrects": None if first is None else first.config.kind,
            "language_model": str(language_model or ("new" if first is None else "the same")),
            "parameters": sum(p.numel() for p in lm.parameters()),
            "settings": asdict(settings),
            "data": data_record(texts, texts.source),
            "temperature": made_for.temperature,
            "processes": processes().num_processes,
            "versions": versions(),
            **came,
        }
        if processes().is_main_process:
            write_how_made(folder, record, card_of(record, folder.name))
        processes().wait_for_everyone()  # others may still read the vectors
        if processes().is_main_process:
            remove_vectors(folder)
            if not settings.keep_checkpoints:
                remove_checkpoints(folder)
    result = DecoderRun(
        output=folder,
        model=whole,
        history=trainer.state.log_history,
        record=record,
        temporary=temporary,
        **came,
    )
    logger.info(result.summary(), extra={"table": True, "score": "loss"})
    return result


def _first(folder: str | os.PathLike[str], encoder: "Encoder") -> TrainedDecoder:
    """Load the decoder that a corrector corrects.

    Raises:
        InputError: When it is a corrector, or reads the vectors of another encoder.
    """
    found = load_decoder(folder)
    if found.first is not None:
        raise InputError(f"'{folder}' is a corrector: name the decoder that it corrects.")
    if found.config.fingerprint != encoder.fingerprint:
        raise InputError(
            f"Decoder '{folder}' reads vectors of '{found.config.encoder}', and "
            f"'{encoder.name}' is another model: name the `model` that it was trained for."
        )
    return found


def _memory(
    vectors: Vectors, trained: Sequence[int], held: Sequence[int], settings: DecoderSettings
) -> Memory:
    """Return a memory of texts that were trained on, its temperature fitted on others."""
    random = np.random.default_rng(settings.seed)
    size = min(settings.memory, len(trained))
    chosen = np.sort(random.choice(np.asarray(trained), size, replace=False))
    unit = shaped(np.array(vectors[chosen]), normalize=True)
    others = shaped(np.array(vectors[np.asarray(held[:SAMPLED])]), normalize=True)
    return Memory(unit, fitted_temperature(unit, others))


def _arguments(settings: DecoderSettings, folder: Path, rows: int) -> TrainingArguments:
    batch = settings.batch_size * processes().num_processes
    steps_an_epoch = math.ceil(math.ceil(rows / batch) / settings.accumulation)
    steps = settings.max_steps or math.ceil(settings.epochs * steps_an_epoch)
    return run_arguments(
        settings,
        folder,
        steps,
        per_device_eval_batch_size=settings.batch_size,
        eval_strategy="steps",
        eval_steps=settings.save_steps,
        save_strategy="steps",
        save_steps=settings.save_steps,
        logging_steps=min(50, steps_an_epoch),
        prediction_loss_only=True,
        remove_unused_columns=False,
    )
