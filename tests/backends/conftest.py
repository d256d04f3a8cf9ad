"""Workers for the tests of backends: one for all that are made ready by the same code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends import registry
from benchmarks.engine import machine
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Home
from benchmarks.engine.worker import WorkerFailed


class Served:
    """Starting a framework takes seconds, so that backends share a process where nothing differs.

    What a process is told before a backend's first fit is `start`. Backends that inherit the same
    one, of the same framework, would set the same switches in a process of their own.
    """

    def __init__(self, folder: Path, plugins: tuple[Path, ...]) -> None:
        self.folder, self.plugins = folder, plugins
        self.backends = registry.load(plugins)
        self.pools: dict[object, Pool] = {}

    def entry(self, workload: Workload, name: str, device: str = "cpu", **more: Any) -> Entry:
        """A workload for a backend in a process of its own, with one thread unless told."""
        process = Home(name, device, **{"threads": 1} | more)
        return Entry(workload, self.backends[name], process)

    def by(self, name: str, device: str = "cpu", tf32: bool = False) -> tuple[Pool, Home]:
        """A pool whose worker is the home of this backend, with one thread."""
        backend, home = self.backends[name], Home(name, device, threads=1, tf32=tf32)
        if missing := registry.missing(backend):
            pytest.skip(missing)
        key = backend.start, backend.framework, device
        worker = next(iter(self.pools[key].workers.values())) if key in self.pools else None
        if worker is None or worker.failed:
            folder = self.folder / f"{len(self.pools)}-{name}"
            self.pools[key] = Pool(folder, machine.usable_cores(), plugins=self.plugins)
            for _, answer in self.pools[key].start([home]):
                if isinstance(answer, WorkerFailed):
                    if device != "cpu" and answer.kind == "unavailable":
                        self.pools.pop(key).close()
                        pytest.skip(str(answer))  # built without CUDA, on a machine with a GPU
                    raise answer
        elif worker.home != home:
            worker.home = home
            worker.ask("start", **worker.how_to_start())
            self.pools[key].workers = {home: worker}
        return self.pools[key], home

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
