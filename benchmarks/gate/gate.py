"""Is a fit right? Verdicts, with the measured error and its bound.

Errors are *numerical*, against a reference solution in higher precision, or *statistical*,
against the truth that the data were made from.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from backends.base import Fit, GradientDescent, Stability
from benchmarks.gate.bounds import loss_rounding, solver_bounds, tf32_error
from benchmarks.gate.correct_digits import count
from benchmarks.gate.reference import PRINTED_TOLERANCE, Descent, Reference
from benchmarks.gate.rounding import backward_error
from benchmarks.gate.solution import design, loss, norm
from benchmarks.verdict import Check, Verdict

#: The probability that the statistical check refuses a right fit.
SIGNIFICANCE = 1e-6
_COEFFICIENTS, _FITTED = "coefficients", "fitted values"


class _Malformed(Exception):
    """The fit does not consist of the numbers asked for."""


def judge(fit: Fit, ref: Reference, stability: Stability) -> Verdict:
    """Hold a fit to the reference and, where there is noise, to the truth.

    A fit with a wrong shape or type, or with values that are not finite, fails. Losses that were
    not asked for are ignored. `stability` says which bound applies to least squares.
    """
    # Absurdly large coefficients overflow to an infinite error, and fail.
    with np.errstate(all="ignore"):
        try:
            weight = _numbers("weight", fit.weight, (ref.problem.data.X.shape[1],))
            b = np.append(weight, _numbers("bias", fit.bias, ()))
            checks = (
                _check_solver(b, ref, stability)
                if ref.descent is None
                else _check_descent(b, fit, ref, ref.descent)
            )
        except _Malformed as malformed:
            return Verdict(False, str(malformed), None, None, ())
        failed = next((one for one in checks if not one.passed), None)
        reason = _reason(failed, checks, b, ref) if failed else ""
        certified = ref.problem.certified
        digits = None if certified is None else count(b, certified, ref, stability)
    first = checks[0]
    judged = first.name == _COEFFICIENTS
    error, bound = (first.error, first.bound) if judged else (None, None)
    return Verdict(failed is None, reason, error, bound, checks, digits)


def _reason(failed: Check, checks: Sequence[Check], b: np.ndarray, ref: Reference) -> str:
    length, shortest = (norm(v[:-1]) for v in (b, ref.solution.coefficients))
    dependent = ref.solution.basis is not None and not ref.solution.ambiguous
    minimises = any(one.name == _FITTED and one.passed for one in checks)
    if dependent and failed.name == _COEFFICIENTS and minimises and length > shortest:
        return (
            f"a minimiser, but not the shortest weight: longer by {length - shortest:.1e} than "
            f"{shortest:.4g}"
        )
    return (
        f"{failed.name} are off by {failed.error:.1e}, more than the bound {failed.bound:.1e} "
        f"({failed.source})"
    )


def _check_solver(b: np.ndarray, ref: Reference, stability: Stability) -> list[Check]:
    solution, conditioning, data = ref.solution, ref.conditioning, ref.problem.data
    eps = backward_error(len(data.y), ref.unit)
    eps += tf32_error(data.X.shape[1]) if ref.tf32 else 0.0
    if solution.ambiguous:
        return [_check_residual(b, ref, eps)]
    allowed = solver_bounds(conditioning, stability, eps)
    source = allowed.source + (", with products in TF32" if ref.tf32 else "")
    size, fitted_size = norm(solution.coefficients), solution.fitted_norm
    if allowed.vanishing:
        size, fitted_size = solution.target_norm / conditioning.norm, solution.target_norm
    off = b - solution.coefficients
    error = _relative(norm(off), size)
    fitted_error = _relative(norm(solution.triangle @ off), fitted_size)
    checks = [
        _check(_COEFFICIENTS, error, allowed.coefficients, source),
        _check(_FITTED, fitted_error, allowed.fitted, source),
    ]
    if ref.problem.sigma:
        checks.append(_check_truth(b, ref, allowed.fitted * fitted_size))
    return checks


def _check_residual(b: np.ndarray, ref: Reference, eps: float) -> Check:
    """Whether a fit minimises except for rounding, whatever its coefficients.

    For data changed by eps ||A|| and eps ||y||, the minimiser's residual is longer by at most
    eps (||A|| ||b_hat|| + ||y||), to first order.
    """
    data, solution = ref.problem.data, ref.solution
    residual = norm(design(data.X) @ b - data.y)
    allowed = eps * (ref.conditioning.norm * norm(b) + solution.target_norm)
    size, excess = solution.target_norm, max(0.0, residual - solution.residual_norm)
    source = "backward error; the rank is ambiguous, so the coefficients are not judged"
    return _check("residuals", _relative(excess, size), min(1.0, _relative(allowed, size)), source)


def _check_truth(b: np.ndarray, ref: Reference, numerical: float) -> Check:
    """Chi-squared of the distance from the truth; `numerical` bounds ||A (b_hat - b_ref)||."""
    sigma, terms = ref.problem.sigma, ref.solution.rank + 1
    assert sigma
    # NumPy's power overflows to infinity, where Python's raises.
    distance = np.linalg.norm(ref.solution.triangle @ (b - ref.truth)) / sigma
    largest = float(special.chdtri(terms, SIGNIFICANCE))
    return _check(
        "coefficients against the truth",
        distance**2,
        (math.sqrt(largest) + numerical / sigma) ** 2,
        f"chi-squared with {terms} degrees of freedom, at {SIGNIFICANCE:g}",
    )


def _check_descent(b: np.ndarray, fit: Fit, ref: Reference, descent: Descent) -> list[Check]:
    data, method, allowed = ref.problem.data, descent.method, descent.bounds
    path, last = descent.trajectory, descent.trajectory.iterates[-1]
    train = _numbers("train_losses", fit.train_losses, (method.epochs,))
    source = "running bound of the rounding errors of all steps"
    if allowed.circling is not None:
        source = f"one step, since rounding decides on signs from epoch {allowed.circling}"
    size = norm(last)
    error = _relative(norm(b - last), size)
    bound = _relative(allowed.coefficients, size)
    checks = [
        _check(_COEFFICIENTS, error, bound, source),
        _check_losses("train losses", train, path.train_losses, allowed.train_losses),
    ]
    if len(data.y_test):
        test = _numbers("test_losses", fit.test_losses, (method.epochs,))
        checks += [
            _check_losses("test losses", test, path.test_losses, allowed.test_losses),
            _check_last_loss(b, float(test[-1]), ref, method),
        ]
        if descent.printed:
            checks.append(_check_printed(train, test, descent.printed))
    if method.loss == "l1" and ref.problem.sigma == 0 and _steps_away(last, ref, method) <= 1:
        source = "in steps: lr mean|x| in weight, lr in bias"
        steps = _steps_away(b, ref, method)
        checks.append(_check("coefficients against the optimum", steps, 1.0, source))
    # A right descent that has not converged is not near the truth.
    if ref.problem.sigma and _check_truth(last, ref, 0.0).passed:
        widest = float(np.linalg.norm(ref.solution.triangle, 2))
        checks.append(_check_truth(b, ref, widest * allowed.coefficients))
    return checks


def _check_losses(name: str, found: np.ndarray, expected: np.ndarray, allowed: np.ndarray) -> Check:
    """At the epoch whose loss uses the largest share of its bound."""
    errors = np.abs(found - expected)
    worst = int(np.argmax(errors / np.maximum(allowed, np.finfo(float).tiny)))
    source = f"at epoch {worst}: running bound of the rounding errors of all steps until then"
    return _check(name, errors[worst], allowed[worst], source)


def _check_last_loss(b: np.ndarray, found: float, ref: Reference, method: GradientDescent) -> Check:
    """Whether the last test loss is that of the returned coefficients."""
    data = ref.problem.data
    error = abs(found - loss(method, design(data.X_test) @ b - data.y_test))
    allowed = loss_rounding(data.X_test, data.y_test, method, b, ref.products)
    name = "coefficients against the last test loss"
    return _check(name, error, allowed, "rounding of one loss at these coefficients")


def _check_printed(
    train: np.ndarray, test: np.ndarray, printed: Mapping[int, tuple[float, float]]
) -> Check:
    epochs = [*printed]
    errors = np.abs(np.stack([train[epochs], test[epochs]], axis=1) - [*printed.values()])
    source = f"the tutorial's table, at epochs {', '.join(map(str, epochs))}"
    return _check("printed losses", errors.max(), PRINTED_TOLERANCE, source)


def _steps_away(b: np.ndarray, ref: Reference, method: GradientDescent) -> float:
    """Distance from the truth, in units of the largest L1 step of each coefficient."""
    steps = method.learning_rate * np.abs(design(ref.problem.data.X)).mean(axis=0)
    return float(np.max(np.abs(b - ref.truth) / steps))


def _check(name: str, error: Any, bound: float, source: str) -> Check:
    """Passed if the error is at most the bound; NaN fails."""
    return Check(name, float(error), float(bound), bool(error <= bound), source)


def _relative(error: Any, size: Any) -> float:
    """The ratio error / size; for a size of 0, infinite unless the error is 0 too."""
    if size > 0:
        return float(error / size)
    return math.inf if error > 0 else 0.0


def _numbers(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """`value` as a float64 array; it came from another process and may be anything.

    Raises:
        _Malformed: it does not consist of finite real numbers in this shape.
    """
    if value is None:
        raise _Malformed(f"{name} is missing")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise _Malformed(f"{name} is not an array of numbers") from None
    if array.size and array.dtype.kind not in "fiu":
        raise _Malformed(f"{name} is not an array of real numbers")
    if array.shape != shape:
        raise _Malformed(f"{name} has shape {array.shape} and not {shape}")
    array = array.astype(np.float64)
    if bad := array.size - int(np.isfinite(array).sum()):
        raise _Malformed(f"{name} has {bad} of {array.size} values that are NaN or infinite")
    return array
