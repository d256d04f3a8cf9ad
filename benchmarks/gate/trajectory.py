"""Gradient descent in float64, which the losses of fits are held to."""

from dataclasses import dataclass

import numpy as np

from backends.base import Data, GradientDescent
from benchmarks.gate.solution import Unsolvable, design, norm


@dataclass(frozen=True)
class Trajectory:
    """Gradient descent in float64. Without test samples, `test_losses` is empty."""

    iterates: np.ndarray  # (epochs + 1, n_features + 1): the start, then after each step
    train_losses: np.ndarray  # (epochs,), before each step
    test_losses: np.ndarray  # (epochs,) after each step, or (0,)


def descent(data: Data, method: GradientDescent) -> Trajectory:
    """Follow `method` in float64, on the same data.

    Raises:
        Unsolvable: it diverges until float64 overflows.
    """
    A, A_test = design(data.X), design(data.X_test)
    y, y_test = data.y.astype(np.float64), data.y_test.astype(np.float64)
    b = np.array([*method.start_weight, method.start_bias])
    iterates, train, test = [b], [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(method.epochs):
            r = A @ b - y
            train.append(loss(method, r))
            slope = np.sign(r) if method.loss == "l1" else 2 * r
            b = b - method.learning_rate * (A.T @ slope) / len(y)
            iterates.append(b)
            if len(y_test):
                test.append(loss(method, A_test @ b - y_test))
    if not np.isfinite([*train, *test, *b]).all():
        raise Unsolvable(f"descent with learning rate {method.learning_rate:g} diverges; lower it")
    return Trajectory(np.array(iterates), np.array(train), np.array(test))


def relative_errors(iterates: np.ndarray, solution: np.ndarray) -> np.ndarray:
    """||b_k - b|| / ||b|| of iterates (n, n_features + 1) against the solution b."""
    off = np.linalg.norm(iterates - solution, axis=1)
    return np.asarray(off / norm(solution))


def loss(method: GradientDescent, r: np.ndarray) -> float:
    """The mean of |r| or of r**2 over the residuals r."""
    return float(np.mean(np.abs(r) if method.loss == "l1" else r**2))
