"""Gradient descent in JAX: one step compiled, and the whole loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Data, Fit, GradientDescent, Method
from backends.jax import jax, jnp
from backends.jax.base import JaxBackend


class _JaxDescent(JaxBackend):
    """One step, as a function of parameters and data."""

    methods = ("gradient descent",)

    method: GradientDescent

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        asked = self.method
        norm = {"l1": jnp.abs, "squared": jnp.square}[asked.loss]
        rate = asked.learning_rate

        def loss(parameters: Any, X: Any, y: Any) -> Any:
            weight, bias = parameters
            return norm(X @ weight + bias - y).mean()

        def step(parameters: Any, X: Any, y: Any, X_test: Any, y_test: Any) -> Any:
            train, gradients = jax.value_and_grad(loss)(parameters, X, y)
            parameters = jax.tree.map(lambda p, g: p - rate * g, parameters, gradients)
            return parameters, (train, loss(parameters, X_test, y_test))

        self.step = step

    def renew(self, data: Data, method: Method) -> None:
        super().renew(data, method)
        asked, dtype = self.method, data.X.dtype
        start = np.array(asked.start_weight, dtype), np.array(asked.start_bias, dtype)
        self.start_parameters = jax.device_put(start, self.device)

    def to_host(self, parameters: Any, train: Any, test: Any) -> Fit:
        """The fit as host arrays."""
        weight, bias = parameters
        self.result = weight
        return Fit(np.asarray(weight), float(bias), np.asarray(train), np.asarray(test))


class JaxJit(_JaxDescent):
    """The training loop of JAX's own documentation: the step under `jax.jit`."""

    name = "jax-jit"
    algorithm = "jax.jit of one step (value_and_grad), Python loop around it"
    optional = True

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.compiled = jax.jit(self.step)

    def fit(self) -> Fit:
        parameters, losses = self.start_parameters, []
        for _ in range(self.method.epochs):
            parameters, both = self.compiled(parameters, self.X, self.y, self.X_test, self.y_test)
            losses.append(both)
        train, test = (jnp.stack(column) for column in zip(*losses, strict=True))
        return self.to_host(parameters, train, test)


class JaxScan(_JaxDescent):
    """The whole loop as one program; some steps in one iteration share its overhead."""

    name = "jax-scan"
    algorithm = "jax.jit of the whole training loop (lax.scan)"
    style = "tuned"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        step, epochs = self.step, self.method.epochs

        # The data are arguments: constants would let XLA compute the answer while it compiles.
        @jax.jit
        def train_all(parameters: Any, *data: Any) -> Any:
            return jax.lax.scan(lambda p, _: step(p, *data), parameters, length=epochs, unroll=5)

        self.train_all = train_all

    def fit(self) -> Fit:
        data = self.X, self.y, self.X_test, self.y_test
        parameters, (train, test) = self.train_all(self.start_parameters, *data)
        return self.to_host(parameters, train, test)
