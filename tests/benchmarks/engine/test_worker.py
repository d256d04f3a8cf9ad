"""A worker may hang, die, eat memory or write nonsense: the parent hears of it in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from backends.worker.messages import ARRAYS, method_to_json, sha256
from benchmarks.engine import catalogue
from benchmarks.engine.plan import Entry
from benchmarks.engine.process import Process
from benchmarks.engine.worker import Worker, WorkerFailed
from benchmarks.problems.workloads import WORKLOADS

HOSTILE = Path(__file__).parents[2] / "plugins" / "hostile.py"
LINE = WORKLOADS["line"]

Make = Callable[..., Worker]


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Make]:
    """Makes a worker for a backend, with the data of `line` loaded."""
    problem = LINE.make(0)
    for name in ARRAYS:
        np.save(tmp_path / f"{name}.npy", getattr(problem.data, name))
    workers = []

    def make(backend: str, plugin: Path = HOSTILE, **options: object) -> Worker:
        process = Process(backend, "cpu", 1, plugin=str(plugin))
        worker = Worker(process, tmp_path / "log", **options)  # type: ignore[arg-type]
        workers.append(worker)
        worker.start()
        method = method_to_json(LINE.method)
        answer = worker.ask("load", folder=str(tmp_path), method=method)
        assert answer.sha256 == sha256(problem.data)
        return worker

    yield make
    for worker in workers:
        worker.close()


def gone(worker: Worker) -> bool:
    return not psutil.pid_exists(worker.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's, and /proc shows the page faults")
def test_a_worker_keeps_the_memory_of_a_fit(tmp_path: Path, loaded: Make) -> None:
    worker = loaded("copies")
    worker.ask("first")

    def faults() -> int:
        return int(Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")")[-1].split()[7])

    worker.ask("sample", fits=2)
    before = faults()
    worker.ask("sample", fits=10)
    # It copies 20 MB in every fit: 5,000 pages, each of which would be a fault.
    assert faults() - before < 5000


def test_a_worker_fits_and_gives_samples(loaded: Make) -> None:
    worker = loaded("numpy-gelsd")
    first = worker.ask("first")
    assert len(first.fit.weight) == 1
    assert worker.ask("sample", fits=3).seconds > 0
    assert worker.ask("last").fit == first.fit
    worker.close()
    assert gone(worker)


def test_a_sample_is_the_time_of_one_fit(loaded: Make) -> None:
    """Whether a sample holds one fit or a hundred, it says what one of them took."""
    worker = loaded("numpy-gelsd")
    worker.ask("first")
    one = min(worker.ask("sample", fits=1).seconds for _ in range(50))
    many = min(worker.ask("sample", fits=100).seconds for _ in range(5))
    assert many < 5 * one


#: Does with a header what torch does: it looks for it, and makes it where it is not there.
HEADER = """
import getpass, tempfile
from pathlib import Path
from backends.numpy import NumpyGelsd

class Header(NumpyGelsd):
    name = "header"

    def describe(self):
        header = Path(tempfile.gettempdir(), f"torchinductor_{getpass.getuser()}", "header")
        found = header.exists()
        header.touch()
        return super().describe() | {"found": found}
"""


@pytest.mark.parametrize("told", [False, True])
def test_the_workers_of_a_run_share_what_torch_has_compiled(
    told: bool, loaded: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or those of all runs, if the user has said where it is kept."""
    (plugin := tmp_path / "header.py").write_text(HEADER)
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    if told:
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "told"))
    found = []
    for run in ("one", "one", "other"):
        (tmp_path / run).mkdir(exist_ok=True)
        worker = loaded("header", plugin=plugin, temporary=tmp_path / run)
        found.append(worker.ask("first").description["found"])
    assert found == [False, True, told]


def test_a_worker_that_hangs_is_killed(loaded: Make) -> None:
    worker = loaded("hostile-hang")
    worker.patience = 0.5
    with pytest.raises(WorkerFailed, match=r"did not answer within 0\.5 s") as caught:
        worker.ask("first")
    assert caught.value.kind == "hang"
    assert gone(worker)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows the open files")
def test_a_lost_worker_leaves_no_file_open(loaded: Make) -> None:
    before = len(os.listdir("/proc/self/fd"))
    worker = loaded("hostile-exit")
    with pytest.raises(WorkerFailed):
        worker.ask("first")
    worker.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_worker_that_exits_is_noticed_at_once(loaded: Make) -> None:
    worker = loaded("hostile-exit")
    began = time.monotonic()
    with pytest.raises(WorkerFailed, match="exited with status 0 in the middle"):
        worker.ask("first")
    assert time.monotonic() - began < worker.patience / 2
    with pytest.raises(WorkerFailed, match="exited with status 0"):
        worker.ask("first")


def test_a_worker_that_is_killed_says_by_what(loaded: Make) -> None:
    worker = loaded("hostile-later")
    worker.ask("first")
    with pytest.raises(WorkerFailed, match=r"by someone: SIGKILL, .*\(out of memory\?\)$"):
        worker.ask("sample", fits=10)


def test_a_worker_that_eats_memory_is_killed(loaded: Make) -> None:
    worker = loaded("hostile-hoard", memory_bytes=1 << 30)
    with pytest.raises(WorkerFailed, match=r"used more than 1\.0 GiB") as caught:
        worker.ask("first")
    assert caught.value.kind == "memory"
    assert gone(worker)


def test_nonsense_is_no_answer(loaded: Make) -> None:
    worker = loaded("hostile-babble")
    with pytest.raises(WorkerFailed, match=r"is no answer: .*'ok': no") as caught:
        worker.ask("first")
    assert caught.value.kind == "nonsense"
    assert gone(worker)


def test_an_exception_is_one_line_and_the_worker_lives(loaded: Make) -> None:
    worker = loaded("hostile-raise")
    with pytest.raises(WorkerFailed, match="ValueError: singular matrix") as caught:
        worker.ask("first")
    assert "\n" not in str(caught.value)
    assert caught.value.kind == "error"
    assert not gone(worker)
    assert "Traceback" in worker.log.read_text()


def test_what_a_framework_prints_goes_to_the_log(loaded: Make) -> None:
    worker = loaded("loud")
    assert worker.ask("first").fit.train_losses is None
    assert '{"ok": true, "seconds": 0}' in worker.log.read_text()


def test_a_worker_is_bound_to_its_cores(loaded: Make) -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system does not bind processes to cores")
    worker = loaded("numpy-gelsd")
    core = max(os.sched_getaffinity(0))
    assert worker.ask("pin", cores=[core]).cores == [core]
    for thread in psutil.Process(worker.pid).threads():
        assert os.sched_getaffinity(thread.id) == {core}


def test_a_worker_dies_with_its_parent(tmp_path: Path) -> None:
    """Also in the middle of a fit, when it reads no request."""
    program = (
        "import time; from pathlib import Path; from benchmarks.engine.worker import *; "
        f"w = Worker(Process('numpy-gelsd', 'cpu', 1), Path({str(tmp_path / 'log')!r})); "
        "w.start(); print(w.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_an_entry_names_itself() -> None:
    entry = Entry(LINE, catalogue.known()["numpy-gelsd"], Process("numpy-gelsd", "cpu", 2))
    assert entry.id == "line/numpy-gelsd/cpu/2"
