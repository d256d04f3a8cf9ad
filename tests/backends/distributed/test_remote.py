"""Ranks that the workers of a Dask cluster start, as on other machines."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from backends.base import LeastSquares
from backends.distributed import remote
from benchmarks.engine import catalogue, machine
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.problem import Synthetic
from benchmarks.problems.workloads import Workload

distributed = pytest.importorskip("distributed", reason="needs the extra 'cluster'")

SMALL = Workload("small", "", Synthetic(500, 4, sigma=0.1, dtype="float64"), LeastSquares())


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two workers of a cluster, on which ranks are to be."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        addresses = list(client.scheduler_info()["workers"])
        monkeypatch.setenv(remote.PLACES, " ".join([cluster.scheduler_address, *addresses]))
        yield addresses


def rank_processes() -> list[psutil.Process]:
    """Those that workers of the cluster have started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            found += [process] * any("127.0.0.1:" in word for word in process.cmdline()[3:4])
    return found


def test_ranks_elsewhere_do_their_part_and_end_with_the_worker(
    places: list[str], tmp_path: Path
) -> None:
    known = catalogue.known()["torch-distributed-qr"]
    one = Entry(SMALL, known, Process(known.name, "cpu", threads=3, workers=3))
    with Pool(tmp_path, machine.usable_cores()) as pool:
        first = pool.first_fit(one)
        assert first.reason == ""
        assert first.answer.description["workers"] == 3
        others = rank_processes()
        assert len(others) == 2
        assert pool.sample(one.process, 2) > 0
        os.kill(others[0].pid, signal.SIGKILL)
        message = r"rank \d of 3 at tcp://.* has closed its connection"
        with pytest.raises(WorkerFailed, match=message):
            pool.sample(one.process, 1)
        assert pool.first_fit(one).reason == ""  # with new ones
    _, alive = psutil.wait_procs(rank_processes(), timeout=10)
    assert not alive


def test_the_interface_of_this_machine_is_found() -> None:
    assert remote.own_address("127.0.0.1") == "127.0.0.1"
    assert remote.interface("127.0.0.1") in ("lo", "lo0")
    assert remote.parts("tcp://10.0.0.1:8786") == ("10.0.0.1", 8786)
