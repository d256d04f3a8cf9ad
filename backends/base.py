"""The interface that every implementation of linear regression meets.

A backend lives in a process of its own. Its worker calls, in this order:

1. `start(device, threads)`: make the device ready. The framework has just been imported.
2. `load(data, method)`: copy host arrays to the device. May be called again with other data. The
   values of these data may be random: those to be fitted then come by `renew`.
3. `renew(data, method)`: copy other data of the same shapes. It comes before the first fit, and
   again after the samples, with data that the backend has not seen.
4. `fit()`: solve from the same start every time and **return host arrays**. Copying the result to
   the host is the synchronisation: no backend can be timed before its device has finished.
5. `describe()`: what the framework itself reports to be in force, read back after a fit.

Rules that make the comparison fair:

- Importing the module of a backend must not import its framework (see `backends.lazy`).
- `fit` computes whatever the solution needs from X and y (a column of ones, centring, a Gram
  matrix). `load` copies data and builds what does not depend on their values: a model, compiled
  code.
- `fit` keeps nothing from one call that makes the next one cheaper, except compiled code.
- `renew` only copies, and takes about as long as `move`, or a plain copy, of the same arrays.
- The arrays that `fit` returns are complete, and belong to the caller: the worker overwrites them
  between fits to detect results that were still being computed.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np

DType = Literal["float32", "float64"]
Kind = Literal["gradient descent", "least squares"]
Device = Literal["cpu", "cuda"]
Style = Literal["idiomatic", "tuned"]
#: "orthogonal" for QR and SVD, "normal equations" for whatever forms X'X. Gradient descent needs
#: none: "".
Stability = Literal["", "orthogonal", "normal equations"]


class Unavailable(Exception):
    """The backend cannot run here; the message says why and what would help, in one line."""


@dataclass(frozen=True)
class Data:
    """One problem as a backend sees it: samples only, without the truth and the noise level.

    All arrays share one dtype, float32 or float64, and are C-contiguous.
    """

    X: np.ndarray  # (n_samples, n_features)
    y: np.ndarray  # (n_samples,)
    X_test: np.ndarray  # (n_test, n_features); n_test may be 0
    y_test: np.ndarray  # (n_test,)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """X, y, X_test and y_test."""
        return self.X, self.y, self.X_test, self.y_test


@dataclass(frozen=True)
class LeastSquares:
    """Minimise ||X weight + bias - y||_2 by any algorithm.

    Several (weight, bias) minimise it if the features are linearly dependent or outnumber the
    samples. Then the solution is the one with the shortest *weight* in the 2-norm. It does not
    change when a feature is shifted. The shortest (weight, bias) of [X 1] is a different one.
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
    """The result of a fit, as NumPy arrays on the host.

    Exactly these types, and no subclass: nothing is left to be computed when they are read. Arrays
    are float32 or float64 with one dimension; the bias may also be a NumPy scalar or an array
    without dimensions.
    """

    weight: np.ndarray  # (n_features,)
    bias: float
    train_losses: np.ndarray | None = None  # (epochs,), before each step; gradient descent only
    test_losses: np.ndarray | None = None  # (epochs,), after each step; gradient descent only

    @classmethod
    def of(cls, coefficients: np.ndarray, *losses: np.ndarray) -> Self:
        """The fit whose (weight, bias) is one host array, (n_features + 1,)."""
        return cls(coefficients[:-1], float(coefficients[-1]), *losses)

    @classmethod
    def of_descent(cls, found: np.ndarray, epochs: int) -> Self:
        """The fit that is one host array: (weight, bias), train losses and test losses."""
        train, test = len(found) - 2 * epochs, len(found) - epochs
        return cls.of(found[:train], found[train:test], found[test:])


#: The cheapest useful call of a framework that can only fit, in words.
TWO_POINTS = "fitting a line through two points"


@dataclass(frozen=True)
class Probes:
    """Calls that show what a framework can do at best; each returns when its device has finished.

    Their times are the roofline that the times of fits are held against.
    """

    call: Callable[[], object]  # the cheapest useful call
    words: str = "adding 1 to a tensor of one element"  # what `call` does
    product: Callable[[], object] | None = None  # multiplies two square matrices
    read: Callable[[], object] | None = None  # reads a buffer in device memory once


class Backend(ABC):
    """One implementation of one or both methods in one framework, named framework-algorithm.

    Without a default: `name`, `framework`, `methods`, `algorithm`, `fit` and, for least squares,
    `stability`.
    """

    name: ClassVar[str]
    framework: ClassVar[str]  # the module that is imported, and timed as "import"
    #: Distributions that provide the framework. Any of them will do; messages say to install the
    #: first. Default: the framework's top-level package.
    requires: ClassVar[tuple[str, ...]]
    methods: ClassVar[tuple[Kind, ...]]
    devices: ClassVar[tuple[Device, ...]] = ("cpu",)
    algorithm: ClassVar[str]  # one line: which algorithm, which driver
    #: "idiomatic": as the framework's own documentation teaches; "tuned": as an expert would.
    style: ClassVar[Style] = "idiomatic"
    #: Left out unless asked for by name or with `--full`: the default run has two minutes.
    optional: ClassVar[bool] = False
    #: Whether several processes can share each fit (`workers`). It starts them itself, in `start`;
    #: see `backends.distributed`.
    distributed: ClassVar[bool] = False
    #: Packages that the framework imports where they are installed, and does not need. Its worker
    #: does not find them, so that importing takes what it takes where nothing else is installed.
    hidden: ClassVar[tuple[str, ...]] = ()
    #: Copies of X that `load` and `fit` need in memory, beside X itself, which is mapped from its
    #: file; 0 if they go through blocks of rows. A fit on a CPU whose memory does not suffice for
    #: them is left out.
    copies: ClassVar[float] = 3.0
    #: Which error bound applies to its least squares.
    stability: ClassVar[Stability] = ""
    #: Workloads (names or globs) on which it is known to fail the gate, and why. "NAME on cuda"
    #: applies to CUDA only. Such a failed row does not make a check fail.
    known_failures: ClassVar[Mapping[str, str]] = MappingProxyType({})
    #: "numpy" or "scipy": the library whose BLAS computes, so that `describe` can report it.
    #: Default: the framework's top-level package.
    blas_of: ClassVar[str]
    #: Whether products of float32 on CUDA may be rounded to TF32 (11 significant bits). Set before
    #: `start`, which switches TF32 on or off accordingly; `describe` reads it back.
    tf32: bool = False
    #: Processes that share each fit, this one or those that it starts. Set before `start`.
    workers: int = 1

    data: Data
    method: Method

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = vars(cls)
        if isinstance(framework := own.get("framework"), str):
            package = framework.partition(".")[0]
            cls.requires = own.get("requires", (package,))
            cls.blas_of = own.get("blas_of", package)

    def start(self, device: str, threads: int) -> None:  # noqa: B027 - many have nothing to do
        """Make `device` ("cpu" or "cuda:0") ready to use with `threads` CPU threads.

        With several workers, they have so many threads together.

        Raises:
            Unavailable: the framework does not see that device.
        """

    def load(self, data: Data, method: Method) -> None:
        """Copy the data to the device; return only when they are there."""
        self.data, self.method = data, method

    def renew(self, data: Data, method: Method) -> None:
        """Replace the data by others of the same shapes and dtype, and only copy.

        The method differs at most in its start. What was compiled stays, so a backend that builds
        or compiles something in `load` has to override this.
        """
        self.load(data, method)

    def move(self, array: np.ndarray) -> Any:
        """One host array as `load` and `renew` keep it: what they may take is measured by this."""
        return array

    @abstractmethod
    def fit(self) -> Fit:
        """Solve the loaded problem from its start, and return the result on the host."""

    def describe(self) -> dict[str, Any]:
        """Report what is in force, read back from the framework after a fit.

        Keys: version (str), device ("cpu" or "cuda:0": where the result was), threads (int, or
        None where the framework does not say), algorithm (str), dtype (str; by default that of
        the weight that `fit` returned), tf32 (bool: whether it is on; left out by a framework
        that cannot switch it), workers (int, where several processes share a fit), compiled_before
        (bool: whether it has taken what another process of the run had compiled), and anything else
        worth showing (BLAS, allocator, ...). Values must be JSON.
        """
        package = sys.modules.get(self.framework.partition(".")[0])
        found = installed_version(self.requires) or getattr(package, "__version__", "")
        read_back = blas(self.blas_of) if self.blas_of in ("numpy", "scipy") else {"threads": None}
        return {"version": found, "device": "cpu", "algorithm": self.algorithm, **read_back}

    def exchange(self, n_bytes: int) -> Callable[[], object] | None:
        """A call in which all workers add up arrays of `n_bytes`; None where they never do."""
        return None

    def device_seconds(self) -> float | None:
        """Fit once more; the seconds from its first operation to its last by the device's clock.

        None if the device has no clock of its own.
        """
        return None

    def fit_between(self, first: Any, last: Any) -> None:
        """Fit between two events of a CUDA stream, and wait for the second."""
        first.record()
        self.fit()
        last.record()
        last.synchronize()

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes | None:
        """What to time for the roofline; optional. Called after a fit.

        Args:
            side: rows and columns of the matrices in `product`.
            n_bytes: size of the buffer in `read`. On the CPU the worker reads by itself.
            dtype: of matrices and buffer.
        """
        return None


def installed_version(distributions: Iterable[str]) -> str:
    """The version of the first of these distributions that is installed here, or ''."""
    for name in distributions:
        try:
            return version(name.partition("[")[0])  # without extras
        except PackageNotFoundError:
            continue
    return ""


def blas(package: str) -> dict[str, Any]:
    """Library and threads of the BLAS that came with `package`, or else of the first one loaded."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {"threads": None, "blas": "unknown: threadpoolctl is not installed"}
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    if not pools:
        return {"threads": None, "blas": "not found by threadpoolctl"}
    # By the folder (numpy.libs, numpy/.dylibs): NumPy's own file is named libscipy_openblas.
    folders = [[part.partition(".")[0] for part in Path(p["filepath"]).parts[:-1]] for p in pools]
    pool = next((p for p, parts in zip(pools, folders, strict=True) if package in parts), pools[0])
    names = (pool["internal_api"], pool["version"], pool.get("architecture"))
    return {"threads": pool["num_threads"], "blas": " ".join(str(n) for n in names if n)}
