"""How many digits of certified coefficients are right."""

import math

import numpy as np

from backends.base import Stability
from benchmarks.gate.reference import Reference
from benchmarks.gate.rounding import backward_error
from benchmarks.verdict import Digits

#: The significant digits of certified values.
CERTIFIED = 15.0


def count(b: np.ndarray, certified: np.ndarray, ref: Reference, stability: Stability) -> Digits:
    """The digits of `b` that agree with the certified coefficients; bias last in both."""
    most = min(CERTIFIED, -math.log10(ref.unit))
    # Rounding the published numbers to the dtype is one more error of the data.
    eps = backward_error(len(ref.problem.data.y), ref.unit) + ref.unit
    errors = ref.coefficient_bounds(stability, eps) / ref.lengths
    found = correct(b, certified, most)
    return Digits(
        coefficients=tuple(found.tolist()),
        least=float(found.min()),
        bound=float(_digits(errors, certified, most).min()),
        possible=float(correct(ref.solution.coefficients, certified, most).min()),
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
