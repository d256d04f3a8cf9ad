"""Gradient descent in torch as one operator in C++, compiled for the number of features."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from backends.base import Data, Fit, Method, Unavailable
from backends.torch import torch
from backends.torch.base import need_compiler
from backends.torch.loops import TorchManual

SOURCE = Path(__file__).with_name("descent.cpp")
#: Sums may be added up in any order, as vectors do it; NaN and infinity stay what they are.
FLAGS = (
    *("-std=c++20", "-O3", "-march=native", "-fPIC", "-shared"),
    *("-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math", "-fno-math-errno"),
)
#: An operator stays registered as long as its process lives, so that each has a name of its own.
_NUMBERS = itertools.count()


def compiled(n_features: int, compiler: str) -> Any:
    """The operator of `descent.cpp` for so many features; takes about two seconds.

    As in "Custom C++ and CUDA operators" of torch's documentation, by its stable interface, whose
    headers compile quickly. `torch.utils.cpp_extension.load_inline` would need Ninja besides.

    Raises:
        CalledProcessError: the compiler fails; it has printed why.
    """
    from torch.utils import cpp_extension

    namespace = f"linreg_bench_{next(_NUMBERS)}"
    paths = [f"-I{path}" for path in cpp_extension.include_paths()]
    paths += [f"-L{path}" for path in cpp_extension.library_paths()]
    macros = [f"-DOPERATORS={namespace}", f"-DFEATURES={n_features}"]
    with tempfile.TemporaryDirectory() as folder:
        library = str(Path(folder, "descent.so"))
        command = [compiler, *FLAGS, *macros, *paths, str(SOURCE), "-o", library, "-ltorch_cpu"]
        subprocess.run(command, check=True)
        torch.ops.load_library(library)
    return getattr(torch.ops, namespace).descent.default


class TorchOperator(TorchManual):
    """The whole descent in one call, from which a fit takes little but its arithmetic.

    The operators of torch take microseconds to start, which is as long as a pass over some thousand
    numbers takes. With many features their products, by BLAS, are the better ones.
    """

    name = "torch-operator"
    devices = ("cpu",)
    algorithm = "custom operator in C++ (torch.library): the whole loop, vectors of samples"

    #: Up to which the sums of all features stay in registers.
    most_features = 32

    operator: Any

    def start(self, device: str, threads: int) -> None:
        if torch.__version__ < "2.10":  # TorchVersion compares numbers
            raise Unavailable(f"operators in C++ need torch 2.10 or newer: {torch.__version__}")
        self.compiler = need_compiler()
        super().start(device, threads)

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.operator = None

    def fit(self) -> Fit:
        p, epochs = self.X.shape[1], self.epochs
        if p > self.most_features:
            return super().fit()
        if self.operator is None:
            self.operator = compiled(p, self.compiler)
        self.result = torch.empty(p + 1 + 2 * epochs, dtype=self.X.dtype)
        self.operator(*self.inputs, self.rate, self.l1, epochs, self.result)
        found = self.result.numpy()
        return Fit.of(found[: p + 1], found[p + 1 : p + 1 + epochs], found[p + 1 + epochs :])

    def describe(self) -> dict[str, Any]:
        used = self if self.operator else TorchManual
        return super().describe() | {"algorithm": used.algorithm}
