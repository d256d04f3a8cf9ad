"""Gradient descent in TensorFlow: Keras, one step as a graph, the whole loop compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Data, Fit, GradientDescent, Method
from backends.lazy import lazy
from backends.tensorflow import tf
from backends.tensorflow.base import TensorFlowBackend

keras = lazy("keras")


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
