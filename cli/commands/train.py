"""``sentemb train``."""

from pathlib import Path
from typing import Any

from .. import console
from .. import options as shared
from ..options import DEFAULT_METHOD

EXAMPLES = """Examples:

sentemb train --method simcse-unsup --max-steps 5

sentemb train --method simcse-sup --pooling mean --batch-size 64 --max-steps 5 -o runs/mine

sentemb train --view shuffle --view feature-cutoff:0.2 --loss flatnce --max-steps 5 -o runs/cross

sentemb train --method moco --queue-size 512 --batch-size 256 --micro-batch 32 --max-steps 2

sentemb train --method simcse-sup --help"""


def train(
    method: shared.Method = DEFAULT_METHOD,
    data: shared.Data = None,
    columns: shared.Columns = None,
    model: shared.Model = "mini",
    pooling: shared.Pooling = None,
    prompt: shared.Prompt = None,
    dev: shared.Dev = None,
    view: shared.View = None,
    loss: shared.Loss = None,
    matryoshka: shared.Matryoshka = None,
    mask_above: shared.MaskAbove = None,
    output: shared.Output = None,
    seeds: shared.Seeds = None,
    resume: shared.Resume = False,
    allow_changed: shared.AllowChanged = None,
    overwrite: shared.Overwrite = False,
    as_json: shared.AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Train an encoder; with nothing else given, on what comes with the package.

    sentemb train --method NAME --help also shows the options of that method.

    The model folder loads in plain sentence-transformers.
    """
    given = locals() | options
    from ..early import check_job, check_output_of_run, one_of_seeds, without_effect
    from ..jobs import job_from, parse_seeds

    job = job_from(given, output or Path("runs") / method)
    chosen = parse_seeds(seeds) if seeds is not None else None
    without_effect("--allow-changed", bool(allow_changed) and not resume, "--resume")
    one_of_seeds(options["seed"], seeds)
    check_output_of_run(
        job.output, resume=resume, overwrite=overwrite, seeds=chosen, reads=job.reads
    )
    check_job(job)
    from sentemb.errors import FinishedError
    from sentemb.runs.processes import leave_processes, processes

    from ..training_runs import run_seeds

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
