"""Gradient descent in TensorFlow: Keras, one step as a graph, the whole loop compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Data, Fit, GradientDescent, Method
from backends.lazy import lazy
from backends.tensorflow import tf
from backends.tensorflow.base import TensorFlowBackend

keras = lazy("keras")

#: Residuals that are computed at once for the losses, at most: they should stay in the cache.
RESIDUALS = 1 << 18


class TensorFlowKeras(TensorFlowBackend):
    """`model.fit` with a `Dense(1)` layer and `SGD`, the whole data as one batch.

    The data are given as `tf.data.Dataset`s: with plain arrays `model.fit` slices and copies
    them again in each epoch, and takes four to eight times as long. Datasets live on the host: on a
    GPU the data are copied there in each epoch, as they are whenever Keras is given batches.
    """

    name = "tensorflow-keras"
    methods = ("gradient descent",)
    algorithm = "Keras model.fit: Dense(1), SGD, one full batch per epoch, validation data"

    method: GradientDescent

    def renew(self, data: Data, method: Method) -> None:
        super().renew(data, method)
        asked, dtype = self.method, self.X.dtype.name
        with tf.device(self.device):
            self.train = tf.data.Dataset.from_tensors((self.X, self.y))
            self.test = tf.data.Dataset.from_tensors((self.X_test, self.y_test))
        start = np.array(asked.start_weight, dtype)[:, None], np.array([asked.start_bias], dtype)
        self.start_weights = start

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        asked, dtype = self.method, self.X.dtype.name
        # Keras keeps the learning rate and the losses in this dtype, whatever that of the model.
        keras.config.set_floatx(dtype)
        with tf.device(self.device):
            dense = keras.layers.Dense(1, dtype=dtype)
            features = keras.Input((data.X.shape[1],), dtype=dtype)
            self.model = keras.Sequential([features, dense])
            optimizer = keras.optimizers.SGD(asked.learning_rate)
            loss = {"l1": "mean_absolute_error", "squared": "mean_squared_error"}[asked.loss]
            self.model.compile(optimizer=optimizer, loss=loss)

    def fit(self) -> Fit:
        with tf.device(self.device):
            self.model.set_weights(self.start_weights)
            history = self.model.fit(
                self.train,
                epochs=self.method.epochs,
                validation_data=self.test,
                shuffle=False,
                verbose=0,
            ).history
        self.result = self.model.weights[0].value
        weight, bias = self.model.get_weights()
        train, test = np.array(history["loss"]), np.array(history["val_loss"])
        return Fit(weight[:, 0], float(bias[0]), train, test)


class _TensorFlowSteps(TensorFlowBackend):
    """One step by `GradientTape`, as a function of the parameters."""

    methods = ("gradient descent",)

    method: GradientDescent

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.norm = {"l1": tf.abs, "squared": tf.square}[self.method.loss]

    def renew(self, data: Data, method: Method) -> None:
        super().renew(data, method)
        with tf.device(self.device):
            start = tf.constant(self.method.start_weight, self.X.dtype)
            self.start_weight = start[:, None]
            self.start_bias = tf.constant(self.method.start_bias, self.X.dtype)

    def loss(self, weight: Any, bias: Any, X: Any, y: Any) -> Any:
        """Mean loss; X (n, p), y (n, 1), weight (p, 1)."""
        return tf.reduce_mean(self.norm(X @ weight + bias - y))

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The data, which graphs take as arguments: other data need no new graph."""
        return self.X, self.y, self.X_test, self.y_test

    def gradients(self, weight: Any, bias: Any, X: Any, y: Any) -> tuple[Any, Any, Any]:
        """Train loss and its gradients with respect to weight and bias."""
        with tf.GradientTape() as tape:
            tape.watch((weight, bias))
            loss = self.loss(weight, bias, X, y)
        return loss, *tape.gradient(loss, (weight, bias))


class TensorFlowFunction(_TensorFlowSteps):
    """A custom training loop as TensorFlow's guide teaches it: the step is a `tf.function`."""

    name = "tensorflow-function"
    algorithm = "tf.function step (GradientTape, variables), Python loop around it"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        rate = self.method.learning_rate
        with tf.device(self.device):
            self.weight, self.bias = tf.Variable(self.start_weight), tf.Variable(self.start_bias)

        @tf.function
        def step(X: Any, y: Any, X_test: Any, y_test: Any) -> tuple[Any, Any]:
            train, d_weight, d_bias = self.gradients(self.weight, self.bias, X, y)
            self.weight.assign_sub(rate * d_weight)
            self.bias.assign_sub(rate * d_bias)
            return train, self.loss(self.weight, self.bias, X_test, y_test)

        self.step = step

    def fit(self) -> Fit:
        with tf.device(self.device):
            self.weight.assign(self.start_weight)
            self.bias.assign(self.start_bias)
            inputs = self.inputs
            losses = [self.step(*inputs) for _ in range(self.method.epochs)]
            train, test = tf.stack([a for a, _ in losses]), tf.stack([b for _, b in losses])
        self.result = self.weight.read_value()
        weight = self.result.numpy()[:, 0]
        return Fit(weight, float(self.bias.numpy()), train.numpy(), test.numpy())


class TensorFlowXLA(_TensorFlowSteps):
    """The whole loop as one program, compiled by XLA."""

    name = "tensorflow-xla"
    algorithm = "tf.function(jit_compile=True) of the whole training loop"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        epochs, rate = self.method.epochs, self.method.learning_rate

        # All are arguments: constants would let XLA compute the answer while it compiles.
        @tf.function(jit_compile=True)
        def train_all(
            weight: Any, bias: Any, X: Any, y: Any, X_test: Any, y_test: Any
        ) -> tuple[Any, ...]:
            train = tf.TensorArray(X.dtype, size=epochs)
            test = tf.TensorArray(X.dtype, size=epochs)
            for epoch in tf.range(epochs):
                before, d_weight, d_bias = self.gradients(weight, bias, X, y)
                weight -= rate * d_weight
                bias -= rate * d_bias
                after = self.loss(weight, bias, X_test, y_test)
                train, test = train.write(epoch, before), test.write(epoch, after)
            return weight, bias, train.stack(), test.stack()

        self.train_all = train_all

    def fit(self) -> Fit:
        with tf.device(self.device):
            start = self.start_weight, self.start_bias
            weight, bias, train, test = self.train_all(*start, *self.inputs)
        self.result = weight
        return Fit(weight.numpy()[:, 0], float(bias.numpy()), train.numpy(), test.numpy())


class TensorFlowWhile(_TensorFlowSteps):
    """The whole loop as one program; the losses of all epochs at the end.

    Called without looking up which graph the arguments want: that takes as long as a hundred
    epochs of a small problem. Features are rows: XLA is slow at products with the columns of X.
    """

    name = "tensorflow-while"
    algorithm = "tf.while_loop compiled by XLA, gradient by hand; losses of all epochs at the end"
    style = "tuned"
    optional = True

    program: Any

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.program = None

    def train_all(self, weight: Any, bias: Any, X: Any, y: Any, X_test: Any, y_test: Any) -> Any:
        """(weight, bias, train losses, test losses): (n_features + 1 + 2 epochs,)."""
        D, D_test = (
            tf.transpose(tf.pad(A, [(0, 0), (0, 1)], constant_values=1)) for A in (X, X_test)
        )
        y, y_test = tf.transpose(y), tf.transpose(y_test)
        epochs, l1 = self.method.epochs, self.method.loss == "l1"
        rate = self.method.learning_rate / max(y.shape[1], 1) * (1 if l1 else 2)
        start = tf.concat([weight, bias[None, None]], 0)
        path = tf.TensorArray(X.dtype, epochs + 1, element_shape=start.shape).write(0, start)

        def step(epoch: Any, b: Any, path: Any) -> tuple[Any, Any, Any]:
            r = tf.matmul(b, D, transpose_a=True) - y
            b = b - rate * tf.matmul(D, tf.sign(r) if l1 else r, transpose_b=True)
            return epoch + 1, b, path.write(epoch + 1, b)

        *_, path = tf.while_loop(
            lambda epoch, *_: epoch < epochs, step, (0, start, path), maximum_iterations=epochs
        )
        b = path.stack()[..., 0]
        train, test = self.losses(b[:-1], D, y), self.losses(b[1:], D_test, y_test)
        return tf.concat([b[-1], train, test], 0)

    def losses(self, b: Any, D: Any, y: Any) -> Any:
        """Mean loss at each row of b: (epochs,)."""
        if b.shape[0] * y.shape[1] <= RESIDUALS:
            return tf.reduce_mean(self.norm(tf.matmul(b, D) - y), 1)
        return tf.map_fn(lambda b: tf.reduce_mean(self.norm(tf.matmul(b[None], D) - y)), b)

    def fit(self) -> Fit:
        inputs = self.start_weight, self.start_bias, *self.inputs
        with tf.device(self.device):
            if self.program is None:
                graph = tf.function(self.train_all, jit_compile=True)
                self.program = graph.get_concrete_function(*inputs)
            self.result = self.program(*inputs)
        return Fit.of_descent(self.result.numpy(), self.method.epochs)
