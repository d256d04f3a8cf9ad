"""The interface that every implementation of linear regression meets.

A backend lives in a process of its own and is driven through four calls, in this order:

1. `start(device, threads)`: make the device ready. The framework has just been imported.
2. `load(data, method)`: bring host arrays to the device. May be called again with other data.
3. `fit()`: solve from the same start every time and **return host arrays**. The result's coming
   home is the synchronisation: no backend can be timed before its device has finished.
4. `describe()`: what the framework itself says is in force, read back from it.

Rules that make the comparison fair:

- Importing the module of a backend must not import its framework. Import it inside the methods:
  after the first time that costs a dictionary look-up.
- Whatever the solution needs from X and y (a column of ones, centring, a Gram matrix) is made
  in `fit`, so that it is paid for by everyone. `load` moves data and builds what does not
  depend on their values: a model, a compiled function.
- `fit` may not keep anything from one call that makes the next one cheaper, compiled code apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np

Kind = Literal["gradient descent", "least squares"]
Stability = Literal["orthogonal", "normal equations"]
Style = Literal["idiomatic", "tuned"]


class Unavailable(Exception):
    """The backend cannot run here; the message says why and what would help, in one line."""


@dataclass(frozen=True)
class Data:
    """One problem as a backend sees it: no truth, no noise level, only samples.

    All arrays share one dtype, float32 or float64, and are C-contiguous.
    """

    X: np.ndarray  # (n_samples, n_features)
    y: np.ndarray  # (n_samples,)
    X_test: np.ndarray  # (n_test, n_features); n_test may be 0
    y_test: np.ndarray  # (n_test,)


@dataclass(frozen=True)
class LeastSquares:
    """Minimise ||X weight + bias - y||_2 by any algorithm.

    Where several (weight, bias) minimise, because the features depend on each other or are more
    than the samples: the one whose *weight* is the shortest in the 2-norm, with the bias that
    belongs to it. That is the shortest solution for centred features and targets, and does not
    change when a feature is shifted; the shortest (weight, bias) of [X, 1] is another.
    """

    kind: ClassVar[Kind] = "least squares"


@dataclass(frozen=True)
class GradientDescent:
    """Full-batch gradient descent with a constant step.

    Each epoch: the train loss before the step, one step, the test loss after it.
    """

    kind: ClassVar[Kind] = "gradient descent"

    loss: Literal["l1", "squared"]  # mean |r| (subgradient 0 at r = 0), or mean r**2
    learning_rate: float
    epochs: int
    start_weight: tuple[float, ...]  # (n_features,)
    start_bias: float


Method = LeastSquares | GradientDescent


@dataclass(frozen=True)
class Fit:
    """What a backend found, as NumPy arrays on the host."""

    weight: np.ndarray  # (n_features,)
    bias: float
    train_losses: np.ndarray | None = None  # (epochs,), before each step; gradient descent only
    test_losses: np.ndarray | None = None  # (epochs,), after each step; gradient descent only


class Backend(ABC):
    """One implementation of one or both methods in one framework, named framework-algorithm."""

    name: ClassVar[str]
    framework: ClassVar[str]  # the module that is imported, and timed as "import"
    requires: ClassVar[tuple[str, ...]]  # distributions to install, for the message when missing
    methods: ClassVar[tuple[Kind, ...]]
    devices: ClassVar[tuple[Literal["cpu", "cuda"], ...]] = ("cpu",)
    algorithm: ClassVar[str]  # one line: which algorithm, which driver
    #: "idiomatic": as the framework's own documentation teaches; "tuned": as an expert would.
    style: ClassVar[Style] = "idiomatic"
    #: Left out unless asked for by name or with `--full`: the default run has two minutes.
    optional: ClassVar[bool] = False
    #: Which error bound applies to its least squares: "orthogonal" for QR and SVD, "normal
    #: equations" for whatever forms X'X.
    stability: ClassVar[Stability] = "orthogonal"
    #: Workloads (names or globs) on which it is known to fail the gate, and why. Such a row is
    #: shown as failed and not ranked, like any other that fails, but does not make a check fail.
    known_failures: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @abstractmethod
    def start(self, device: str, threads: int) -> None:
        """Make `device` ("cpu" or "cuda:0") ready to use with `threads` CPU threads.

        Raises:
            Unavailable: the framework does not see that device.
        """

    @abstractmethod
    def load(self, data: Data, method: Method) -> None:
        """Bring the data to the device; return only when they are there."""

    @abstractmethod
    def fit(self) -> Fit:
        """Solve the loaded problem from its start, and bring the result home."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Report what is in force, read back from the framework after a fit.

        Keys: version (str), device ("cpu" or "cuda:0": where the result was), dtype (str: of the
        result), threads (int, or None where the framework does not say), algorithm (str), and
        anything else worth showing (BLAS, TF32, ...). Values must be JSON.
        """
