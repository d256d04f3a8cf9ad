"""Least squares in TensorFlow: `tf.linalg.lstsq`, fast and not."""

from __future__ import annotations

from typing import ClassVar

from backends.base import Fit
from backends.tensorflow_base import TensorFlowBackend


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
    """The accurate one, `fast=False`."""

    name = "tensorflow-qr"
    algorithm = "tf.linalg.lstsq(fast=False): complete orthogonal decomposition (QR) of [X 1]"
    fast = False
