"""One check: an error, the bound that it is held to, and whether that bound judges anything."""

import math
from typing import Any

from benchmarks.gate.bounds import NO_DIGIT
from benchmarks.verdict import Check


def check(name: str, error: Any, bound: float, source: str) -> Check:
    """Passed if the error is at most the bound; NaN fails."""
    return Check(name, float(error), float(bound), bool(error <= bound), source)


def relative_check(
    name: str, error: Any, bound: float, source: str, possible: tuple[float, str] | None = None
) -> Check:
    """The same for a relative error, whose bound may leave no certain digit.

    What is within such a bound has not passed, and has not failed either.

    Args:
        name: what is checked.
        error: relative.
        bound: an error up to it passes, if it leaves a digit.
        source: where the bound comes from.
        possible: what a right fit may reach, and the source; by default the bound. Only what is
            more has failed.
    """
    passed = bool(error <= bound < NO_DIGIT)
    most, why = possible or (bound, source)
    if not passed and error <= most:
        return Check(name, float(error), float(most), passed, why, judged=False)
    return Check(name, float(error), float(bound), passed, source)


def relative(error: Any, size: Any) -> float:
    """The ratio error / size; for a size of 0, infinite unless the error is 0 too."""
    if size > 0:
        return float(error / size)
    return math.inf if error > 0 else 0.0
