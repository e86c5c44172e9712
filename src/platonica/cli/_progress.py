"""A progress bar on standard error for whatever lasts over a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(
    description: str,
    *,
    unit: str = "items",
    console: Console | None = None,
    interval: float = 10.0,
) -> Iterator[Callable[[int, int], None]]:
    """Show how far a task is: done of total, rate and time remaining.

    On a terminal a bar, which disappears at the end. Elsewhere, such as in a log file, a plain
    line now and then, and nothing at all for a task that ends before the first of them.

    Parameters
    ----------
    description : str
        What is done, such as ``"extract pip:efficientnet-lite0"``.
    unit : str, default "items"
        What is counted.
    console : rich.console.Console, optional
        By default standard error.
    interval : float, default 10
        Seconds between two plain lines.

    Yields
    ------
    callable
        Takes the number that is done and the total.
    """
    console = console or Console(stderr=True)
    if not console.is_interactive:
        yield _PlainLines(description, unit, console, interval)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = [bar.add_task(escape(description), total=None)]

        def update(done: int, total: int) -> None:
            if bar.tasks[0].total is None:
                # What an earlier run has done must not count into the rate.
                bar.remove_task(tasks.pop())
                tasks.append(bar.add_task(escape(description), total=total, completed=done))
            bar.update(tasks[0], total=total, completed=done)

        yield update


class _RateColumn(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {self._unit}/s")


class _PlainLines:
    """Prints a line without escape codes when the last is some seconds ago."""

    def __init__(self, description: str, unit: str, console: Console, interval: float) -> None:
        self._description = description
        self._unit = unit
        self._file = console.file
        self._interval = interval
        self._start = self._last = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first, self._start = done, now
        if now - self._last < self._interval:
            return
        self._last = now
        line = f"{self._description}: {done}/{total} {self._unit}"
        if done > self._first:
            rate = (done - self._first) / (now - self._start)
            line += f", {rate:.1f} {self._unit}/s, {(total - done) / rate:.0f} s left"
        print(line, file=self._file, flush=True)
