"""How large rounding errors are, and dot products in about three times float64.

u is the unit round-off of the data's dtype. Worst-case bounds on sums of n terms, n u, are far
too loose. If rounding errors behave like independent random numbers, the bound is
lambda sqrt(n) u (Higham & Mary, SIAM J. Sci. Comput. 41, 2019); we use it with lambda = 2.

The rounding error of a float64 sum or product is a float64 number that can be computed (Knuth,
*The Art of Computer Programming* 2, 4.2.2; Dekker, Numer. Math. 18, 1971). With these errors
carried along, a dot product is as if computed in higher precision and rounded once (Ogita, Rump &
Oishi, SIAM J. Sci. Comput. 26, 2005).
"""

import math

import numpy as np

UNIT_FLOAT64 = 2.0**-53
_LAMBDA = 2.0
_SPLITTER = 2.0**27 + 1  # cuts the 53 bits of a float64 into halves of 26 (Veltkamp)

Pair = tuple[np.ndarray, np.ndarray]
#: (3, ...): numbers in about 3 x 53 bits, whose sum is not evaluated. The first may be no larger
#: than the second where terms cancel.
Triple = np.ndarray


def unit_roundoff(dtype: np.dtype) -> float:
    """2**-24 for float32, 2**-53 for float64."""
    return float(np.finfo(dtype).eps / 2)


def sum_error(n: int, u: float) -> float:
    """Relative error of a sum or inner product of n terms: lambda sqrt(n) u."""
    return _LAMBDA * math.sqrt(n) * u


def backward_error(n_samples: int, u: float) -> float:
    """Relative change of the data that accounts for a stable solver's rounding errors.

    That of inner products over the samples, and the stopping tolerance of LAPACK's iteration for
    singular values: max(10, min(100, u**(-1/8))) u (xBDSQR, TOL).
    """
    return sum_error(n_samples, u) + max(10.0, min(100.0, u**-0.125)) * u


def two_sum(a: np.ndarray, b: np.ndarray) -> Pair:
    """`a + b` rounded, and its rounding error: together exactly a + b (Knuth)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def two_product(a: np.ndarray, b: np.ndarray) -> Pair:
    """`a * b` rounded, and its rounding error (Dekker); exact without overflow or underflow."""
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    return product, a_low * b_low - (
        ((product - a_high * b_high) - a_low * b_high) - a_high * b_low
    )


def long_dot(a: np.ndarray, b: np.ndarray) -> Triple:
    """Sum of `a * b` over the first axis, in about 3 x 53 bits.

    Both are float64 and broadcast against each other. The error is about (log2(n) u)**3 |a|.|b|:
    DotK of Ogita, Rump & Oishi with K = 3, summed pairwise.
    """
    high, middle = two_product(a, b)
    terms = np.stack([high, middle, np.zeros_like(high)])
    while half := terms.shape[1] // 2:
        sums = added(terms[:, :half], terms[:, half : 2 * half])
        terms = np.concatenate([sums, terms[:, 2 * half :]], axis=1)
    return terms[:, 0]


def added(one: Triple, other: Triple) -> Triple:
    """The sum of two numbers, element by element."""
    carried, error = two_sum(one[0], other[0])
    errors, lost = two_sum(one[1], other[1])
    errors, lost_too = two_sum(errors, error)
    return np.stack([carried, errors, one[2] + other[2] + lost + lost_too])


def rounded(number: Triple) -> np.ndarray:
    """To float64."""
    # The first two may cancel, so they are added before the rest.
    total, error = two_sum(number[0], number[1])
    return total + (error + number[2])


def _split(a: np.ndarray) -> Pair:
    shifted = _SPLITTER * a
    high = shifted - (shifted - a)
    return high, a - high
