import io
import time

import pytest
from rich.console import Console

from platonica.cli._progress import progress_bar


def lines(interval, *, steps=((0, 8), (4, 8), (8, 8)), pause=0.02):
    file = io.StringIO()
    with progress_bar(
        "extract [a]", unit="rows", console=Console(file=file), interval=interval
    ) as update:
        for done, total in steps:
            time.sleep(pause)
            update(done, total)
    return file.getvalue().splitlines()


def test_a_short_task_says_nothing_in_a_log():
    assert lines(interval=10) == []


def test_a_long_task_says_plain_lines_in_a_log():
    first, second, third = lines(interval=0.01)
    assert first == "extract [a]: 0/8 rows"
    assert second.startswith("extract [a]: 4/8 rows, ")
    assert second.endswith(" s left")
    assert third.startswith("extract [a]: 8/8 rows, ")
    assert third.endswith(" rows/s, 0 s left")
    assert "\x1b" not in first + second + third


def test_what_an_earlier_run_did_does_not_count_into_the_rate():
    (_, line) = lines(interval=0.01, steps=((1000, 1010), (1001, 1010)), pause=0.1)
    rate = float(line.split(", ")[1].split()[0])
    assert rate < 20


def test_a_terminal_shows_description_count_and_rate_on_its_bar():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=120)
    with progress_bar("extract [a]", console=console) as update:
        for done in (3, 5, 10):
            update(done, 10)
            time.sleep(0.15)
    shown = file.getvalue()
    for part in ("extract [a]", "3/10", "10/10", "items/s"):
        assert part in shown


def fail_within_a_bar(console):
    with progress_bar("x", console=console) as update:
        update(1, 2)
        raise RuntimeError("stop")


def test_the_bar_ends_when_the_task_fails():
    console = Console(file=io.StringIO(), force_terminal=True)
    with pytest.raises(RuntimeError, match="stop"):
        fail_within_a_bar(console)
    with progress_bar("y", console=console) as update:  # no live display is left
        update(1, 2)
