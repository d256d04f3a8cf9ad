"""Gradient descent in JAX: one step compiled, and the whole loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Data, Fit, GradientDescent, Method
from backends.jax import jax, jnp
from backends.jax.base import JaxBackend

#: Residuals that are computed at once for the losses: they should stay in the cache.
RESIDUALS = 1 << 18


class _JaxDescent(JaxBackend):
    """Gradient descent from parameters that are on the device."""

    methods = ("gradient descent",)

    method: GradientDescent

    def renew(self, data: Data, method: Method) -> None:
        super().renew(data, method)
        asked, dtype = self.method, data.X.dtype
        start = np.array(asked.start_weight, dtype), np.array(asked.start_bias, dtype)
        self.start_parameters = jax.device_put(start, self.device)

    def norm(self, r: Any) -> Any:
        """The loss of each residual."""
        return jnp.abs(r) if self.method.loss == "l1" else jnp.square(r)


class JaxJit(_JaxDescent):
    """The training loop of JAX's own documentation: the step under `jax.jit`."""

    name = "jax-jit"
    algorithm = "jax.jit of one step (value_and_grad), Python loop around it"
    optional = True

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        rate = self.method.learning_rate

        def loss(parameters: Any, X: Any, y: Any) -> Any:
            weight, bias = parameters
            return self.norm(X @ weight + bias - y).mean()

        def step(parameters: Any, X: Any, y: Any, X_test: Any, y_test: Any) -> Any:
            train, gradients = jax.value_and_grad(loss)(parameters, X, y)
            parameters = jax.tree.map(lambda p, g: p - rate * g, parameters, gradients)
            return parameters, (train, loss(parameters, X_test, y_test))

        self.compiled = jax.jit(step)

    def fit(self) -> Fit:
        parameters, losses = self.start_parameters, []
        for _ in range(self.method.epochs):
            parameters, both = self.compiled(parameters, self.X, self.y, self.X_test, self.y_test)
            losses.append(both)
        train, test = (jnp.stack(column) for column in zip(*losses, strict=True))
        weight, bias = parameters
        self.result = weight
        return Fit(np.asarray(weight), float(bias), np.asarray(train), np.asarray(test))


class JaxScan(_JaxDescent):
    """The whole loop as one program; the losses of all epochs at the end, in few products.

    Each array that comes to the host costs time, so that all results are one array. Features are
    rows: XLA is slow at products with the columns of X.
    """

    name = "jax-scan"
    algorithm = (
        "jax.jit of the whole training loop (lax.scan), gradient by hand; "
        "losses of all epochs at the end"
    )
    style = "tuned"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        epochs, l1 = self.method.epochs, self.method.loss == "l1"
        rate = self.method.learning_rate / max(len(data.y), 1) * (1 if l1 else 2)

        def losses(path: Any, D: Any, y: Any) -> Any:
            at_once = min(len(path), RESIDUALS // max(len(y), 1)) or 1
            return jax.lax.map(lambda b: self.norm(b @ D - y).mean(), path, batch_size=at_once)

        # The data are arguments: constants would let XLA compute the answer while it compiles.
        @jax.jit
        def train_all(parameters: Any, X: Any, y: Any, X_test: Any, y_test: Any) -> Any:
            D, D_test = (jnp.column_stack([A, jnp.ones(len(A), A.dtype)]).T for A in (X, X_test))
            start = jnp.append(*parameters)

            def step(b: Any, _: Any) -> Any:
                r = b @ D - y
                b = b - rate * (D @ (jnp.sign(r) if l1 else r))
                return b, b

            last, later = jax.lax.scan(step, start, length=epochs)
            path = jnp.concatenate([start[None], later])
            train, test = losses(path[:-1], D, y), losses(path[1:], D_test, y_test)
            return jnp.concatenate([last, train, test])

        self.train_all = train_all

    def fit(self) -> Fit:
        data = self.X, self.y, self.X_test, self.y_test
        self.result = self.train_all(self.start_parameters, *data)
        return Fit.of_descent(np.asarray(self.result), self.method.epochs)
