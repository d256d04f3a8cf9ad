"""CuPy and RAPIDS cuML: least squares on CUDA, and nowhere else."""

from typing import Any

import numpy as np

from backends import rank_deficient as rank
from backends.base import Backend, Data, Fit, Method, Probes, Unavailable
from backends.lazy import lazy

cuml = lazy("cuml.linear_model")
cupy = lazy("cupy")
cupyx = lazy("cupyx")
linalg = lazy("cupyx.scipy.linalg")

#: `COMPUTE_TYPE_TF32` of CuPy, whose name Python cannot see.
_TF32 = 7


class CupyBackend(Backend):
    """CuPy arrays on the one GPU that a worker sees."""

    framework = "cupy"
    requires = ("cupy-cuda13x[ctk]", "cupy-cuda12x")
    methods = ("least squares",)
    devices = ("cuda",)
    optional = True

    result: Any  # some array that `fit` computed: tells the device

    def start(self, device: str, threads: int) -> None:
        try:
            cupy.zeros(1).get()
        except Exception as error:  # of the CUDA runtime, of its compiler, of a missing library
            line = " ".join(str(error).split())
            raise Unavailable(f"CuPy {cupy.__version__} finds no usable GPU: {line}") from error

    def move(self, array: np.ndarray) -> Any:
        return cupy.asarray(array)

    def load(self, data: Data, method: Method) -> None:
        self.X, self.y = self.move(data.X), self.move(data.y)
        cupy.cuda.Device().synchronize()

    def describe(self) -> dict[str, Any]:
        allocator = cupy.cuda.get_allocator()
        cuda = cupy.cuda.runtime.runtimeGetVersion()  # 13000 is 13.0
        return super().describe() | {
            "device": f"cuda:{self.result.device.id}",
            "tf32": cupy._core.get_compute_type("f") == _TF32,
            "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}",
            "allocator": str(getattr(allocator, "__qualname__", allocator)),
        }

    def device_seconds(self) -> float | None:
        first, last = cupy.cuda.Event(), cupy.cuda.Event()
        self.fit_between(first, last)
        return 1e-3 * float(cupy.cuda.get_elapsed_time(first, last))

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
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
    stability = "orthogonal"

    def solve(self, A: Any, y: Any) -> tuple[Any, Any]:
        """The shortest minimiser of ||A b - y||_2, and the rank of A."""
        self.result, _, found, _ = cupy.linalg.lstsq(A, y, rcond=None)
        return self.result, found

    def fit(self) -> Fit:
        X, y = self.X, self.y
        found = self.solve(cupy.column_stack([X, cupy.ones_like(y)]), y)
        return rank.checked_fit(found, self.solve, X, y, cupy.asnumpy)


class CupyCholesky(CupyBackend):
    """The normal equations: fast, and good for as many digits as X'X keeps."""

    name = "cupy-cholesky"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations)"
    stability = "normal equations"
    style = "tuned"

    def fit(self) -> Fit:
        X, y = self.X, self.y
        rank.refuse_wide(X)
        gram, moment = rank.normal_equations(cupy, X, y)
        # By default CuPy continues with the unfinished factor if cuSOLVER gives up.
        try:
            with cupyx.errstate(linalg="raise"):
                L = cupy.linalg.cholesky(gram)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(rank.NOT_DEFINITE) from error
        rank.refuse_pivot(float((L.diagonal() ** 2 / gram.diagonal()).min()), len(y), X.dtype)
        halfway = linalg.solve_triangular(L, moment, lower=True)
        self.result = linalg.solve_triangular(L, halfway, "T", lower=True)
        return Fit.of(self.result.get())


class CumlEig(CupyBackend):
    """`LinearRegression` of RAPIDS cuML, which takes CuPy arrays.

    Its default, 'auto', takes this algorithm for dense data of several features. For a single
    feature cuML has no such solver and takes SVD.
    """

    name = "cuml-eig"
    framework = "cuml.linear_model"
    requires = ("cuml-cu13", "cuml-cu12")
    algorithm = "LinearRegression(algorithm='eig'): eigenvalues of X'X (normal equations)"
    stability = "normal equations"

    def fit(self) -> Fit:
        model = cuml.LinearRegression(algorithm="eig").fit(self.X, self.y)
        self.result = cupy.asarray(model.coef_)
        return Fit(self.result.get().ravel(), float(model.intercept_))

    def describe(self) -> dict[str, Any]:
        description = super().describe()
        del description["tf32"]  # the switch is CuPy's; cuML has none
        if self.X.shape[1] == 1:
            description["algorithm"] = (
                "LinearRegression(algorithm='eig'), which is SVD for one feature"
            )
        return description
