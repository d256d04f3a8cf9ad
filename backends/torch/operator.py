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
#: The variable that says which of an entry's processes this is.
REPLICATE = "LINREG_BENCH_REPLICATE"
#: Every operation is rounded as written.
AS_WRITTEN = ("-ffp-contract=off",)


@functools.cache
def compiled(name: str, compiler: str, *flags: str) -> Any:
    """The operator of the file `name`.cpp; takes two or three seconds, once in a process.

    A further process of the same entry takes the library that the first one has left where torch
    keeps what it compiles: only first processes say how long compiling takes.

    As in "Custom C++ and CUDA operators" of torch's documentation, by its stable interface, whose
    headers compile quickly. `torch.utils.cpp_extension.load_inline` would need Ninja besides.

    Raises:
        CalledProcessError: the compiler fails; it has printed why.
    """
    from torch.utils import cpp_extension

    # An operator stays registered as long as its process lives, so that each has a name of its own.
    digest = hashlib.sha256(repr((name, compiler, flags)).encode()).hexdigest()[:12]
    namespace = f"linreg_bench_{digest}"
    options = [*FLAGS, *flags, f"-DOPERATORS={namespace}"]
    options += [f"-I{path}" for path in cpp_extension.include_paths()]
    options += [f"-L{path}" for path in cpp_extension.library_paths()]
    source = Path(__file__).with_name(f"{name}.cpp")
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as own:
        folder = Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR", own))
        library = folder / f"{namespace}_{threads}.so"
        if not (library.exists() and os.environ.get(REPLICATE, "0") != "0"):
            made = Path(own, library.name)
            command = [compiler, *options, str(source), "-o", str(made), "-ltorch_cpu"]
            subprocess.run(command, check=True)
            with suppress(OSError):  # others then compile it again
                copied = folder / f"{library.name}-{os.getpid()}"
                shutil.copy(made, copied)
                copied.replace(library)
            library = made
        torch.ops.load_library(str(library))
    return getattr(getattr(torch.ops, namespace), name).default


class _TorchOperator(TorchBackend):
    """Compiles in the first fit; with too many features it leaves the fit to torch's own ones."""

    devices = ("cpu",)
    most_features: int

    operator: Any
    dtype: np.dtype[Any]

    def start(self, device: str, threads: int) -> None:
        if torch.__version__ < "2.10":  # TorchVersion compares numbers
            raise Unavailable(f"operators in C++ need torch 2.10 or newer: {torch.__version__}")
        self.compiler = need_compiler()
        super().start(device, threads)

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.operator, self.dtype = None, data.X.dtype


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
            self.operator = compiled("descent", self.compiler, *ANY_ORDER, f"-DFEATURES={p}")
        # A tensor of NumPy's memory takes less time to make than an array of torch's.
        found = np.empty(p + 1 + 2 * epochs, self.dtype)
        self.result = torch.from_numpy(found)
        self.operator(*self.inputs, self.rate, self.l1, epochs, self.result)
        return Fit.of(found[: p + 1], found[p + 1 : p + 1 + epochs], found[p + 1 + epochs :])

    def describe(self) -> dict[str, Any]:
        used = self if self.operator else TorchManual
        return super().describe() | {"algorithm": used.algorithm}


class TorchCholeskyOperator(_TorchOperator, TorchCholeskyBlocks):
    """The normal equations in one call.

    BLAS has no product of many rows and few columns that is as quick as one that the compiler makes
    of a loop.
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
            self.operator = compiled("least_squares", self.compiler, *ANY_ORDER)
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
    devices = ("cpu",)
    algorithm = "custom operator in C++ (torch.library): Cholesky, corrected by exact residuals"
    most_features = 64

    def solve(self) -> torch.Tensor:
        n, p = self.X.shape
        if not p < n or p > self.most_features:
            return super().solve()
        if self.operator is None:
            self.operator = compiled("refined", self.compiler, *AS_WRITTEN)
        found = torch.empty(p + 3, dtype=torch.float64)
        enough = torch.finfo(self.X.dtype).eps / 8
        self.operator(self.X, self.y, SHRINKS, enough, found)
        kappa, steps = found[p + 1 :].tolist()
        if steps < 0:
            return super().solve()
        self.way = f"{self.algorithm}, kappa about {kappa:.0e}, corrected {steps:.0f} times"
        return found[: p + 1].to(self.X.dtype)
