"""Runs in forked children that are killed, and gone on with, until they end.

The imports are paid for once. A ``kind`` is ``python`` or a system call of strace.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from sentemb_cli.main import build
from typer.testing import CliRunner

from sentemb import Settings, read_training_data, train
from sentemb.bundled import bundled
from sentemb.errors import FinishedError
from sentemb.finetuning import FinetuneSettings, finetune
from sentemb.methods import byol, consert, moco, simcse_unsup, swav
from sentemb.runs.output import check_output, last_checkpoint
from sentemb.runs.run_folder import is_record
from sentemb.storage import read_owned
from sentemb.storage.owned import damage
from tests.support.encoders import mini
from tests.support.helpers import PowerCut
from tests.support.processes import as_started
from tests.support.runs import data, dev

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=12, save_steps=3,
                    keep_checkpoints=True)  # fmt: skip
OPTIONS = {
    moco: {"queue_size": 20, "momentum": 0.9},
    swav: {"prototypes": 8, "queue_size": 12, "frozen_steps": 2},
}
RECIPES = {"simcse-unsup": simcse_unsup, "consert": consert, "moco": moco, "byol": byol,
           "swav": swav}  # fmt: skip
TIMES = ("runtime", "per_second")


def run(recipe, folder, settings, batches=None):
    """Train once, and go on where there is a folder; or so many batches."""
    how = {"resume": folder.exists()}
    if recipe == "finetune":
        topics = read_training_data(bundled("topics.tsv"), [("text", "label")])
        few = replace(topics, rows=topics.rows.select(range(0, 160, 4)))
        other = replace(topics, rows=topics.rows.select(range(1, 160, 8)))
        tuned = FinetuneSettings(batch_size=8, learning_rate=3e-4, epochs=3, r_drop=1.0,
                                 keep_checkpoints=True)  # fmt: skip
        with suppress(FinishedError):
            finetune("mini", few, other, folder, tuned, **how)
        return
    build = RECIPES[recipe]
    pooling = "cls_before_pooler" if build is simcse_unsup else "mean"
    method = build(mini(pooling), **OPTIONS.get(build, {}))
    if batches is not None:
        method.loss = PowerCut(method.loss, batches)
    watched = dev() if build is simcse_unsup else None
    with suppress(FinishedError):  # a kill after the record was written
        train(method, data(), folder, replace(settings, eval_steps=3), dev=watched, **how)


def cut_short(folder, settings):
    """Run, and end after the first checkpoint."""
    try:
        run("simcse-unsup", folder, settings, batches=settings.save_steps + 1)
    except KeyboardInterrupt:
        return


def forked(work):
    """Start some work in a child with a session of its own; it ends with 0, or 1 on an error."""
    data(), dev(), mini(), mini("cls_before_pooler")  # are read once
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        with open(os.environ.get("DRIVER_LOG", os.devnull), "a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        as_started()
        work()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def finished(work):
    code = wait(forked(work))
    assert code == 0, f"ended with {code}; see DRIVER_LOG"


def differences(one, other):
    """Name what differs of two runs, but for times."""
    found = []
    if _lines(one) != _lines(other):
        found.append("metrics.jsonl")
    names = [p.relative_to(one) for p in one.rglob("*.safetensors") if "incomplete" not in str(p)]
    last = last_checkpoint(one).relative_to(one)
    for name in names:
        if not (other / name).exists():
            found.append(f"{name} is missing")
            continue
        a, b = load_file(one / name), load_file(other / name)
        if a.keys() != b.keys() or any(not torch.equal(a[k], b[k]) for k in a):
            found.append(str(name))
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        a, b = (torch.load(run / last / name, weights_only=False) for run in (one, other))
        if _plain(a) != _plain(b):
            found.append(name)
    return found


def _plain(thing):
    if isinstance(thing, torch.Tensor):
        return thing.tolist()
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(value) for value in thing]
    return repr(thing)


def _lines(folder):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if not k.endswith(TIMES)} for line in lines]


def kills(recipe, workers, wanted, folder):
    """Kill runs at random times until so many were killed; compare each with a whole one."""
    settings = replace(SETTINGS, workers=workers)
    whole = folder / "whole"
    finished(lambda: run(recipe, whole, settings))
    started = time.monotonic()
    finished(lambda: run(recipe, folder / "timed", settings))
    seconds = time.monotonic() - started
    same = differences(whole, folder / "timed")
    assert not same, same
    drawn = random.Random(recipe)
    killed = runs = number = 0
    found = []
    while killed < wanted:
        number += 1
        one = folder / f"cut-{number}"
        while True:
            pid = forked(lambda one=one: run(recipe, one, settings))
            limit = drawn.uniform(0.1, 1.0) * seconds if killed < wanted else 1e9
            until = time.monotonic() + limit
            while time.monotonic() < until and os.waitid(
                os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
            ) is None:  # fmt: skip
                time.sleep(0.002)
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            if not ended:
                os.killpg(pid, signal.SIGKILL)
            code = wait(pid)
            if ended:
                assert code == 0, f"ended with {code}; see DRIVER_LOG"
                break
            killed += 1
        runs += 1
        found += [f"{one.name}: {name}" for name in differences(whole, one)]
        shutil.rmtree(one)
    return {"recipe": recipe, "workers": workers, "kills": killed, "runs": runs,
            "differences": found}  # fmt: skip


def calls(kind, stride, folder):
    """Kill a run at its n-th call, n = 1, 1 + stride, …, until it passes; compare each."""
    settings = replace(SETTINGS, max_steps=4, save_steps=2)
    base, whole = folder / "base", folder / "whole"

    last = replace(settings, select="last")
    finished(lambda: cut_short(base, last))
    shutil.copytree(base, whole)
    finished(lambda: run("simcse-unsup", whole, last))
    killed, n, found, sites = 0, 1, [], []
    while True:
        cut = folder / "cut"
        shutil.rmtree(cut, ignore_errors=True)
        shutil.copytree(base, cut)
        attempt = _counting if kind == "python" else _traced
        code = attempt(lambda: run("simcse-unsup", cut, last), kind, n)  # noqa: B023
        if code == 0:
            break
        assert code == -signal.SIGKILL, f"ended with {code}; see DRIVER_LOG"
        killed += 1
        step = last_checkpoint(cut)
        sites.append(int(step.name.rpartition("-")[2]))
        finished(lambda: run("simcse-unsup", cut, last))  # noqa: B023
        found += [f"call {n}: {name}" for name in differences(whole, cut)]
        n += stride
    return {"kind": kind, "stride": stride, "kills": killed, "calls": n,
            "resumed_from": {str(step): sites.count(step) for step in sorted(set(sites))},
            "differences": found}  # fmt: skip


def overwrite(kind, stride, folder):
    """Kill ``train --overwrite`` at its n-th call, until it passes; then the old run stands whole,
    or ``--resume`` ends as the new one would have, and ``--overwrite`` is never refused. The old
    run has its checkpoints; those of the new one are removed when it has finished."""
    base, whole, cut = folder / "base", folder / "whole", folder / "cut"
    rows = folder / "rows.txt"
    rows.write_text("".join(bundled("sentences.txt").read_text().splitlines(True)[:40]))
    finished(lambda: command(rows, base, "--keep-checkpoints", seed=1))
    (base / "notes.txt").write_text("mine")
    (base / "1_Pooling/notes.txt").write_text("mine")
    shutil.copytree(base, whole)
    finished(lambda: command(rows, whole, "--overwrite", seed=2))
    old, new = (one.joinpath("model.safetensors").read_bytes() for one in (base, whole))
    came = {"old run": 0, "new run": 0, "resumed": 0}
    n = 1
    while True:
        shutil.rmtree(cut, ignore_errors=True)
        shutil.copytree(base, cut)
        attempt = _changing if kind == "python" else _traced
        code = attempt(lambda: command(rows, cut, "--overwrite", seed=2), kind, n)
        if code == 0:
            break
        assert code == -signal.SIGKILL, f"ended with {code}; see DRIVER_LOG"
        check_output(cut, resume=False, overwrite=True, reads=[rows])
        weights, config = cut / "model.safetensors", cut / "config.json"
        assert not config.exists() or weights.read_bytes() in (old, new), n
        stands = read_owned(cut)
        if not stands.removing and is_record(cut / "run.json") and damage(cut) is None:
            assert weights.read_bytes() in (old, new), n
            is_new = weights.read_bytes() == new
            came["new run" if is_new else "old run"] += 1
            if is_new:
                finished(lambda: command(rows, cut, "--resume", seed=2, code=2))
                assert not (cut / "checkpoints").exists(), n
        else:
            finished(lambda: command(rows, cut, "--resume", seed=2))
            assert weights.read_bytes() == new, n
            assert damage(cut) is None, n
            came["resumed"] += 1
        assert (cut / "notes.txt").read_text() == "mine", n
        assert (cut / "1_Pooling/notes.txt").read_text() == "mine", n
        n += stride
    assert weights.read_bytes() == new
    return {"kind": kind, "stride": stride, "calls": n - 1, **came}


def command(rows, folder, *how, seed, code=0):
    """Give a ``train`` command."""
    words = ["train", "--data", str(rows), "--max-steps", "2", "--save-steps", "1", "--batch-size",
             "8", "--seed", str(seed), "-o", str(folder), *how]  # fmt: skip
    result = CliRunner().invoke(build(words), words)
    assert result.exit_code == code, result.output


def _changing(work, kind, n):
    """Run work whose n-th call that changes a name is its last."""
    return _counting(work, kind, n, ("replace", "rename", "unlink", "rmdir", "mkdir"))


def _counting(work, kind, n, names=("replace", "rename", "fsync", "unlink")):
    """Run work whose n-th call of rename, replace or fsync is its last."""

    def counted():
        left = [n]

        def dies(function):
            def call(*args, **kwargs):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)

            return call

        for name in names:
            setattr(os, name, dies(getattr(os, name)))
        work()

    return wait(forked(counted))


def _traced(work, kind, n):
    """Run work that strace kills as it enters the n-th system call of this kind."""

    def stopped():
        os.kill(os.getpid(), signal.SIGSTOP)
        work()

    pid = forked(stopped)
    os.waitid(os.P_PID, pid, os.WSTOPPED)
    names = {"rename": "rename,renameat,renameat2", "unlink": "unlink,unlinkat"}.get(kind, kind)
    tracer = subprocess.Popen(
        ["/usr/bin/strace", "-f", "-qq", "-o", os.devnull, "-p", str(pid),
         "-e", f"trace={names}", "-e", f"inject={names}:signal=SIGKILL:when={n}"],
    )  # fmt: skip
    while _tracer_of(pid) == 0:
        assert tracer.poll() is None, "strace does not attach"
        time.sleep(0.005)
    os.kill(pid, signal.SIGCONT)
    code = wait(pid)
    tracer.wait()
    return code


def _tracer_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("TracerPid:")[1].split()[0])
