"""How far a long task is: a bar where a person watches, otherwise a log line every ten seconds.

Bars go to stderr, or into the notebook. ``TQDM_DISABLE=1`` in the environment turns them off, and
so does a level above INFO of the logger ``sentemb``, with which the log lines go too.
"""

import logging
import os
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import Any, Self

logger = logging.getLogger("sentemb")
EVERY = 10.0
"""Seconds between two log lines, where there is no bar."""
WINDOW = 30.0
"""Seconds that a rate is of."""
BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {unit}{postfix}"
WITHOUT_TOTAL = "{desc}: {n_fmt} {unit}{postfix}"


def watched() -> bool:
    """Tell whether bars are shown: a person watches, and has not turned them off."""
    if os.environ.get("TQDM_DISABLE", "").lower() not in ("", "0", "false"):
        return False
    if logger.level > logging.INFO:
        return False
    if "ipykernel" in sys.modules:
        return True
    return os.environ.get("TERM") != "dumb" and sys.stderr.isatty()


class Speed:
    """Units a second over a moving window; pauses are counted apart.

    Args:
        clock: Gives seconds.

    Attributes:
        pauses: How many there were.
        paused: Seconds that they took.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()
        self.pauses, self.paused = 0, 0.0

    def reach(self, done: int) -> None:
        """Note that so many units are done by now."""
        now = self._clock() - self.paused
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] < now - WINDOW:
            self._marks.popleft()

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """Leave out the time that is spent inside."""
        began = self._clock()
        try:
            yield
        finally:
            self.pauses += 1
            self.paused += self._clock() - began

    @property
    def rate(self) -> float:
        """Units a second; 0 where it is not known yet."""
        if len(self._marks) < 2:
            return 0.0
        (began, first), (now, last) = self._marks[0], self._marks[-1]
        return (last - first) / max(now - began, 1e-6)

    def left(self, units: int, pauses: int = 0) -> float | None:
        """Return the seconds that so many units and pauses will take, where that is known."""
        if not self.rate:
            return None
        return units / self.rate + pauses * self.paused / max(1, self.pauses)


class Progress:
    """Shows how much of a task is done, at which rate, and how long the rest will take.

    Used as a context, or between `begin` and `close`: a bar, or a log line every ten seconds.

    Args:
        what: Is done, as ``encoding``.
        total: Units of the whole task, where it is known.
        unit: What is counted, in the plural.
        each: What a unit consists of, and its number in a unit, where the rate is of these.
        shown: Whether there is a bar; by default where a person watches. With False, nothing is
            logged either.
        delay: Seconds before the bar appears.
        lines: Whether log lines are written where there is no bar.
    """

    def __init__(
        self,
        what: str,
        total: int | None,
        unit: str,
        each: tuple[str, int] | None = None,
        *,
        shown: bool | None = None,
        delay: float = 0,
        lines: bool = True,
    ) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.each = each or (unit, 1)
        self.done, self.pauses_left = 0, 0
        self.speed = Speed()
        self.note = ""
        self._shown, self._delay, self._lines = shown, delay, lines and shown is not False
        self._bar: Any = None
        self._opened = ExitStack()
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self.begin(0)

    def begin(self, done: int) -> Self:
        """Start the clock, with so many units done before."""
        self.close()
        self.done, self._last, self.speed = done, time.monotonic(), Speed()
        self.speed.reach(done)
        if watched() if self._shown is None else self._shown:
            bar_format = WITHOUT_TOTAL if self.total is None else BAR
            self._bar = self._opened.enter_context(
                _bar(self.what, bar_format, total=self.total, unit=self.unit, initial=done,
                     delay=self._delay)
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        self._opened.close()
        self._bar = None

    def __call__(self, done: int) -> None:
        """Show that so many units are done by now."""
        self.speed.reach(done)
        before, self.done = self.done, done
        if self._bar is not None:
            self._bar.set_postfix_str(self.described(), refresh=False)
            self._bar.update(done - before)
        elif self._lines and self.is_time():
            of = f" of {self.total:,}" if self.total else ""
            logger.info("%s: %s%s %s, %s", self.what, f"{done:,}", of, self.unit, self.described())

    def add(self, units: int) -> None:
        """Show that so many more units are done."""
        self(self.done + units)

    def rename(self, what: str) -> None:
        """Name what is done from now on."""
        self.what = what
        if self._bar is not None:
            self._bar.set_description_str(what)

    @property
    def has_bar(self) -> bool:
        """Whether there is a bar now."""
        return self._bar is not None

    def is_time(self) -> bool:
        """Tell whether the last log line is long enough ago for another one."""
        now = time.monotonic()
        if now - self._last < EVERY:
            return False
        self._last = now
        return True

    @contextmanager
    def pausing(self, what: str) -> Iterator[None]:
        """Do something else inside, whose time is counted apart."""
        with self.speed.pausing(), phase(what):
            yield

    def described(self) -> str:
        """Say at which rate it goes, how long the rest takes, and what was counted apart."""
        unit, number = self.each
        words = [self.note, f"{_round(self.speed.rate * number)} {unit}/s"]
        rest = None if self.total is None else self.total - self.done
        left = None if rest is None else self.speed.left(rest, self.pauses_left)
        words += [] if left is None else [f"{clock(left)} left"]
        if self.speed.pauses:
            words.append(f"evaluating took {clock(self.speed.paused)}")
        return ", ".join(filter(None, words))


@contextmanager
def phase(what: str) -> Iterator[None]:
    """Name what takes a while, while it lasts; in a log, once it has lasted ten seconds.

    Args:
        what: As ``loading the model``.
    """
    ended, began = Event(), time.monotonic()
    with ExitStack() as opened:
        bar: Any = opened.enter_context(_bar(f"{what} …", "{desc}")) if watched() else None

        def tick() -> None:
            while not ended.wait(1.0 if bar is not None else EVERY):
                seconds = time.monotonic() - began
                if bar is not None:
                    bar.set_description_str(f"{what} … {clock(seconds)}")
                else:
                    logger.info("%s, for %.0f s now", what, seconds)

        ticking = Thread(target=tick, daemon=True)
        ticking.start()
        try:
            yield
        finally:
            ended.set()
            ticking.join()


def clock(seconds: float) -> str:
    """Write seconds as minutes and hours.

    Example:
        >>> clock(75), clock(3_700)
        ('1:15', '1:01:40')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


@contextmanager
def _bar(what: str, bar_format: str, **options: Any) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without widgets has a bar of text
        from tqdm.auto import tqdm
        from tqdm.contrib import DummyTqdmFile as _  # noqa: F401 -- warns alike
    stream = getattr(sys.stderr, "_wrapped", sys.stderr)
    with (
        _lines_above(tqdm),
        tqdm(desc=what, bar_format=bar_format, file=stream, leave=False, dynamic_ncols=True,
             disable=False, **options) as bar,
    ):  # fmt: skip
        yield bar


@contextmanager
def _lines_above(tqdm: Any) -> Iterator[None]:
    """Have log lines, warnings and prints to stderr appear above the bars, which stay whole."""
    if hasattr(sys.stderr, "_wrapped"):  # another bar is open
        yield
        return
    from tqdm.contrib import DummyTqdmFile
    from tqdm.contrib.logging import logging_redirect_tqdm

    stderr = sys.stderr
    loggers = [
        one for one in (logging.getLogger(), logger) if any(map(_writes_to_console, one.handlers))
    ]
    with logging_redirect_tqdm(loggers, tqdm):
        sys.stderr = DummyTqdmFile(stderr)
        try:
            yield
        finally:
            sys.stderr = stderr


def _writes_to_console(handler: logging.Handler) -> bool:
    return getattr(handler, "stream", None) in (sys.stdout, sys.stderr)


def _round(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
