"""Gradient descent and least squares in TensorFlow, which is imported on first use."""

from backends.lazy import lazy

tf = lazy("tensorflow")
