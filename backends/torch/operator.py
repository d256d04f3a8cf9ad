"""A whole fit in torch as one operator in C++, from which little but arithmetic is left."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from backends import rank_deficient as rank
from backends.base import Data, Fit, Method, Unavailable
from backends.torch import torch
from backends.torch.base import TorchBackend, need_compiler
from backends.torch.least_squares import TorchCholeskyBlocks
from backends.torch.loops import TorchManual
from backends.torch.refined import SHRINKS, TorchRefined

FLAGS = ("-std=c++17", "-O3", "-march=native", "-fPIC", "-shared", "-fno-math-errno")
#: Sums may be added up in any order, as vectors do it; NaN and infinity stay what they are.
ANY_ORDER = ("-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math")
#: The variables that say which of an entry's processes this is, and whether it is to be cold.
REPLICATE, COLD = "LINREG_BENCH_REPLICATE", "LINREG_BENCH_COLD"
_KEPT = "TORCHINDUCTOR_CACHE_DIR"
#: Every operation is rounded as written.
AS_WRITTEN = ("-ffp-contract=off",)


@functools.cache
def compiled(name: str, compiler: str, *flags: str) -> tuple[Any, bool]:
    """The operator of the file `name`.cpp, and whether another process had compiled it.

    Compiling takes two or three seconds. As in "Custom C++ and CUDA operators" of torch's
    documentation, by its stable interface, whose headers compile quickly.
    `torch.utils.cpp_extension.load_inline` would need Ninja besides.

    Raises:
        CalledProcessError: the compiler fails; it has printed why.
    """
    # An operator stays registered as long as its process lives, so that each has a name of its own.
    # Variants of a run may have another torch, or other sources.
    made_of = [path.read_text() for path in sorted(Path(__file__).parent.glob("*.[ch]*"))]
    made_by = name, compiler, flags, torch.__version__
    digest = hashlib.sha256(repr((made_of, made_by)).encode()).hexdigest()[:12]
    namespace = f"linreg_bench_{digest}"
    if before := _left(namespace):
        torch.ops.load_library(str(before))
    else:
        source = Path(__file__).with_name(f"{name}.cpp")
        _load([compiler, *FLAGS, *flags, f"-DOPERATORS={namespace}", str(source)], namespace)
    return getattr(getattr(torch.ops, namespace), name).default, before is not None


def _left(namespace: str) -> Path | None:
    """The library that another process of the run has left where torch keeps what it compiles.

    The first process of an entry takes none of its own replicates, which may be quicker: it says
    how long compiling takes.
    """
    if os.environ.get(COLD) or not (folder := os.environ.get(_KEPT)):
        return None
    first = os.environ.get(REPLICATE, "0") == "0"
    found = sorted(Path(folder).glob(f"{namespace}_*.so"))
    return next((path for path in found if not first or path.name != _name(namespace)), None)


def _load(command: list[str], namespace: str) -> None:
    """Compile a library and load it; leave it for others."""
    from torch.utils import cpp_extension

    options = [f"-I{path}" for path in cpp_extension.include_paths()]
    options += [f"-L{path}" for path in cpp_extension.library_paths()]
    with tempfile.TemporaryDirectory() as own:
        made = Path(own, _name(namespace))
        subprocess.run([*command, *options, "-o", str(made), "-ltorch_cpu"], check=True)
        torch.ops.load_library(str(made))
        with suppress(KeyError, OSError):  # others then compile it again
            folder = Path(os.environ[_KEPT])
            copied = folder / f"{made.name}-{os.getpid()}"
            shutil.copy(made, copied)
            copied.replace(folder / made.name)


def _name(namespace: str) -> str:
    """Of a library that a process with so many threads has made."""
    return f"{namespace}_{torch.get_num_threads()}.so"


class _TorchOperator(TorchBackend):
    """Compiles in the first fit; with too many features it leaves the fit to torch's own ones."""

    devices = ("cpu",)
    most_features: int

    operator: Any
    compiled_before: bool
    dtype: np.dtype[Any]

    def start(self, device: str, threads: int) -> None:
        if torch.__version__ < "2.10":  # TorchVersion compares numbers
            raise Unavailable(f"operators in C++ need torch 2.10 or newer: {torch.__version__}")
        self.compiler = need_compiler()
        super().start(device, threads)

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.operator, self.dtype = None, data.X.dtype
        self.compiled_before = False

    def compile(self, name: str, *flags: str) -> None:
        """Have the operator of a file."""
        self.operator, self.compiled_before = compiled(name, self.compiler, *flags)

    def describe(self) -> dict[str, Any]:
        before = {"compiled_before": True} if self.compiled_before else {}
        return super().describe() | before


class TorchOperator(_TorchOperator, TorchManual):
    """The whole descent in one call.

    The operators of torch take microseconds to start, which is as long as a pass over some thousand
    numbers takes. With many features their products, by BLAS, are the better ones.
    """

    name = "torch-operator"
    devices = ("cpu",)
    algorithm = "custom operator in C++ (torch.library): the whole loop, vectors of samples"
    #: Up to which the sums of all features stay in registers.
    most_features = 32

    def fit(self) -> Fit:
        p, epochs = self.X.shape[1], self.epochs
        if p > self.most_features:
            return super().fit()
        if self.operator is None:
            self.compile("descent", *ANY_ORDER, f"-DFEATURES={p}")
        # A tensor of NumPy's memory takes less time to make than an array of torch's.
        found = np.empty(p + 1 + 2 * epochs, self.dtype)
        self.result = torch.from_numpy(found)
        self.operator(*self.inputs, self.rate, self.l1, epochs, self.result)
        return Fit.of_descent(found, epochs)

    def describe(self) -> dict[str, Any]:
        used = self if self.operator else TorchManual
        return super().describe() | {"algorithm": used.algorithm}


class TorchCholeskyOperator(_TorchOperator, TorchCholeskyBlocks):
    """The normal equations in one call.

    BLAS has no product of many rows and few columns that is as quick as the one in `gram.h`.
    """

    name = "torch-cholesky-operator"
    devices = ("cpu",)
    algorithm = "custom operator in C++ (torch.library): Cholesky of [1 X]'[1 X]"
    most_features = 256

    def fit(self) -> Fit:
        p = self.X.shape[1]
        if p > self.most_features:
            return super().fit()
        rank.refuse_wide(self.X)
        if self.operator is None:
            self.compile("least_squares", *ANY_ORDER)
        found = np.empty(p + 2, self.dtype)
        self.result = torch.from_numpy(found)
        self.operator(self.X, self.y, self.result)
        rank.refuse_pivot(float(found[-1]), len(self.y), found.dtype)
        return Fit.of(found[:-1])

    def describe(self) -> dict[str, Any]:
        used = self if self.operator else TorchCholeskyBlocks
        return super().describe() | {"algorithm": used.algorithm}


class TorchRefinedOperator(_TorchOperator, TorchRefined):
    """Cholesky and its corrections in one call; what this cannot solve is left to `torch-refined`.

    Residuals have twice the digits: vectors of samples keep what rounding takes from each sum and
    product (Ogita, Rump & Oishi, SIAM J. Sci. Comput. 26, 2005). So the result has all digits that
    the data determine, where QR loses those of kappa.
    """

    name = "torch-refined-operator"
    optional = False
    devices = ("cpu",)
    algorithm = "custom operator in C++ (torch.library): Cholesky, corrected by exact residuals"
    most_features = 64

    def solve(self) -> torch.Tensor:
        n, p = self.X.shape
        if not p < n or p > self.most_features:
            return super().solve()
        if self.operator is None:
            self.compile("refined", *AS_WRITTEN)
        found = torch.empty(p + 3, dtype=torch.float64)
        enough = torch.finfo(self.X.dtype).eps / 8
        self.operator(self.X, self.y, SHRINKS, enough, found)
        kappa, steps = found[p + 1 :].tolist()
        if steps < 0:
            return super().solve()
        self.way = f"{self.algorithm}, kappa about {kappa:.0e}, corrected {steps:.0f} times"
        return found[: p + 1].to(self.X.dtype)
