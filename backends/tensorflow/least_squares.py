"""Least squares in TensorFlow: `tf.linalg.lstsq`, and the normal equations by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from backends.base import Data, Fit, Method
from backends.rank_deficient import refuse_pivot, refuse_wide
from backends.tensorflow.base import TensorFlowBackend

if TYPE_CHECKING:
    import tensorflow as tf


class _TensorFlowLstsq(TensorFlowBackend):
    methods = ("least squares",)
    fast: ClassVar[bool]

    def fit(self) -> Fit:
        import tensorflow as tf

        with tf.device(self.device):
            A = tf.concat([self.X, tf.ones_like(self.X[:, :1])], axis=1)
            self.result = tf.linalg.lstsq(A, self.y, fast=self.fast)
        solution = self.result.numpy()[:, 0]
        return Fit(solution[:-1], float(solution[-1]))


class TensorFlowCholesky(_TensorFlowLstsq):
    """The default, `fast=True`."""

    name = "tensorflow-cholesky"
    algorithm = "tf.linalg.lstsq(fast=True): Cholesky of [X 1]'[X 1] (normal equations)"
    stability = "normal equations"
    fast = True


class TensorFlowQR(_TensorFlowLstsq):
    """The accurate one, `fast=False`; its kernel is for the CPU alone."""

    name = "tensorflow-qr"
    devices = ("cpu",)
    algorithm = "tf.linalg.lstsq(fast=False): complete orthogonal decomposition (QR) of [X 1]"
    known_failures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("odd-square", "odd-wide", "odd-constant"),
        "it finds the shortest weight and bias together, and does not tell the rank",
    )
    fast = False


class TensorFlowGram(TensorFlowBackend):
    """The normal equations as one graph, without a copy of X that has a column of ones."""

    name = "tensorflow-gram"
    methods = ("least squares",)
    algorithm = "tf.function: Cholesky of [X 1]'[X 1] (normal equations), made in blocks"
    stability = "normal equations"
    style = "tuned"
    optional = True

    def load(self, data: Data, method: Method) -> None:
        import tensorflow as tf

        super().load(data, method)

        # Not compiled by XLA, whose products are slower than TensorFlow's own on the CPU.
        @tf.function
        def solve(X: Any, y: Any) -> tuple[tf.Tensor, tf.Tensor]:
            gram = tf.matmul(X, X, transpose_a=True)
            sums = tf.matmul(X, tf.ones_like(y), transpose_a=True)
            n = tf.fill([1, 1], tf.cast(len(data.y), X.dtype))
            gram = tf.concat([tf.concat([gram, sums], 1), tf.concat([tf.transpose(sums), n], 1)], 0)
            moment = tf.matmul(X, y, transpose_a=True)
            moment = tf.concat([moment, tf.reduce_sum(y, 0, keepdims=True)], 0)
            factor = tf.linalg.cholesky(gram)
            pivots = tf.square(tf.linalg.diag_part(factor)) / tf.linalg.diag_part(gram)
            return tf.linalg.cholesky_solve(factor, moment), tf.reduce_min(pivots)

        self.solve = solve

    def fit(self) -> Fit:
        import tensorflow as tf

        refuse_wide(self.X)
        with tf.device(self.device):
            self.result, pivot = self.solve(self.X, self.y)
        refuse_pivot(float(pivot.numpy()), self.result.dtype.as_numpy_dtype)
        solution = self.result.numpy()[:, 0]
        return Fit(solution[:-1], float(solution[-1]))
