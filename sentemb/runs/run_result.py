"""The result of a run, and how its parts are named in the record of how it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

from sentemb.bundled import BUNDLED_ENCODERS, bundled
from sentemb.errors import UsageError, install_command

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Provenance:
    """How the parts of a run were named; a part without a name here is described by what it is.

    Args:
        method: The recipe's name.
        method_options: What the recipe was given.
        citation: The recipe's source, for the model card.
        model: The bundled encoder, folder or hub id that the run starts from.
        data: The file or data set trained on.
        dev: The file or data set evaluated on.
        as_it_is: What the starting model scores with its own pooling, and its ``modules``; empty
            where it is trained with that one.
        config: Every option of the command that makes the run again; None where there is none.
    """

    method: str | None = None
    method_options: Mapping[str, Any] = field(default_factory=dict)
    citation: str | None = None
    model: str | None = None
    data: str | None = None
    dev: str | None = None
    as_it_is: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None


class TemporaryFolder:
    """A folder that lives as long as this object, and is removed with it."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="sentemb-"))
        finalize(self, rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class RunResult:
    """The result of any kind of run.

    Args:
        output: The model folder.
        model: The trained model, in memory.
        history: Every line of ``metrics.jsonl``: its step, and what was measured then.
        record: What ``run.json`` holds: how the model was made.
        steps: Optimizer steps taken.
        best_step: The step whose weights became the model.
        metrics: Evaluation of the model.
        rows: Rows trained on.
        empty_rows: Rows without text, left out.
        unknown_tokens: Tokens that the tokenizer does not know.
        known_tokens: Tokens that it knows, without special tokens and prompts.
        skipped_steps: Steps whose loss or gradient was not a number, and that changed nothing.
        seconds: Wall-clock time of the training, of all parts of a resumed run.
        temporary: Keeps a temporary output folder as long as the result lives.
    """

    output: Path
    model: Any
    history: Sequence[Mapping[str, Any]]
    record: Mapping[str, Any]
    steps: int
    best_step: int
    metrics: Mapping[str, float]
    rows: int
    empty_rows: int
    unknown_tokens: int
    known_tokens: int
    skipped_steps: int
    seconds: float
    temporary: TemporaryFolder | None = None

    def __repr__(self) -> str:
        before = self.record.get("before", {})
        lines = [
            f"{type(self).__name__}: {self.steps} steps on {self.rows:,} rows in "
            f"{self.seconds:.0f} s, step {self.best_step} kept, in '{self.output}'"
        ]
        for name, value in self.metrics.items():
            was = f"{before[name]:.4g} -> " if name in before else ""
            lines.append(f"  {name}: {was}{value:.4g}")
        return "\n".join(lines)

    def _ending(self) -> list[str]:
        """Return the last lines of a summary."""
        skipped = f"{self.skipped_steps:,} steps were skipped: loss or gradient was not a number"
        last = (
            f"{self.steps} steps in {self.seconds:.0f} s; step {self.best_step} kept: {self.output}"
        )
        return [skipped, last] if self.skipped_steps else [last]

    def plot(self) -> "Figure":
        """Draw the loss, and everything that was evaluated, over the steps.

        Returns:
            A figure with a panel for each; ``savefig`` writes it.

        Raises:
            UsageError: When matplotlib is not installed.
        """
        if not find_spec("matplotlib"):
            raise UsageError(f"A picture needs matplotlib: {install_command('plot')}.")
        from matplotlib.figure import Figure

        names = ["loss", *(f"eval_{name}" for name in self.metrics)]
        drawn = [name for name in names if any(name in line for line in self.history)]
        figure = Figure(figsize=(1 + 3 * len(drawn), 3), layout="constrained")
        for panel, name in zip(
            figure.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True
        ):
            lines = [line for line in self.history if name in line]
            panel.plot([line["step"] for line in lines], [line[name] for line in lines])
            panel.set(title=name.removeprefix("eval_"), xlabel="step")
        return figure


def output_folder(output: str | Path | None) -> tuple[Path, TemporaryFolder | None]:
    """Return the folder of a run; where none is named, one that lives as long as the second."""
    if output is not None:
        return Path(output), None
    temporary = TemporaryFolder()
    return temporary.path / "model", temporary


def name_of_model(path: object) -> str:
    """Name a model by where it was loaded from: a bundled encoder by its name, others by the path.

    Example:
        >>> name_of_model(bundled("mini"))
        'mini'
    """
    inside = (name for name in BUNDLED_ENCODERS if Path(str(path)).is_relative_to(bundled(name)))
    return next(inside, str(path))
