"""What sentence-transformers' trainer does in the faults that ours is tested with.

Each fault is made to happen to a few steps of a small encoder, in a process of its own, and what
is seen is written as one row of a table: ``python benchmarks/faults_peer.py [results/FILE]``.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import TrainerCallback, set_seed

from sentemb.bundled import bundled

STEPS, EVERY = 8, 2
TEXTS = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()[:64]
Peer = SentenceTransformerTrainer


class At(TrainerCallback):
    """Do something after a step."""

    def __init__(self, step: int, what: Callable[..., Any]) -> None:
        self.step, self.what = step, what

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            self.what()


def trainer(
    folder: Path,
    callbacks: Any = (),
    peer: Any = Peer,
    augment: bool = False,
    loss: Any = MultipleNegativesRankingLoss,
    dev: bool = False,
    **options: Any,
) -> Any:
    """Make the peer's trainer of pairs of equal sentences, as unsupervised SimCSE."""
    set_seed(42)
    model = SentenceTransformer(str(bundled("mini")), device="cpu")
    rows = Dataset.from_dict({"anchor": TEXTS, "positive": TEXTS})
    if augment:
        rows.set_transform(shortened)
    arguments = {
        "output_dir": str(folder),
        "max_steps": STEPS,
        "save_steps": EVERY,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "logging_steps": 2,
    }
    return peer(
        model=model,
        args=SentenceTransformerTrainingArguments(**arguments | options),
        train_dataset=rows,
        eval_dataset=rows.select(range(16)) if dev else None,
        loss=loss(model),
        callbacks=list(callbacks),
    )


def shortened(batch: dict[str, list[str]]) -> dict[str, list[str]]:
    """Drop a random word of each positive, as data augmentation in a transform does."""

    def one(text: str) -> str:
        words = text.split()
        del words[random.randrange(len(words))]
        return " ".join(words) or text

    return {name: [one(t) if name == "positive" else t for t in texts]
            for name, texts in batch.items()}  # fmt: skip


def child(work: Callable[[], Any], log: Path) -> tuple[int, Any]:
    """Run work in a fork; return its exit status, and what it returned or the error's last line."""
    answer = log.with_suffix(".json")
    pid = os.fork()
    if not pid:
        handle = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        code = 1
        try:
            answer.write_text(json.dumps(work()))
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        except BaseException as error:
            answer.write_text(json.dumps(f"{type(error).__name__}: {error}"))
        sys.stdout.flush()
        os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, json.loads(answer.read_text()) if answer.exists() else None


def weights(folder: Path, step: int = STEPS) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = load_file(folder / f"checkpoint-{step}/model.safetensors")
    return loaded


def compared(one: Path, other: Path) -> str:
    a, b = weights(one), weights(other)
    differing = sum(not torch.equal(a[name], b[name]) for name in a)
    largest = max(float((a[name] - b[name]).abs().max()) for name in a)
    if not differing:
        return "weights bit-identical"
    return f"{differing} of {len(a)} tensors differ, by up to {largest:.1e}"


def trains(folder: Path, resume: bool = False, **options: Any) -> Callable[[], Any]:
    def work() -> Any:
        one = trainer(folder, **options)
        one.train(resume_from_checkpoint=resume or None)
        return one.state.global_step

    return work


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_in_a_save(folder: Path) -> str:
    """T1."""

    def work() -> None:
        save = torch.save

        def dies(thing: Any, path: Any, *args: Any, **kwargs: Any) -> None:
            if "checkpoint-4" in str(path):
                die()
            save(thing, path, *args, **kwargs)

        torch.save = dies  # type: ignore[assignment]
        trains(folder / "run")()

    child(work, folder / "cut.log")
    there = sorted(p.name for p in (folder / "run/checkpoint-4").iterdir())
    status, answer = child(trains(folder / "run", resume=True), folder / "resumed.log")
    lacks = [n for n in ("optimizer.pt", "trainer_state.json") if n not in there]
    return (
        f"checkpoint-4 lacks {', '.join(lacks)}; the resume takes it and ends with {status}: "
        + (str(answer)[:120])
    )


def killed_and_resumed(folder: Path, augment: bool) -> str:
    """T2."""
    whole, cut = folder / "whole", folder / "cut"
    child(trains(whole, augment=augment), folder / "whole.log")
    child(trains(cut, augment=augment, callbacks=[At(5, die)]), folder / "cut.log")
    status, _ = child(trains(cut, resume=True, augment=augment), folder / "resumed.log")
    child(trains(folder / "again", augment=augment), folder / "again.log")
    control = compared(whole, folder / "again")
    return f"resume ends with {status}; {compared(whole, cut)} (two whole runs: {control})"


def told_to_stop(folder: Path, number: int, **options: Any) -> str:
    """T3."""
    callback = At(3, lambda: os.kill(os.getpid(), number))

    def work() -> Any:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return trains(folder, callbacks=[callback, *_slow(options)], **options)()

    status, answer = child(work, folder.with_suffix(".log"))
    left = sorted(p.name for p in folder.glob("checkpoint-*"))
    return f"exit status {status} ({answer}); checkpoints: {', '.join(left) or 'none'}"


def _slow(options: dict[str, Any]) -> list[At]:
    """Let the seconds pass that the just-in-time checkpoint waits for."""
    return [At(4, lambda: time.sleep(4))] if options else []


def damaged(folder: Path, name: str, fault: Callable[[Path], None]) -> str:
    """T4."""
    whole, cut = folder / "whole", folder / "cut"
    child(trains(whole), folder / "whole.log")
    child(trains(cut, callbacks=[At(5, die)]), folder / "cut.log")
    fault(cut / "checkpoint-4" / name)
    status, answer = child(trains(cut, resume=True), folder / "resumed.log")
    said = name in (folder / "resumed.log").read_text()
    if status:
        return f"ends with {status}: {str(answer)[:100]}"
    told = "names it" if said else "says nothing"
    return f"ends with 0, {told}; {compared(whole, cut)}"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


class NaNAt(MultipleNegativesRankingLoss):
    """No number at the third batch."""

    seen = 0

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        self.seen += 1
        loss = super().forward(*args, **kwargs)
        return loss * float("nan") if self.seen == 3 else loss


def no_number(folder: Path) -> str:
    """T6."""
    status, _ = child(trains(folder, loss=NaNAt), folder.with_suffix(".log"))
    last = weights(folder)
    bad = sum(not t.isfinite().all() for t in last.values())
    losses = [line.get("loss") for line in
              json.loads((folder / "checkpoint-8/trainer_state.json").read_text())["log_history"]
              if "loss" in line]  # fmt: skip
    numbers = f"{bad} of {len(last)} tensors of its last checkpoint are no numbers"
    return f"ends with {status}; {numbers}; losses logged: {losses}"


def evaluated(folder: Path) -> str:
    """T8."""
    whole, often = folder / "whole", folder / "often"
    child(trains(whole, dev=True, eval_strategy="no"), folder / "whole.log")
    child(trains(often, dev=True, eval_strategy="steps", eval_steps=1), folder / "often.log")
    return compared(whole, often)


def two_writers(folder: Path) -> str:
    """T10."""
    pids = []
    for number in range(2):
        pid = os.fork()
        if not pid:
            handle = os.open(folder / f"{number}.log", os.O_CREAT | os.O_WRONLY)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            code = 1
            try:
                trains(folder / "run", seed=number)()
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    return f"both write, and end with {codes[0]} and {codes[1]}"


def clock(folder: Path) -> str:
    """T13."""

    def later() -> None:
        os.utime(folder / "checkpoint-2", (2**32, 2**32))

    status, _ = child(
        trains(folder, callbacks=[At(3, later)], save_total_limit=2), folder.with_suffix(".log")
    )
    left = sorted(p.name for p in folder.glob("checkpoint-*"))
    return f"ends with {status}; of 2, 4, 6, 8 with a limit of 2 it keeps {', '.join(left)}"


def changed(folder: Path) -> str:
    """T14."""
    child(trains(folder, callbacks=[At(5, die)]), folder.with_suffix(".log"))
    log = folder.with_suffix(".resumed.log")
    status, _ = child(
        trains(folder, resume=True, learning_rate=1e-5, per_device_train_batch_size=4, seed=7), log
    )
    said = [word for word in ("learning_rate", "batch_size", "seed") if word in log.read_text()]
    return f"resume ends with {status}; its output names {', '.join(said) or 'none of them'}"


FAULTS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "T1": ("SIGKILL in the save of step 4, before optimizer.pt", killed_in_a_save),
    "T2a": ("SIGKILL after step 5, resume", lambda f: killed_and_resumed(f, augment=False)),
    "T2b": ("the same, with a random word dropped in a transform",
            lambda f: killed_and_resumed(f, augment=True)),
    "T3a": ("SIGTERM after step 3", lambda f: told_to_stop(f / "run", signal.SIGTERM)),
    "T3b": ("SIGINT after step 3", lambda f: told_to_stop(f / "run", signal.SIGINT)),
    "T3c": ("SIGTERM, with enable_jit_checkpoint",
            lambda f: told_to_stop(f / "run", signal.SIGTERM, enable_jit_checkpoint=True)),
    "T4a": ("optimizer.pt deleted, resume", lambda f: damaged(f, "optimizer.pt", Path.unlink)),
    "T4b": ("rng_state.pth deleted, resume", lambda f: damaged(f, "rng_state.pth", Path.unlink)),
    "T4c": ("one bit of model.safetensors flipped, resume",
            lambda f: damaged(f, "model.safetensors", flip)),
    "T4d": ("one bit of optimizer.pt flipped, resume", lambda f: damaged(f, "optimizer.pt", flip)),
    "T6": ("the loss is NaN at step 3", lambda f: no_number(f / "run")),
    "T8": ("evaluation at every step, or never", evaluated),
    "T10": ("two runs into one folder", two_writers),
    "T13": ("checkpoint-2 has a time in the future", lambda f: clock(f / "run")),
    "T14": ("resume with another learning rate, batch size and seed", lambda f: changed(f / "run")),
}  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    names = ("sentence-transformers", "transformers", "torch")
    lines = [
        "What sentence-transformers' own trainer does; made by `python benchmarks/faults_peer.py`.",
        "",
        ", ".join(f"{name} {version(name)}" for name in names) + ", CPU, one thread.",
        "",
        "| id | fault | SentenceTransformerTrainer, observed |",
        "|---|---|---|",
    ]
    for name, (fault, make) in FAULTS.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                seen = make(Path(folder))
            except Exception as error:
                seen = f"(the fault could not be made: {error})"
        seen = seen.replace(folder, "…").replace("|", "/").replace("\n", " ")
        lines.append(f"| {name} | {fault} | {seen} |")
        print(lines[-1], flush=True)
    path = Path(sys.argv[1] if sys.argv[1:] else Path(__file__).parent / "results/faults-peer.md")
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
