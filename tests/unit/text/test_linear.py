"""Twice the text takes about twice the time, whatever is in it."""

import re
import time

import pytest

from benchmarks.redaction import FULL, HOSTILE
from labelwright.text.redaction import redact

LENGTH = 50_000
ROUNDS = 12


def spent_s(text: str) -> float:
    """Measure the processor's time, which other processes don't spend."""
    began = time.process_time()
    redact(text)
    return time.process_time() - began


@pytest.mark.parametrize("unit", [*HOSTILE, *FULL])
def test_twice_the_text_takes_less_than_three_times_as_long(unit: str) -> None:
    """The best of up to twelve rounds: a disturbance only adds, and what is quadratic takes four times as long."""
    short, long = unit * (LENGTH // len(unit)), unit * (2 * LENGTH // len(unit))
    once = twice = float("inf")

    for _ in range(ROUNDS):
        once, twice = min(once, spent_s(short)), min(twice, spent_s(long))
        if twice < 3 * once:
            break

    assert twice < 3 * once


def test_the_measure_tells_quadratic_work() -> None:
    backtracking = re.compile("a+b")

    def quadratic_s(length: int) -> float:
        began = time.process_time()
        backtracking.search("a" * length)
        return time.process_time() - began

    once, twice = (min(quadratic_s(length) for _ in range(5)) for length in (4_000, 8_000))

    assert twice > 3 * once
