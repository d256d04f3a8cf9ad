"""The numbers of a fit, and one check: an error, and whether its bound judges anything."""

import math
from typing import Any

import numpy as np

from benchmarks.gate.bounds import NO_DIGIT
from benchmarks.verdict import Check


class Malformed(Exception):
    """The fit does not consist of the numbers asked for."""


def numbers(name: str, value: object, shape: tuple[int, ...], finite: bool = True) -> np.ndarray:
    """`value`, which came from another process and may be anything, as a float64 array.

    Raises:
        Malformed: it does not consist of real numbers in this shape, or of finite ones.
    """
    if value is None:
        raise Malformed(f"{name} is missing")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise Malformed(f"{name} is not an array of numbers") from None
    if array.size and array.dtype.kind not in "fiu":
        raise Malformed(f"{name} is not an array of real numbers")
    if array.shape != shape:
        raise Malformed(f"{name} has shape {array.shape} and not {shape}")
    array = array.astype(np.float64)
    if finite and (bad := array.size - int(np.isfinite(array).sum())):
        raise Malformed(f"{name} has {bad} of {array.size} values that are NaN or infinite")
    return array


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
