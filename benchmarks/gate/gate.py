"""Is a fit right? Verdicts, with the error that was measured and the bound it is held to.

Two kinds of error are kept apart: *numerical*, against a reference solution of the same data in
higher precision, and *statistical*, against the truth that the data were made from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from backends.base import Fit, GradientDescent, Stability
from benchmarks.gate import bounds, roundoff
from benchmarks.gate import solution as reference
from benchmarks.gate.checks import Check, Malformed, check, numbers, relative
from benchmarks.gate.correct_digits import Digits, count
from benchmarks.gate.reference import Descent, Reference
from benchmarks.problems import tutorial

#: A right fit is refused by chance once in a million times.
SIGNIFICANCE = 1e-6
_COEFFICIENTS, _FITTED, _RESIDUAL = "coefficients", "fitted values", "residuals"


@dataclass(frozen=True)
class Verdict:
    """Passed if every check did.

    `weight_error` is ||b_hat - b_ref||_2 / ||b_ref||_2 over (weight, bias), and `bound` what it
    was held to; b_ref is the reference of the same method: the least-squares solution, or
    the last float64 iterate. Both are None for a fit that is not made of the numbers asked for, and
    where the data do not determine coefficients in their dtype.
    """

    passed: bool
    reason: str  # one line; empty if passed
    weight_error: float | None
    bound: float | None
    checks: tuple[Check, ...]
    digits: Digits | None = None  # where the right coefficients are certified


def judge(fit: Fit, ref: Reference, stability: Stability) -> Verdict:
    """Hold a fit to the reference and, where there is noise, to the truth.

    A fit of wrong shape or type, or with values that are not finite, is a failed verdict and
    never an exception. Losses of a least-squares fit, and test losses where there are no test
    samples, are ignored.

    Args:
        fit: what a backend returned.
        ref: of the workload that was fitted, from `standard.prepare`.
        stability: which bound applies to the backend's least squares.
    """
    # Absurdly large coefficients overflow to an infinite error, and fail by it.
    with np.errstate(all="ignore"):
        try:
            b = _coefficients(fit, ref)
            checks = (
                _check_solver(b, ref, stability)
                if ref.descent is None
                else _check_descent(b, fit, ref, ref.descent)
            )
        except Malformed as error:
            return Verdict(False, str(error), None, None, ())
        return _verdict(b, checks, ref, stability)


def _verdict(b: np.ndarray, checks: list[Check], ref: Reference, stability: Stability) -> Verdict:
    failed = next((one for one in checks if not one.passed), None)
    reason = "" if failed is None else _reason(failed, checks, b, ref)
    digits = None
    if ref.problem.certified is not None:
        digits = count(b, ref.problem, ref.solution, ref.conditioning, stability)
    judged = checks[0].name == _COEFFICIENTS
    error, bound = (checks[0].error, checks[0].bound) if judged else (None, None)
    return Verdict(failed is None, reason, error, bound, tuple(checks), digits)


def _reason(failed: Check, checks: list[Check], b: np.ndarray, ref: Reference) -> str:
    fitted = [one for one in checks if one.name == _FITTED]
    length, shortest = (np.linalg.norm(v[:-1]) for v in (b, ref.solution.coefficients))
    dependent = ref.solution.basis is not None and not ref.solution.ambiguous
    if dependent and failed.name == _COEFFICIENTS and fitted[0].passed and length > shortest:
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
    eps = roundoff.backward_error(len(data.y), ref.unit)
    eps += bounds.tf32_error(data.X.shape[1]) if ref.tf32 else 0.0
    if solution.ambiguous:
        return [_check_residual(b, ref, eps)]
    allowed = bounds.least_squares(conditioning, stability, eps)
    source = allowed.source + (", with products in TF32" if ref.tf32 else "")
    size, fitted_size = float(np.linalg.norm(solution.coefficients)), solution.fitted_norm
    if allowed.vanishing:
        size, fitted_size = solution.target_norm / conditioning.norm, solution.target_norm
    off = b - solution.coefficients
    error = relative(np.linalg.norm(off), size)
    fitted_error = relative(np.linalg.norm(solution.triangle @ off), fitted_size)
    checks = [
        check(_COEFFICIENTS, error, allowed.coefficients, source),
        check(_FITTED, fitted_error, allowed.fitted, source),
    ]
    if ref.problem.sigma:
        checks.append(_check_truth(b, ref, allowed.fitted * fitted_size))
    return checks


def _check_residual(b: np.ndarray, ref: Reference, eps: float) -> Check:
    """Whether a fit minimises but for rounding, whatever its coefficients.

    The exact minimiser for data changed by eps ||A|| and eps ||y|| has a residual longer than the
    shortest one by at most eps (||A|| ||b_hat|| + ||y||), to first order.
    """
    data, solution = ref.problem.data, ref.solution
    residual = float(np.linalg.norm(reference.design(data.X) @ b - data.y))
    allowed = eps * (ref.conditioning.norm * float(np.linalg.norm(b)) + solution.target_norm)
    size, excess = solution.target_norm, max(0.0, residual - solution.residual_norm)
    source = "backward error; the rank is ambiguous, so that coefficients are not judged"
    return check(_RESIDUAL, relative(excess, size), min(1.0, relative(allowed, size)), source)


def _check_truth(b: np.ndarray, ref: Reference, numerical: float) -> Check:
    """Chi-squared of the distance from the truth; `numerical` bounds ||A (b_hat - b_ref)||."""
    sigma, terms = ref.problem.sigma, ref.solution.rank + 1
    assert sigma
    statistic = float(np.linalg.norm(ref.solution.triangle @ (b - ref.truth)) / sigma) ** 2
    largest = float(special.chdtri(terms, SIGNIFICANCE))
    return check(
        "coefficients against the truth",
        statistic,
        (math.sqrt(largest) + numerical / sigma) ** 2,
        f"chi-squared with {terms} degrees of freedom, at {SIGNIFICANCE:g}",
    )


def _check_descent(b: np.ndarray, fit: Fit, ref: Reference, descent: Descent) -> list[Check]:
    data, method, allowed = ref.problem.data, descent.method, descent.bounds
    path, last = descent.trajectory, descent.trajectory.iterates[-1]
    train = numbers("train_losses", fit.train_losses, (method.epochs,))
    source = "running bound of the rounding errors of all steps"
    if allowed.circling is not None:
        source = f"one step, since rounding decides on signs from epoch {allowed.circling}"
    size = np.linalg.norm(last)
    error, bound = relative(np.linalg.norm(b - last), size), relative(allowed.coefficients, size)
    checks = [
        check(_COEFFICIENTS, error, bound, source),
        _check_losses("train losses", train, path.train_losses, allowed.train_losses),
    ]
    if len(data.y_test):
        test = numbers("test_losses", fit.test_losses, (method.epochs,))
        checks += [
            _check_losses("test losses", test, path.test_losses, allowed.test_losses),
            _check_last_loss(b, float(test[-1]), ref, method),
        ]
        if descent.printed:
            checks.append(_check_printed(train, test, descent.printed))
    if method.loss == "l1" and ref.problem.sigma == 0 and _steps_away(last, ref, method) <= 1:
        steps, source = _steps_away(b, ref, method), "in steps: lr mean|x| in weight, lr in bias"
        checks.append(check("coefficients against the optimum", steps, 1.0, source))
    # Before it has converged, a right descent is not near the truth either.
    if ref.problem.sigma and _check_truth(last, ref, 0.0).passed:
        widest = float(np.linalg.norm(ref.solution.triangle, 2))
        checks.append(_check_truth(b, ref, widest * allowed.coefficients))
    return checks


def _check_losses(name: str, found: np.ndarray, expected: np.ndarray, allowed: np.ndarray) -> Check:
    """The epoch at which the losses use most of their bound, or exceed it most."""
    errors = np.abs(found - expected)
    worst = int(np.argmax(errors / np.maximum(allowed, np.finfo(float).tiny)))
    source = f"at epoch {worst}: running bound of the rounding errors of all steps until then"
    return check(name, errors[worst], allowed[worst], source)


def _check_last_loss(b: np.ndarray, found: float, ref: Reference, method: GradientDescent) -> Check:
    """Whether losses and coefficients belong together: the last test loss is that of the fit."""
    data = ref.problem.data
    r = reference.design(data.X_test) @ b - data.y_test
    error = abs(found - reference.loss(method, r))
    allowed = bounds.loss_rounding(data.X_test, data.y_test, method, b, ref.products)
    name = "coefficients against the last test loss"
    return check(name, error, allowed, "rounding of one loss at these coefficients")


def _check_printed(
    train: np.ndarray, test: np.ndarray, printed: dict[int, tuple[float, float]]
) -> Check:
    error = max(
        max(abs(train[epoch] - losses[0]), abs(test[epoch] - losses[1]))
        for epoch, losses in printed.items()
    )
    epochs = ", ".join(map(str, printed))
    return check(
        "printed losses", error, tutorial.TOLERANCE, f"the tutorial's table, at epochs {epochs}"
    )


def _steps_away(b: np.ndarray, ref: Reference, method: GradientDescent) -> float:
    """Distance from the truth in the largest steps that L1 descent takes in each coefficient."""
    steps = method.learning_rate * np.abs(reference.design(ref.problem.data.X)).mean(axis=0)
    return float(np.max(np.abs(b - ref.truth) / steps))


def _coefficients(fit: Fit, ref: Reference) -> np.ndarray:
    weight = numbers("weight", fit.weight, (ref.problem.data.X.shape[1],))
    return np.append(weight, numbers("bias", fit.bias, ()))
