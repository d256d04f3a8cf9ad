"""Workers for the tests of backends: one for all that are made ready by the same code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends import registry
from benchmarks.engine import catalogue, machine
from benchmarks.engine.first_fit import FirstFit
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process
from benchmarks.engine.worker import Worker, WorkerFailed
from benchmarks.problems.workloads import WORKLOADS, Workload


class Served:
    """Starting a framework takes seconds, so that backends share a process where nothing differs.

    What a process is told before a backend's first fit is `start`. Backends that inherit the same
    one, of the same framework, would set the same switches in a process of their own.
    """

    def __init__(self, folder: Path, plugins: tuple[Path, ...]) -> None:
        self.folder = folder
        self.backends, self.known = registry.load(plugins), catalogue.known(plugins)
        self.pools: dict[object, Pool] = {}

    def entry(self, workload: Workload | str, name: str, device: str, tf32: bool = False) -> Entry:
        """A workload for a backend with one thread."""
        workload = WORKLOADS[workload] if isinstance(workload, str) else workload
        return Entry(workload, self.known[name], self.process(name, device, tf32))

    def process(self, name: str, device: str = "cpu", tf32: bool = False) -> Process:
        """The process of a backend with one thread."""
        return Process(name, device, threads=1, tf32=tf32, plugin=self.known[name].plugin)

    def by(self, process: Process) -> Pool:
        """A pool whose worker is that process."""
        name, device = process.backend, process.device
        backend = self.backends[name]
        if missing := registry.missing(backend):
            pytest.skip(missing)
        key = backend.start, backend.framework, device
        worker = next(iter(self.pools[key].workers.values())) if key in self.pools else None
        if worker is None or worker.failed:
            folder = self.folder / f"{len(self.pools)}-{name}"
            self.pools[key] = Pool(folder, machine.usable_cores())
            for _, answer in self.pools[key].start([process]):
                if isinstance(answer, WorkerFailed):
                    if device != "cpu" and answer.kind == "unavailable":
                        self.pools.pop(key).close()
                        pytest.skip(str(answer))  # built without CUDA, on a machine with a GPU
                    raise answer
        elif worker.process != process:
            worker.process = process
            worker.start()
            self.pools[key].workers.clear()
            self.pools[key].workers[process] = worker
        return self.pools[key]

    def first_fit(
        self, workload: Workload | str, name: str, device: str = "cpu", tf32: bool = False
    ) -> FirstFit:
        """The first fit of a workload by a backend with one thread."""
        entry = self.entry(workload, name, device, tf32)
        return self.by(entry.process).first_fit(entry)

    def worker(self, name: str) -> Worker:
        """The worker of a backend on the CPU, ready for data."""
        process = self.process(name)
        return self.by(process).workers[process]

    def close(self) -> None:
        for pool in self.pools.values():
            pool.close()


@pytest.fixture(scope="session")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("served"), tuple(request.config.getoption("--plugin")))
    yield made
    made.close()
