"""Least squares in TensorFlow: `tf.linalg.lstsq`, and the normal equations by hand."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from backends import rank_deficient as rank
from backends.base import Data, Fit, Method
from backends.tensorflow import tf
from backends.tensorflow.base import TensorFlowBackend


class _TensorFlowSolver(TensorFlowBackend):
    methods = ("least squares",)

    @abstractmethod
    def solve(self) -> Any:
        """(weight, bias) as one column, (n_features + 1, 1)."""

    def fit(self) -> Fit:
        with tf.device(self.device):
            self.result = self.solve()
        return Fit.of(self.result.numpy()[:, 0])


class _TensorFlowLstsq(_TensorFlowSolver):
    fast: ClassVar[bool]

    def solve(self) -> Any:
        A = tf.concat([self.X, tf.ones_like(self.X[:, :1])], axis=1)
        return tf.linalg.lstsq(A, self.y, fast=self.fast)


class TensorFlowCholesky(_TensorFlowLstsq):
    """The default, `fast=True`."""

    name = "tensorflow-cholesky"
    algorithm = "tf.linalg.lstsq(fast=True): Cholesky of [X 1]'[X 1] (normal equations)"
    copies = 2.0
    stability = "normal equations"
    fast = True


class TensorFlowQR(_TensorFlowLstsq):
    """The accurate one, `fast=False`; its kernel is for the CPU alone."""

    name = "tensorflow-qr"
    devices = ("cpu",)
    algorithm = "tf.linalg.lstsq(fast=False): complete orthogonal decomposition (QR) of [X 1]"
    copies = 4.5
    stability = "orthogonal"
    known_failures = dict.fromkeys(
        ("odd-square", "odd-wide", "odd-constant"),
        "it finds the shortest weight and bias together, and does not tell the rank",
    )
    fast = False


class TensorFlowGram(_TensorFlowSolver):
    """The normal equations as one graph, without a copy of X that has a column of ones."""

    name = "tensorflow-gram"
    algorithm = "tf.function: Cholesky of [X 1]'[X 1] (normal equations), made in blocks"
    copies = 2.0
    stability = "normal equations"
    style = "tuned"
    optional = True

    graph: Any

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.graph = None

    def solve(self) -> Any:
        rank.refuse_wide(self.X)
        if self.graph is None:
            # Not compiled by XLA, whose products are slower than TensorFlow's own on the CPU. A
            # concrete function need not look up which graph its arguments want.
            self.graph = tf.function(_normal_equations).get_concrete_function(self.X, self.y)
        solution, pivot = self.graph(self.X, self.y)
        rank.refuse_pivot(float(pivot.numpy()), len(self.y), solution.dtype.as_numpy_dtype)
        return solution


def _normal_equations(X: Any, y: Any) -> tuple[Any, Any]:
    """Their solution, (n_features + 1, 1), and the smallest pivot."""
    gram = tf.matmul(X, X, transpose_a=True)
    sums = tf.matmul(X, tf.ones_like(y), transpose_a=True)
    n = tf.fill([1, 1], tf.cast(len(y), X.dtype))
    gram = tf.concat([tf.concat([gram, sums], 1), tf.concat([tf.transpose(sums), n], 1)], 0)
    moment = tf.matmul(X, y, transpose_a=True)
    moment = tf.concat([moment, tf.reduce_sum(y, 0, keepdims=True)], 0)
    factor = tf.linalg.cholesky(gram)
    pivots = tf.square(tf.linalg.diag_part(factor)) / tf.linalg.diag_part(gram)
    return tf.linalg.cholesky_solve(factor, moment), tf.reduce_min(pivots)
