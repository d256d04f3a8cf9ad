"""The child's side of a worker, in this process."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.base import Fit, Unavailable
from backends.worker import renewal
from backends.worker.handler import RequestHandler, answer
from backends.worker.messages import ARRAYS

#: A backend whose fits take no time but what a test gives them.
PLUGIN = """
import numpy as np
from backends.base import Backend, Fit

class Played(Backend):
    name = "played"
    framework = "numpy"
    methods = ("least squares",)
    algorithm = "none"
    stability = "orthogonal"
    calls = 0
    on_fit = staticmethod(lambda calls: None)

    def fit(self):
        self.calls += 1
        self.on_fit(self.calls)
        return Fit(np.zeros(1, np.float32), 0.0)
"""


class Clock:
    """Moves only when a fit or the extra work does something."""

    seconds = 0.0

    def __call__(self) -> int:
        return round(1e9 * self.seconds)

    def move(self, seconds: float) -> None:
        self.seconds += seconds

    def work(self, steps: int) -> None:
        """The extra work: 30 ns a step."""
        self.seconds += 30e-9 * steps


def started(folder: Path, clock: Clock, threads: int, extra_work: float = 0.0) -> RequestHandler:
    """A handler of the played backend, and its data in `folder`."""
    plugin = folder / "played.py"
    plugin.write_text(PLUGIN)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", np.zeros((2, 1) if "X" in name else 2, np.float32))
    handler = RequestHandler(clock, clock.work)
    handler.start("played", [str(plugin)], "cpu", threads, extra_work=extra_work)
    return handler


def fails(error: Exception) -> Any:
    def handle(**_: object) -> dict[str, Any]:
        raise error

    return handle


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MemoryError", ""),
        ("_ArrayMemoryError", "Unable to allocate 7.28 TiB for an array"),
        ("OutOfMemoryError", "CUDA out of memory. Tried to allocate 96.00 GiB."),
        ("AcceleratorError", "CUDA error: out of memory"),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
        ("_LinAlgError", "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED"),
        ("OutOfMemoryError", "Out of memory allocating 8,000,000,000 bytes (allocated so far: 0)."),
        ("CUDARuntimeError", "cudaErrorMemoryAllocation: out of memory"),
        ("XlaRuntimeError", "RESOURCE_EXHAUSTED: Failed to allocate request for 7.28TiB"),
        ("JaxRuntimeError", "INTERNAL: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        ("ResourceExhaustedError", "failed to allocate memory [Op:AddV2]"),
        ("MemoryError", "std::bad_alloc: out_of_memory: CUDA error at: cuda_memory_resource.hpp"),
    ],
)
def test_each_frameworks_way_to_say_out_of_memory_is_known(name: str, text: str) -> None:
    assert answer(fails(type(name, (RuntimeError,), {})(text)), {})["kind"] == "memory"


def test_a_device_that_is_full_is_not_called_absent() -> None:
    full = Unavailable("CuPy 14.2.0 finds no usable GPU: cudaErrorMemoryAllocation: ...")
    assert answer(fails(full), {})["kind"] == "memory"


def test_other_errors_are_not_taken_for_it() -> None:
    other = RuntimeError("CUDA error: an illegal memory access was encountered")
    assert answer(fails(other), {})["kind"] == "error"


def test_extra_work_is_a_share_of_the_fit_and_does_not_add_up(tmp_path: Path) -> None:
    """A worker serves one workload after another: what slows the first must not slow the next."""
    clock = Clock()
    plain, double = started(tmp_path, clock, 1), started(tmp_path, clock, 1, extra_work=1.0)
    for handler in (plain, double):
        vars(handler.backend)["on_fit"] = lambda calls: clock.move(1e-3)
    for _ in range(3):
        for handler in (plain, double):
            handler.load(str(tmp_path), {"kind": "least squares"})
            handler.first()
        assert plain.sample(3)["seconds"] == pytest.approx(1e-3)
        assert double.sample(3)["seconds"] == pytest.approx(2e-3, rel=0.01)


@pytest.mark.parametrize(
    ("threads", "fits", "seconds", "made"),
    [(1, 1, 1e-3, 1), (1, 5, 1e-3, 6), (4, 1, 1e-3, 2), (4, 5, 1e-3, 6), (4, 1, 1.0, 1)],
)
def test_threads_that_wake_up_are_given_a_fit_to_spread_out(
    threads: int, fits: int, seconds: float, made: int, tmp_path: Path
) -> None:
    """That fit takes ten times as long as those that follow it, and is not in the sample."""
    clock = Clock()
    handler = started(tmp_path, clock, threads)
    # The first call is that of `first`.
    vars(handler.backend)["on_fit"] = lambda calls: clock.move(
        (10 if calls == 2 < made + 1 else 1) * seconds
    )
    handler.load(str(tmp_path), {"kind": "least squares"})
    handler.first()
    assert handler.sample(fits)["seconds"] == pytest.approx(seconds)
    assert vars(handler.backend)["calls"] == 1 + made


@pytest.mark.parametrize(("threads", "made"), [(1, 2), (4, 3)])
def test_they_are_given_one_before_unseen_data_as_well(
    threads: int, made: int, tmp_path: Path
) -> None:
    clock = Clock()
    handler = started(tmp_path, clock, threads)
    vars(handler.backend)["on_fit"] = lambda calls: clock.move(
        0.1 if calls == 3 < made + 1 else 0.02
    )
    handler.load(str(tmp_path), {"kind": "least squares"})
    handler.first()
    vars(handler.backend)["calls"] = 2
    assert handler.renewed(judged=True)["fresh"] == pytest.approx([0.02])
    assert vars(handler.backend)["calls"] == 2 + made


def test_the_dtype_is_that_of_what_fit_returned(tmp_path: Path) -> None:
    handler = started(tmp_path, Clock(), 1)
    handler.load(str(tmp_path), {"kind": "least squares"})
    description = handler.first()["description"]
    assert description["dtype"] == "float32"
    assert description["device"] == "cpu"
    assert description["version"] == description["numpy"] == np.__version__


def test_a_fit_in_one_array() -> None:
    fit = Fit.of(np.array([1.0, 2.0, 3.0]))
    assert (fit.weight.tolist(), fit.bias) == ([1.0, 2.0], 3.0)


@pytest.mark.parametrize(
    ("source", "framework", "kind", "reason"),
    [
        ("", "no_such_framework", "unavailable", "no_such_framework is not installed: pip install"),
        ("", "a_framework.part", "unavailable", "No module named 'a_framework.part'"),
        ("import no_such_module", "a_framework", "error", "No module named 'no_such_module'"),
        ("raise ImportError('no libcuda.so')", "a_framework", "unavailable", "no libcuda.so"),
    ],
)
def test_a_framework_that_is_not_there_is_absent_and_a_broken_one_is_not(
    source: str,
    framework: str,
    kind: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a_framework").mkdir()
    (tmp_path / "a_framework" / "__init__.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    plugin = tmp_path / "played.py"
    plugin.write_text(PLUGIN.replace('framework = "numpy"', f'framework = "{framework}"'))
    request = {"backend": "played", "plugins": [str(plugin)], "device": "cpu", "threads": 1}
    found = answer(RequestHandler().start, request)
    sys.modules.pop("a_framework", None)
    assert found["kind"] == kind
    assert reason in found["reason"]


def test_what_a_framework_does_not_need_is_hidden_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever installs the framework alone does not wait for what others here need."""
    (tmp_path / "an_extra.py").write_text("raise AssertionError('it takes seconds')")
    taken_along = "try:\n    import an_extra\nexcept ImportError:\n    an_extra = None"
    (tmp_path / "an_eager_framework.py").write_text(taken_along)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    fields = 'framework = "an_eager_framework"\n    hidden = ("an_extra", "numpy")'
    plugin = tmp_path / "played.py"
    plugin.write_text(PLUGIN.replace('framework = "numpy"', fields))
    handler = RequestHandler()
    for _ in range(2):  # it may be asked again
        handler.start("played", [str(plugin)], "cpu", 1)
    assert sys.modules["numpy"] is np  # what is there already stays
    assert "an_extra" not in sys.modules
    sys.modules.pop("an_eager_framework")


def test_of_large_data_it_says_what_came_from_the_disk_and_no_mapped_page_is_memory(
    tmp_path: Path,
) -> None:
    """A fit that reads all of X, and needs 1 MiB; the file has no pages until it is read."""
    handler = started(tmp_path, Clock(), 1)
    rows = (renewal.MOST_BYTES >> 2) + 1
    shape = (rows, 1)
    np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.dtype(np.float32), shape)
    np.save(tmp_path / "y.npy", np.zeros(rows, np.float32))
    handler.load(str(tmp_path), {"kind": "least squares"})

    def read(calls: int) -> None:
        handler.backend.data.X.max()
        np.ones(1 << 20, np.uint8).sum()

    vars(handler.backend)["on_fit"] = read
    # As if the pages that were read for the digest had been needed for something else.
    mapped: Any = handler.backend.data.X.base
    mapped._mmap.madvise(mmap.MADV_DONTNEED)
    peak = handler.first()["peak_bytes"]
    assert peak is None or peak < 32 << 20
    sampled = handler.sample(1)
    assert sampled["disk_bytes"] is None or 0 <= sampled["disk_bytes"] <= 2 * 4 * rows


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts private mappings on Linux")
def test_data_that_the_system_will_not_map_for_writing_are_mapped_for_reading(
    tmp_path: Path,
) -> None:
    """As where the file is larger than the machine's memory."""
    np.save(tmp_path / "X.npy", np.ones((1 << 20, 8)))
    np.save(tmp_path / "y.npy", np.ones(1))
    code = (
        "import resource, sys; from pathlib import Path; import psutil; "
        "from backends.worker import disk; folder = Path(sys.argv[1]); "
        "print(disk.mapped(folder / 'y.npy').flags.writeable); "
        "limit = psutil.Process().memory_info().data + (16 << 20); "
        "resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)); "
        "X = disk.mapped(folder / 'X.npy'); print(X.shape, X.flags.writeable)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n(1048576, 8) False\n"
