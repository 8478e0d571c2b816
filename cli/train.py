"""``sentemb train``."""

from pathlib import Path
from typing import Any

from . import console
from . import train_options as options
from .recipes import DEFAULT_METHOD

EXAMPLES = """Examples:

sentemb train --method simcse-unsup --max-steps 5

sentemb train --method simcse-sup --pooling mean --batch-size 64 --max-steps 5 -o runs/mine

sentemb train --view shuffle --view feature-cutoff:0.2 --loss flatnce --max-steps 5 -o runs/cross

sentemb train --method moco --queue-size 512 --batch-size 256 --micro-batch 32 --max-steps 2

sentemb train --method simcse-sup --help"""


def train(
    method: options.Method = DEFAULT_METHOD,
    data: options.Data = None,
    columns: options.Columns = None,
    model: options.Model = "mini",
    pooling: options.Pooling = None,
    prompt: options.Prompt = None,
    dev: options.Dev = None,
    view: options.View = None,
    loss: options.Loss = None,
    matryoshka: options.Matryoshka = None,
    mask_identical: options.MaskIdentical = True,
    mask_above: options.MaskAbove = None,
    output: options.Output = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    epochs: options.Epochs = None,
    max_steps: options.MaxSteps = 0,
    max_length: options.MaxLength = None,
    micro_batch: options.MicroBatch = 0,
    accumulation: options.Accumulation = 1,
    warmup: options.Warmup = None,
    weight_decay: options.WeightDecay = None,
    max_grad_norm: options.MaxGradNorm = None,
    precision: options.Precision = "auto",
    select: options.Select = "auto",
    eval_steps: options.EvalSteps = None,
    save_steps: options.SaveSteps = 100,
    on_collapse: options.OnCollapse = "warn",
    max_bad_steps: options.MaxBadSteps = 3,
    packed: options.Packed = True,
    seed: options.Seed = 42,
    seeds: options.Seeds = None,
    workers: options.Workers = 0,
    resume: options.Resume = False,
    allow_changed: options.AllowChanged = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    method_options: dict[str, Any] | None = None,
) -> None:
    """Train an encoder; with nothing else given, on what comes with the package.

    sentemb train --method NAME --help also shows the options of that method.

    The model folder loads in plain sentence-transformers.
    """
    given = locals().copy()
    from .early import check_job, check_output_of_run, one_of_seeds, without_effect
    from .jobs import job_from
    from .settings import parse_seeds

    job = job_from(given, output or Path("runs") / method)
    chosen = parse_seeds(seeds) if seeds is not None else None
    without_effect("--allow-changed", bool(allow_changed) and not resume, "--resume")
    one_of_seeds(seed, seeds)
    check_output_of_run(
        job.output, resume=resume, overwrite=overwrite, seeds=chosen, reads=job.reads
    )
    check_job(job)
    from sentemb.errors import FinishedError
    from sentemb.runs.processes import leave_processes, processes

    from .training_runs import run_seeds

    console.quieten_libraries()
    if not processes().is_main_process:
        console.configure(quiet=True)
    try:
        result = run_seeds(job, chosen)
    except FinishedError:
        leave_processes()
        raise
    if as_json and processes().is_main_process:
        console.print_json("train", result)
    leave_processes()
