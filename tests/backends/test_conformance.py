"""What every backend must do, the suite's own and third-party ones: see `backends.base`.

`pytest tests/backends/test_conformance.py --plugin FILE` puts the backends of FILE through it too.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from backends import registry
from backends.base import Backend, GradientDescent, LeastSquares
from benchmarks.engine import machine
from benchmarks.engine.home import Home
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import FirstFit, Pool
from benchmarks.problems.problem import Synthetic
from benchmarks.problems.workloads import WORKLOADS, Workload


def _descent(loss: str, n_features: int) -> GradientDescent:
    return GradientDescent(loss, 0.05, 30, (0.1,) * n_features, -0.2)


CASES = [
    WORKLOADS["tutorial"],
    Workload("l1", "", Synthetic(40, 3, sigma=0.1), _descent("l1", 3)),
    Workload("squared", "", Synthetic(60, 2, sigma=0.1, dtype="float64"), _descent("squared", 2)),
    WORKLOADS["line"],
    Workload("single", "", Synthetic(300, 7, sigma=0.1), LeastSquares()),
    Workload("double", "", Synthetic(200, 5, sigma=0.1, dtype="float64"), LeastSquares()),
    Workload("square", "", Synthetic(9, 8, sigma=0.1, dtype="float64"), LeastSquares()),
]


#: What a third fit is compared on.
AGAIN = [workload for workload in CASES if workload.name in ("l1", "double")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each backend, device, and case that the backend can be asked for."""
    if "conforming" not in metafunc.fixturenames:
        return
    cases = {"workload": CASES, "again": AGAIN}
    wanted = next((n for n in cases if n in metafunc.fixturenames), None)
    gpus = [f"cuda:{number}" for number, _ in enumerate(machine.gpus())]
    plugins = tuple(metafunc.config.getoption("--plugin"))
    values, ids = [], []
    for name, backend in registry.load(plugins).items():
        for device in ["cpu", *gpus]:
            if device.partition(":")[0] not in backend.devices:
                continue
            for case in cases[wanted] if wanted else [None]:
                if case is None or case.method.kind in backend.methods:
                    values.append(((name, device), case) if case else ((name, device),))
                    ids.append("-".join([name, device, *([case.name] if case else [])]))
    names = ["conforming", *([wanted] if wanted else [])]
    metafunc.parametrize(names, values, ids=ids, indirect=["conforming"])


@dataclass
class Conforming:
    """A backend in its worker, which serves one case after another."""

    backend: type[Backend]
    home: Home
    pool: Pool

    def entry(self, workload: Workload) -> Entry:
        return Entry(workload, self.backend, self.home)

    def first_fit(self, workload: Workload) -> FirstFit:
        return self.pool.first_fit(self.entry(workload))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[object, Conforming]]:
    """The backends whose workers run already: starting a framework takes seconds."""
    made: dict[object, Conforming] = {}
    yield made
    for conforming in made.values():
        conforming.pool.close()


@pytest.fixture
def conforming(
    request: pytest.FixtureRequest,
    started: dict[object, Conforming],
    tmp_path_factory: pytest.TempPathFactory,
) -> Conforming:
    name, device = request.param
    if request.param not in started:
        plugins = tuple(request.config.getoption("--plugin"))
        backend = registry.load(plugins)[name]
        if missing := registry.missing(backend):
            pytest.skip(missing)
        pool = Pool(tmp_path_factory.mktemp(name), machine.usable_cores(), plugins=plugins)
        started[request.param] = Conforming(backend, Home(name, device, threads=1), pool)
    return started[request.param]


def test_a_backend_fits_what_it_is_given(conforming: Conforming, workload: Workload) -> None:
    """Right by the gate, for float32 and float64, one workload after another in one process."""
    first = conforming.first_fit(workload)
    assert first.reason == ""
    assert np.shape(first.fit["weight"]) == (workload.recipe.n_features,)
    assert math.isfinite(first.fit["bias"])
    if isinstance(workload.method, GradientDescent):
        assert np.shape(first.fit["train_losses"]) == (workload.method.epochs,)
        assert np.shape(first.fit["test_losses"]) == (workload.method.epochs,)
    else:
        assert first.fit["train_losses"] is None
        assert first.fit["test_losses"] is None


def test_a_fit_starts_afresh(conforming: Conforming, again: Workload) -> None:
    """The third fit equals the first: nothing is carried over, and the data are untouched."""
    entry = conforming.entry(again)
    first = np.array(conforming.first_fit(again).fit["weight"])
    assert conforming.pool.sample(entry.home, 2) > 0
    assert conforming.pool.judge_last(entry).reason == ""
    last = conforming.pool.workers[conforming.home].ask("last")["fit"]["weight"]
    np.testing.assert_allclose(last, first, rtol=1e-6)


def test_a_backend_reports_what_is_in_force(conforming: Conforming) -> None:
    """The readings come from the framework, and agree with what was asked for."""
    workload = next(w for w in reversed(CASES) if w.method.kind in conforming.backend.methods)
    description = conforming.first_fit(workload).description
    assert description["version"][0].isdigit()
    assert description["device"] == conforming.home.device
    assert description["dtype"] == workload.recipe.dtype
    assert description["threads"] in (1, None)
    assert description["algorithm"]


def test_a_backend_shows_its_limits_or_none_and_is_right_afterwards(conforming: Conforming) -> None:
    workload = next(w for w in reversed(CASES) if w.method.kind in conforming.backend.methods)
    entry = conforming.entry(workload)
    conforming.first_fit(workload)
    asked = {"side": 64, "n_bytes": 1 << 16, "dtype": workload.recipe.dtype, "read": True}
    found = conforming.pool.workers[conforming.home].ask("limits", **asked)
    rates = [found[key] for key in ("call_seconds", "product_rate", "read_rate")]
    assert all(rate is None or rate > 0 for rate in rates)
    assert bool(found["words"]) == (found["call_seconds"] is not None)
    assert found["read_rate"] is not None or conforming.home.device != "cpu"
    assert conforming.pool.sample(entry.home, 2) > 0
    assert conforming.pool.judge_last(entry).reason == ""


def test_no_framework_is_imported_to_list_backends() -> None:
    """Importing all backends must stay free, and leave frameworks to their workers."""
    program = (
        "import sys; from backends import registry; print(*registry.load()); "
        "print(*sorted({'torch', 'tensorflow', 'keras', 'sklearn', 'jax'} & set(sys.modules)))"
    )
    root = Path(registry.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    names, frameworks = done.stdout.split("\n")[:2]
    assert {"torch-eager", "tensorflow-xla", "numpy-gelsd", "sklearn-linear"} <= set(names.split())
    assert frameworks == ""
