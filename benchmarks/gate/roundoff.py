"""Sizes of rounding errors.

u is the unit round-off of the data's dtype. Deterministic bounds on sums of n terms grow like
n u and are far too loose to be of use. Rounding errors that behave like independent random numbers
give lambda sqrt(n) u (Higham & Mary, SIAM J. Sci. Comput. 41, 2019); that is what is used here,
with lambda = 2. Inner products over the samples are what limits every algorithm in the suite.
"""

from __future__ import annotations

import math

import numpy as np

_LAMBDA = 2.0


def unit(dtype: np.dtype) -> float:
    """Unit round-off: 2**-24 for float32, 2**-53 for float64."""
    return float(np.finfo(dtype).eps / 2)


def rounding(n: int, u: float) -> float:
    """Relative error of a sum or inner product of n terms: lambda sqrt(n) u."""
    return _LAMBDA * math.sqrt(n) * u


def backward_error(n_samples: int, u: float) -> float:
    """Relative change of the data that accounts for a stable solver's rounding errors.

    The inner products, and what LAPACK allows itself in the iteration for singular values: it
    stops at max(10, min(100, u**(-1/8))) u (LAPACK, xBDSQR, TOL).
    """
    return rounding(n_samples, u) + max(10.0, min(100.0, u**-0.125)) * u
