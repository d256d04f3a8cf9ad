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
- The arrays that `fit` returns are complete when it returns, and are the caller's: it overwrites
  them between fits, so that a result which is still on its way is found out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
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


#: The cheapest useful call of a framework that does nothing but fit, in words.
TWO_POINTS = "fitting a line through two points"


@dataclass(frozen=True)
class Probes:
    """Calls that show what a framework can do at best; each returns when its device has finished.

    What they take are limits: a fit cannot be told fast or slow without them.
    """

    call: Callable[[], object]  # the cheapest useful call
    words: str = "adding 1 to a tensor of one element"  # what `call` does
    product: Callable[[], object] | None = None  # of two square matrices
    read: Callable[[], object] | None = None  # a buffer in the memory of a device, once


class Backend(ABC):
    """One implementation of one or both methods in one framework, named framework-algorithm."""

    name: ClassVar[str]
    framework: ClassVar[str]  # the module that is imported, and timed as "import"
    #: Distributions that bring the framework. Any one of them will do; the first is what a message
    #: says to install.
    requires: ClassVar[tuple[str, ...]]
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
    #: Workloads (names or globs) on which it is known to fail the gate, and why; "NAME on cuda"
    #: holds there alone. Such a row is shown as failed and not ranked, like any other that fails,
    #: but does not make a check fail.
    known_failures: ClassVar[Mapping[str, str]] = MappingProxyType({})
    #: Whether products of float32 on CUDA may be rounded to TF32, 11 significant bits. Set before
    #: `start`, which switches TF32 on or off accordingly; `describe` reads it back.
    tf32: bool = False

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
        result), threads (int, or None where the framework does not say), algorithm (str), tf32
        (bool: whether its switch is on; left out by a framework without one), and anything else
        worth showing (BLAS, allocator, ...). Values must be JSON.
        """

    def device_seconds(self) -> float | None:
        """Fit once more; the seconds from its first operation to its last by the device's clock.

        None, as here, where the device has no clock of its own.
        """
        return None

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes | None:
        """What to time for the limits of the machine; optional. Called after a fit.

        Args:
            side: rows and columns of the matrices in `product`.
            n_bytes: size of the buffer in `read`. On the CPU the worker reads by itself.
            dtype: of matrices and buffer.
        """
        return None
