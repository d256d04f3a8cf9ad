"""How many digits of certified coefficients are right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from backends.base import Stability
from benchmarks.gate import bounds, roundoff
from benchmarks.gate.solution import Conditioning, Solution
from benchmarks.problems.problem import Problem

#: Certified values are published to so many significant digits.
CERTIFIED = 15.0


@dataclass(frozen=True)
class Digits:
    """How many digits of certified coefficients a fit has right."""

    coefficients: tuple[float, ...]  # bias last
    least: float  # of these
    bound: float  # as many at least, in every coefficient, if the fit is within its bounds
    possible: float  # that the exact solution has, for the data as rounded to this dtype
    most: float  # that can be counted: those of the dtype, or those that are certified


def count(
    b: np.ndarray,
    problem: Problem,
    solution: Solution,
    conditioning: Conditioning,
    stability: Stability,
) -> Digits:
    """Hold the coefficients `b`, bias last, to the certified ones of `problem`."""
    known, data = problem.certified, problem.data
    assert known is not None
    u = roundoff.unit(data.X.dtype)
    most = min(CERTIFIED, -math.log10(u))
    # Rounding the published numbers to the dtype is one more error of the data.
    eps = roundoff.backward_error(len(data.y), u) + u
    errors = bounds.each_coefficient(solution, conditioning, stability, eps)
    found = correct(b, known, most)
    return Digits(
        coefficients=tuple(found.tolist()),
        least=float(found.min()),
        bound=float(_digits(errors, known, most).min()),
        possible=float(correct(solution.coefficients, known, most).min()),
        most=most,
    )


def correct(found: np.ndarray, certified: np.ndarray, most: float) -> np.ndarray:
    """The log relative error -log10(|b - c| / |c|) of each coefficient, from 0 to `most`.

    Where c = 0 it is the log absolute error (McCullough, *The American Statistician* 52, 1998).
    """
    return _digits(np.abs(found - certified), certified, most)


def _digits(errors: np.ndarray, certified: np.ndarray, most: float) -> np.ndarray:
    """The digits that absolute errors of this size leave, from 0 to `most`."""
    sizes = np.where(certified == 0, 1.0, np.abs(certified))
    with np.errstate(all="ignore"):
        digits = -np.log10(errors / sizes)
    return np.asarray(np.clip(np.nan_to_num(digits, nan=0.0), 0.0, most) + 0.0)  # not -0.0
