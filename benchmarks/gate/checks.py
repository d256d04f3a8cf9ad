"""Checks: an error and the bound it is held to; and numbers out of a fit that may be anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Check:
    """One error and the bound it was held to."""

    name: str
    error: float
    bound: float
    passed: bool
    source: str  # where the bound comes from


class Malformed(Exception):
    """The fit is not made of the numbers that were asked for."""


def check(name: str, error: Any, bound: float, source: str) -> Check:
    """Passed if the error is no more than the bound; one that is not a number fails."""
    return Check(name, float(error), float(bound), bool(error <= bound), source)


def relative(error: Any, size: Any) -> float:
    """The ratio error / size; of a reference that is 0, only 0 is no error."""
    if size > 0:
        return float(error / size)
    return math.inf if error > 0 else 0.0


def numbers(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """`value` as a float64 array; it came from another process and may be anything.

    Raises:
        Malformed: it is not made of finite real numbers in this shape.
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
    if bad := array.size - int(np.isfinite(array).sum()):
        raise Malformed(f"{name} has {bad} of {array.size} values that are NaN or infinite")
    return array
