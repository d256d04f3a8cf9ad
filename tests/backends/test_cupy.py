"""The CuPy backends on a CuPy that is NumPy (see tests/fakes/cupy.py): no GPU is needed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from backends.base import Data, LeastSquares, Unavailable
from backends.cupy import CupyBackend, CupyCholesky, CupyLstsq
from backends.worker.memory import ran_out_of_memory
from benchmarks.gate import gate
from benchmarks.gate import reference as standard
from benchmarks.problems.problem import Problem, Synthetic
from benchmarks.problems.workloads import Workload

BOTH = pytest.mark.parametrize("kind", [CupyLstsq, CupyCholesky])


@pytest.fixture(scope="module")
def fake() -> Iterator[ModuleType]:
    path = Path(__file__).parents[1] / "fakes" / "cupy.py"
    spec = importlib.util.spec_from_file_location("cupy", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.linalg"):
            patch.setitem(sys.modules, name, module)  # and gone after these tests
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def cupy(fake: ModuleType) -> ModuleType:
    fake.ran_out, fake.tf32, fake.synchronisations = False, False, 0
    return fake


def problem(dtype: str = "float32") -> tuple[Workload, Problem]:
    workload = Workload("w", "", Synthetic(200, 5, sigma=0.1, dtype=dtype), LeastSquares())
    return workload, workload.make(0)


def loaded(kind: type[CupyBackend], data: Data, tf32: bool = False) -> CupyBackend:
    backend = kind()
    backend.tf32 = tf32
    backend.start("cuda:0", 1)
    backend.load(data, LeastSquares())
    return backend


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fit_is_right_and_on_the_host(
    cupy: ModuleType, kind: type[CupyBackend], dtype: str
) -> None:
    workload, made = problem(dtype)
    backend = loaded(kind, made.data)
    fit = backend.fit()
    assert type(fit.weight) is np.ndarray
    verdict = gate.judge(fit, standard.prepare(workload, made), backend.stability)
    assert verdict.passed, verdict.reason
    assert backend.describe() | {"version": "14.2.0"} == backend.describe()
    found = backend.describe()
    assert [found[key] for key in ("device", "cuda")] == ["cuda:0", "13.0"]
    assert fit.weight.dtype == dtype
    seconds = backend.device_seconds()
    assert seconds
    assert seconds > 0


@BOTH
def test_the_data_are_there_when_load_returns(cupy: ModuleType, kind: type[CupyBackend]) -> None:
    loaded(kind, problem()[1].data)
    assert cupy.synchronisations == 1


@BOTH
@pytest.mark.parametrize("on", [False, True])
def test_tf32_is_what_cupy_says_and_not_what_it_was_told(
    cupy: ModuleType, kind: type[CupyBackend], on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU without TF32 has it off, whatever the environment says."""
    monkeypatch.setenv("CUPY_TF32", "1")
    cupy.tf32 = on
    backend = loaded(kind, problem()[1].data)
    backend.fit()
    assert backend.describe()["tf32"] is on


def test_a_factorization_that_failed_is_refused(cupy: ModuleType) -> None:
    """With large numbers what is left of it would look like a factor."""
    data = problem()[1].data
    X = 1e5 * np.column_stack([data.X, data.X[:, 0]])
    backend = loaded(CupyCholesky, Data(X, data.y, X[:0], data.y[:0]))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        backend.fit()


def test_a_full_device_is_told_from_one_that_is_not_there(cupy: ModuleType) -> None:
    cupy.ran_out = True
    with pytest.raises(Unavailable) as caught:
        CupyLstsq().start("cuda:0", 1)
    assert ran_out_of_memory(str(caught.value))


@BOTH
def test_it_shows_what_the_device_can_do(cupy: ModuleType, kind: type[CupyBackend]) -> None:
    probes = loaded(kind, problem()[1].data).probes(8, 1 << 10, "float32")
    assert probes.product
    assert probes.read
    assert np.shape(probes.product()) == ()
    assert float(probes.read()) == 256
