"""What single backends are known for, read back from their frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from backends import registry
from backends.base import Data, LeastSquares
from backends.sklearn import SklearnexLinear
from benchmarks.engine import catalogue, machine
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process
from benchmarks.problems.workloads import WORKLOADS

if TYPE_CHECKING:
    from tests.backends.conftest import Served


def test_scikit_learn_drops_a_direction_unless_tol_is_0(served: Served) -> None:
    as_it_comes = served.first_fit("ill-conditioned", "sklearn-linear")
    assert "coefficients are off" in as_it_comes.reason
    assert as_it_comes.answer.description["rank"] == 19
    without = served.first_fit("ill-conditioned", "sklearn-linear-tol0")
    assert without.reason == ""
    assert without.answer.description["rank"] == 20


@pytest.mark.parametrize("name", ["torch-cholesky", "tensorflow-cholesky", "jax-cholesky"])
def test_a_framework_switches_tf32_and_says_so(served: Served, name: str) -> None:
    """The switch belongs to the process: to see it read back takes no GPU."""
    for on in (True, False):
        first = served.first_fit("line", name, tf32=on)
        assert first.answer.description["tf32"] is on
        assert first.mismatch == ""


@pytest.mark.parametrize("name", ["jax-cholesky", "sklearnex-linear"])
@pytest.mark.skipif(len(machine.usable_cores()) < 2, reason="needs two cores")
def test_a_thread_pool_has_as_many_threads_as_were_asked_for(name: str, tmp_path: Path) -> None:
    backend = catalogue.known()[name]
    if missing := registry.missing(backend):
        pytest.skip(missing)
    with Pool(tmp_path, machine.usable_cores()) as pool:
        first = pool.first_fit(Entry(WORKLOADS["line"], backend, Process(name, "cpu", threads=2)))
    assert first.reason == ""
    assert first.answer.description["threads"] == 2


def test_intelex_really_computes_in_onedal(served: Served) -> None:
    first = served.first_fit("line", "sklearnex-linear")
    assert first.answer.description["dispatched"] == "oneDAL"


def test_intelex_says_so_if_scikit_learn_did_the_work() -> None:
    if missing := registry.missing(SklearnexLinear):
        pytest.skip(missing)

    class Fallen(SklearnexLinear):
        def estimator(self) -> Any:
            from sklearn.linear_model import LinearRegression

            return LinearRegression()

    backend = Fallen()
    X, y = np.eye(4)[:, :2], np.arange(4.0)
    backend.load(Data(X, y, X[:0], y[:0]), LeastSquares())
    backend.fit()
    assert "scikit-learn's own" in backend.describe()["dispatched"]
    assert "LAPACK" in backend.describe()["algorithm"]


@pytest.mark.parametrize(
    ("name", "package"), [("cupy-lstsq", "'cupy-cuda13x[ctk]'"), ("cuml-eig", "cuml-cu13")]
)
def test_a_framework_for_cuda_that_is_missing_says_what_to_install(name: str, package: str) -> None:
    missing = registry.missing(registry.load()[name])
    assert missing == "" or missing.endswith(f"not installed: pip install {package}")
