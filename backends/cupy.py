"""CuPy and RAPIDS cuML: least squares on CUDA, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backends.base import Backend, Data, Fit, Method, Probes, Unavailable
from backends.rank_deficient import NOT_DEFINITE, refuse_pivot, refuse_wide, shortest

if TYPE_CHECKING:
    import cupy


#: CuPy's name for it, `COMPUTE_TYPE_TF32`, is not to be had from Python.
_TF32 = 7


def _cuda_version(number: int) -> str:
    """13000 is 13.0: thousands and tens, as CUDA has it."""
    return f"{number // 1000}.{number % 1000 // 10}"


class CupyBackend(Backend):
    """CuPy arrays on the one GPU that a worker sees."""

    framework = "cupy"
    requires = ("cupy-cuda13x[ctk]", "cupy-cuda12x")
    methods = ("least squares",)
    devices = ("cuda",)
    optional = True

    result: cupy.ndarray  # some array that `fit` computed: says where and in which dtype

    def start(self, device: str, threads: int) -> None:
        import cupy

        try:
            cupy.zeros(1).get()
        except Exception as error:  # of the CUDA runtime, of its compiler, of a missing library
            line = " ".join(str(error).split())
            raise Unavailable(f"CuPy {cupy.__version__} finds no usable GPU: {line}") from error

    def load(self, data: Data, method: Method) -> None:
        import cupy

        self.X, self.y = cupy.asarray(data.X), cupy.asarray(data.y)
        cupy.cuda.Device().synchronize()

    def describe(self) -> dict[str, Any]:
        import cupy

        allocator = cupy.cuda.get_allocator()
        return {
            "version": cupy.__version__,
            "device": f"cuda:{self.result.device.id}",
            "dtype": str(self.result.dtype),
            "threads": None,
            "algorithm": self.algorithm,
            "tf32": cupy._core.get_compute_type("f") == _TF32,
            "cuda": _cuda_version(cupy.cuda.runtime.runtimeGetVersion()),
            "allocator": str(getattr(allocator, "__qualname__", allocator)),
        }

    def device_seconds(self) -> float | None:
        import cupy

        first, last = cupy.cuda.Event(), cupy.cuda.Event()
        first.record()
        self.fit()
        last.record()
        last.synchronize()
        return 1e-3 * float(cupy.cuda.get_elapsed_time(first, last))

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        import cupy

        one, A = cupy.ones(1, dtype), cupy.ones((side, side), dtype)
        buffer = cupy.ones(n_bytes // A.itemsize, dtype)
        # The device has finished when a number of the result is on the host.
        return Probes(
            lambda: (one + one).get(),
            product=lambda: (A @ A)[0, 0].get(),
            read=lambda: buffer.sum().get(),
        )


class CupyLstsq(CupyBackend):
    """`cupy.linalg.lstsq` as it comes."""

    name = "cupy-lstsq"
    algorithm = "cupy.linalg.lstsq of [X 1]: SVD, rank cut-off max(n, p) eps"

    def fit(self) -> Fit:
        import cupy

        X, y = self.X, self.y
        A = cupy.column_stack([X, cupy.ones_like(y)])
        solution, _, rank, _ = cupy.linalg.lstsq(A, y, rcond=None)
        self.result, bias = solution[:-1], solution[-1]
        if rank < len(solution):
            self.result, bias = shortest(lambda A, b: cupy.linalg.lstsq(A, b, None)[0], X, y)
        return Fit(self.result.get(), float(bias))


class CupyCholesky(CupyBackend):
    """The normal equations: fast, and good for as many digits as X'X keeps."""

    name = "cupy-cholesky"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations)"
    stability = "normal equations"
    style = "tuned"

    def fit(self) -> Fit:
        import cupy
        import cupyx
        from cupyx.scipy.linalg import solve_triangular

        # Block by block, because a copy of X with a column of ones costs more than X'X does.
        X, y = self.X, self.y
        refuse_wide(X)
        n, p = X.shape
        gram, moment = cupy.empty((p + 1, p + 1), X.dtype), cupy.empty(p + 1, X.dtype)
        gram[:p, :p] = X.T @ X
        gram[:p, p] = gram[p, :p] = cupy.ones_like(y) @ X
        gram[p, p] = n
        moment[:p], moment[p] = y @ X, y.sum()
        # Left to itself, CuPy goes on with what was factorised when cuSOLVER gave up.
        try:
            with cupyx.errstate(linalg="raise"):
                L = cupy.linalg.cholesky(gram)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(NOT_DEFINITE) from error
        refuse_pivot(float((L.diagonal() ** 2 / gram.diagonal()).min()), X.dtype)
        self.result = solve_triangular(L, solve_triangular(L, moment, lower=True), "T", lower=True)
        solution = self.result.get()
        return Fit(solution[:-1], float(solution[-1]))


class CumlEig(CupyBackend):
    """`LinearRegression` of RAPIDS cuML, which takes CuPy arrays.

    The algorithm is the one that its default, 'auto', takes for dense data of several features; for
    one feature it has no such solver and takes SVD.
    """

    name = "cuml-eig"
    framework = "cuml.linear_model"
    requires = ("cuml-cu13", "cuml-cu12")
    algorithm = "LinearRegression(algorithm='eig'): eigenvalues of X'X (normal equations)"
    stability = "normal equations"

    def fit(self) -> Fit:
        import cupy
        from cuml.linear_model import LinearRegression

        model = LinearRegression(algorithm="eig").fit(self.X, self.y)
        self.result = cupy.asarray(model.coef_)
        return Fit(self.result.get().ravel(), float(model.intercept_))

    def describe(self) -> dict[str, Any]:
        import cuml

        description = super().describe() | {"version": cuml.__version__}
        del description["tf32"]  # the switch is CuPy's; cuML has none
        if self.X.shape[1] == 1:
            description["algorithm"] = (
                "LinearRegression(algorithm='eig'), which is SVD for one feature"
            )
        return description
