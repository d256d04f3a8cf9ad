"""What solvers do where the columns of [X 1] depend on each other, and many fits are equally good.

The suite asks for the one whose weight is shortest; the bias is free and has no part in the length.
The shortest solution of [X 1] is therefore not it: a solver that has found that matrix to lack rank
solves once more, without the bias. While the rank is full, all this costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: Singular values below so many `eps` of the largest are taken for 0, and so are Cholesky's pivots.
#: Where there should be a 0, rounding leaves singular values of 0.2 to 2.2 `eps`: a cut-off of 1,
#: which is SciPy's own, decides by chance.
CUTOFF = 5

#: What a solver says that can do nothing with such a matrix.
DEPENDENT = "the columns of [X 1] depend on each other, or nearly, and this solver needs full rank"
NOT_DEFINITE = f"X'X is not positive definite: {DEPENDENT}"

#: For the `known_failures` of such a solver.
NEEDS_FULL_RANK = dict.fromkeys(
    ("odd-square", "odd-wide", "odd-constant", "odd-twice", "odd-sum*"),
    "it takes the columns of [X 1] to be independent",
)


def refuse_wide(X: Any) -> None:
    """Leave at once where [X 1] has more columns than rows.

    Raises:
        LinAlgError: it has.
    """
    n, p = X.shape
    if n <= p:
        raise np.linalg.LinAlgError(f"{n} samples of {p} features: {DEPENDENT}")


def refuse_pivot(smallest: float, dtype: Any) -> None:
    """Leave where the Cholesky factorization X'X = R'R has met a pivot that is rounding at most.

    Args:
        smallest: of r_ii**2 / (X'X)_ii: the share of column i that those before it do not explain.
            NaN, which is what some frameworks go on with, counts as too small.
        dtype: that R was computed in.

    Raises:
        LinAlgError: it has.
    """
    if not smallest > CUTOFF * np.finfo(dtype).eps:
        raise np.linalg.LinAlgError(NOT_DEFINITE)


def shortest(solve: Callable[[Any, Any], Any], X: Any, y: Any) -> tuple[Any, Any]:
    """Of all minimisers of ||X weight + bias - y|| the weight (p,) of least 2-norm, and its bias.

    Works on whatever has NumPy's operators: NumPy, CuPy and JAX arrays, torch tensors.

    Args:
        solve: returns the shortest minimiser of ||A w - b||_2 for given A and b.
        X: (n_samples, n_features)
        y: (n_samples,)
    """
    weight = solve(without_mean(X), without_mean(y))
    return weight, y.mean() - X.mean(0) @ weight


def without_mean(a: Any) -> Any:
    """From n rows, n - 1 whose columns have the same inner products as those of `a` centred.

    They are all but the first row of Ha, H the Householder reflection that turns a column of ones
    to its first coordinate. Centring proper leaves n rows of rank n - 1 at most, and rounding
    in place of the missing one, which a solver may take for data. Subtracting the first row from
    all others beforehand makes a constant column exactly 0.
    """
    n = len(a)
    rows = a[1:] - a[0]
    return rows - rows.sum(0) / (n + n**0.5)
