"""What solvers do if the columns of [X 1] depend on each other, so that many fits are equally good.

The suite asks for the shortest weight, with a free bias. The shortest solution of [X 1] is a
different one: a solver that finds that matrix to lack rank solves once more, without the bias.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backends.base import Fit

#: Singular values up to this many `eps` of the largest count as 0. Rounding leaves singular values
#: of 0.2 to 2.2 `eps` in place of a 0: a cut-off of 1, which is SciPy's own, decides by chance.
CUTOFF = 5

#: Terms that libraries add up one after the other.
RUN = 256

#: What a solver says that cannot handle such a matrix.
DEPENDENT = "the columns of [X 1] depend on each other, or nearly, and this solver needs full rank"
NOT_DEFINITE = f"X'X is not positive definite: {DEPENDENT}"

#: For the `known_failures` of such a solver.
NEEDS_FULL_RANK = dict.fromkeys(
    ("odd-square", "odd-wide", "odd-constant", "odd-twice", "odd-sum*"),
    "it takes the columns of [X 1] to be independent",
)


def refuse_wide(X: Any) -> None:
    """Refuse [X 1] with more columns than rows.

    Raises:
        LinAlgError: it has.
    """
    refuse_few(*X.shape)


def refuse_few(n: int, p: int) -> None:
    """Refuse n samples of p features, if [X 1] has more columns than rows.

    Raises:
        LinAlgError: it has.
    """
    if n <= p:
        raise np.linalg.LinAlgError(f"{n} samples of {p} features: {DEPENDENT}")


def refuse_diagonal(R: np.ndarray) -> None:
    """Refuse R of a QR decomposition, (n, n), with a column that depends on those before it.

    Such a column leaves nothing but rounding on the diagonal. What is below that is not looked at.

    Raises:
        LinAlgError: there is one.
    """
    lengths = np.linalg.norm(np.triu(R), axis=0)
    if bool((abs(R.diagonal()) <= CUTOFF * np.finfo(R.dtype).eps * lengths).any()):
        raise np.linalg.LinAlgError(DEPENDENT)


def refuse_pivot(smallest: float, n: int, dtype: Any) -> None:
    """Refuse a Cholesky factorization X'X = R'R with a pivot that may be nothing but rounding.

    A pivot is the difference of two sums of n terms: rounding leaves about 2 sqrt(n) eps of a 0
    (Higham & Mary, SIAM J. Sci. Comput. 41, 2019). Over the runs in which libraries add up long
    columns, errors average out. What is refused has an error bound of 100 %.

    Args:
        smallest: of r_ii**2 / (X'X)_ii: the share of column i that those before it do not explain.
            NaN, with which some frameworks continue, counts as too small.
        n: samples.
        dtype: that X'X was computed in.

    Raises:
        LinAlgError: there is such a pivot.
    """
    if not smallest > 2 * (CUTOFF + min(n, RUN) ** 0.5) * np.finfo(dtype).eps:
        raise np.linalg.LinAlgError(NOT_DEFINITE)


def normal_equations(numpy: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """[X 1]'[X 1] and [X 1]'y: (n_features + 1, n_features + 1) and (n_features + 1,).

    Block by block, because a copy of X with a column of ones costs more than X'X does.

    Args:
        numpy: the module of the arrays: NumPy or CuPy.
        X: (n_samples, n_features)
        y: (n_samples,)
    """
    n, p = X.shape
    gram, moment = numpy.empty((p + 1, p + 1), X.dtype), numpy.empty(p + 1, X.dtype)
    gram[:p, :p] = X.T @ X
    gram[:p, p] = gram[p, :p] = numpy.ones_like(y) @ X
    gram[p, p] = n
    moment[:p], moment[p] = y @ X, y.sum()
    return gram, moment


def checked_fit(
    found: tuple[Any, Any],
    solve: Callable[[Any, Any], tuple[Any, Any]],
    X: Any,
    y: Any,
    to_host: Callable[[Any], Any] = np.asarray,
) -> Fit:
    """The fit of `found` if [X 1] has full rank; else the shortest weight, solved for anew.

    Args:
        found: a minimiser (weight, bias) of ||[X 1] (weight, bias) - y||_2 and the rank of [X 1].
        solve: returns the shortest minimiser of ||A w - b||_2 for given A and b, and A's rank.
        X: (n_samples, n_features)
        y: (n_samples,)
        to_host: the NumPy array of what `solve` returns.
    """
    coefficients, rank = found
    if rank > X.shape[1]:
        return Fit.of(to_host(coefficients))
    weight, _ = solve(without_mean(X), without_mean(y))
    return Fit(to_host(weight), float(y.mean() - X.mean(0) @ weight))


def without_mean(a: Any) -> Any:
    """From n rows, n - 1 whose columns have the same inner products as those of `a` centred.

    They are all but the first row of Ha, where the Householder reflection H turns a column of ones
    to its first coordinate. Plain centring leaves n rows of rank n - 1 at most, and a solver may
    take rounding for data. Subtracting the first row first makes a constant column exactly 0.
    """
    n = len(a)
    rows = a[1:] - a[0]
    return rows - rows.sum(0) / (n + n**0.5)
