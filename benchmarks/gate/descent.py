"""The checks of a fit by gradient descent, held to the float64 trajectory of the same method."""

from collections.abc import Mapping

import numpy as np

from backends.base import Fit, GradientDescent
from benchmarks.gate.bounds import loss_rounding
from benchmarks.gate.checks import check, numbers, relative, relative_check
from benchmarks.gate.least_squares import COEFFICIENTS, check_truth
from benchmarks.gate.reference import PRINTED_TOLERANCE, Descent, Reference
from benchmarks.gate.solution import design, norm
from benchmarks.gate.trajectory import loss
from benchmarks.verdict import Check


def descent_checks(b: np.ndarray, fit: Fit, ref: Reference, descent: Descent) -> list[Check]:
    """All of them; the first is that of the coefficients.

    Raises:
        Malformed: losses are missing, or no numbers.
    """
    data, method, allowed = ref.problem.data, descent.method, descent.bounds
    path, last = descent.trajectory, descent.trajectory.iterates[-1]
    train = numbers("train_losses", fit.train_losses, (method.epochs,))
    source = "running bound of the rounding errors of all steps"
    if allowed.circling is not None:
        source = f"one step, since rounding decides on signs from epoch {allowed.circling}"
    size = norm(last)
    error = relative(norm(b - last), size)
    bound = relative(allowed.coefficients, size)
    checks = [
        relative_check(COEFFICIENTS, error, bound, source),
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
        source = "in steps: lr mean|x| in weight, lr in bias"
        steps = _steps_away(b, ref, method)
        checks.append(check("coefficients against the optimum", steps, 1.0, source))
    # A right descent that has not converged is not near the truth.
    if ref.problem.sigma and check_truth(last, ref, 0.0).passed:
        widest = float(np.linalg.norm(ref.solution.triangle, 2))
        checks.append(check_truth(b, ref, widest * allowed.coefficients))
    return checks


def _check_losses(name: str, found: np.ndarray, expected: np.ndarray, allowed: np.ndarray) -> Check:
    """At the epoch whose loss uses the largest share of its bound; relative to the largest loss."""
    errors = np.abs(found - expected)
    worst = int(np.argmax(errors / np.maximum(allowed, np.finfo(float).tiny)))
    source = f"at epoch {worst}: running bound of the rounding errors of all steps until then"
    size = expected.max(initial=0.0)
    error, bound = relative(errors[worst], size), relative(allowed[worst], size)
    return relative_check(name, error, bound, source)


def _check_last_loss(b: np.ndarray, found: float, ref: Reference, method: GradientDescent) -> Check:
    """Whether the last test loss is that of the returned coefficients."""
    data = ref.problem.data
    error = abs(found - loss(method, design(data.X_test) @ b - data.y_test))
    allowed = loss_rounding(data.X_test, data.y_test, method, b, ref.products)
    name = "coefficients against the last test loss"
    return check(name, error, allowed, "rounding of one loss at these coefficients")


def _check_printed(
    train: np.ndarray, test: np.ndarray, printed: Mapping[int, tuple[float, float]]
) -> Check:
    epochs = [*printed]
    errors = np.abs(np.stack([train[epochs], test[epochs]], axis=1) - [*printed.values()])
    source = f"the tutorial's table, at epochs {', '.join(map(str, epochs))}"
    return check("printed losses", errors.max(), PRINTED_TOLERANCE, source)


def _steps_away(b: np.ndarray, ref: Reference, method: GradientDescent) -> float:
    """Distance from the truth, in units of the largest L1 step of each coefficient."""
    steps = method.learning_rate * np.abs(design(ref.problem.data.X)).mean(axis=0)
    return float(np.max(np.abs(b - ref.truth) / steps))
