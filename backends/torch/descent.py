"""Gradient descent in torch: as the tutorial writes it, and with the step compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Data, Fit, Method
from backends.torch import torch
from backends.torch.base import TorchDescent, need_compiler


def _stack(losses: list[torch.Tensor]) -> np.ndarray:
    """Losses that were left on the device, as one host array."""
    return torch.stack(losses).cpu().numpy() if losses else np.empty(0)


class TorchEager(TorchDescent):
    """The tutorial's loop: `nn.Linear`, a loss module, `optim.SGD`, `backward`."""

    name = "torch-eager"
    algorithm = "the tutorial's loop: nn.Linear, autograd, optim.SGD"

    def renew(self, data: Data, method: Method) -> None:
        super().renew(data, method)
        self.y, self.y_test = self.y[:, None], self.y_test[:, None]

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.model = torch.nn.Linear(data.X.shape[1], 1, device=self.device, dtype=self.X.dtype)
        self.loss = {"l1": torch.nn.L1Loss, "squared": torch.nn.MSELoss}[self.method.loss]()

    def fit(self) -> Fit:
        method, model = self.method, self.model
        with torch.no_grad():
            model.weight.copy_(self.start_parameters[None, :-1])
            model.bias.copy_(self.start_parameters[-1:])
        optimizer = torch.optim.SGD(model.parameters(), lr=method.learning_rate)
        train, test = [], []
        for _ in range(method.epochs):
            model.train()
            loss = self.loss(model(self.X), self.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            model.eval()
            with torch.inference_mode():
                test.append(self.loss(model(self.X_test), self.y_test))
            # Printing the loss, as the tutorial does, would copy it to the host in every epoch.
            train.append(loss.detach())
        self.result = model.weight.detach()
        weight = self.result[0].cpu().numpy().copy()
        return Fit(weight, float(model.bias), _stack(train), _stack(test))


class TorchCompile(TorchDescent):
    """One step (loss, gradient, update, test loss) as one graph through `torch.compile`."""

    name = "torch-compile"
    algorithm = "torch.compile of one step (torch.func.grad_and_value), Python loop around it"

    def start(self, device: str, threads: int) -> None:
        need_compiler()
        super().start(device, threads)

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        norm = {"l1": torch.abs, "squared": torch.square}[self.method.loss]
        rate = self.method.learning_rate

        def loss(weight: Any, bias: Any, X: Any, y: Any) -> Any:
            return norm(X @ weight + bias - y).mean()

        gradient = torch.func.grad_and_value(loss, argnums=(0, 1))

        def step(weight: Any, bias: Any, X: Any, y: Any, X_test: Any, y_test: Any) -> Any:
            (d_weight, d_bias), train = gradient(weight, bias, X, y)
            weight, bias = weight - rate * d_weight, bias - rate * d_bias
            return weight, bias, train, loss(weight, bias, X_test, y_test)

        torch.compiler.reset()  # the graph of the last workload would be tried first
        self.step = torch.compile(step, fullgraph=True)

    def renew(self, data: Data, method: Method) -> None:
        super().renew(data, method)
        self.start_weight = self.start_parameters[:-1].clone()
        self.start_bias = self.start_parameters[-1].clone()

    def fit(self) -> Fit:
        weight, bias = self.start_weight, self.start_bias
        data = self.X, self.y, self.X_test, self.y_test
        train, test = [], []
        with torch.no_grad():
            for _ in range(self.method.epochs):
                weight, bias, before, after = self.step(weight, bias, *data)
                train.append(before)
                test.append(after)
        self.result = weight
        return Fit(weight.cpu().numpy(), float(bias), _stack(train), _stack(test))
