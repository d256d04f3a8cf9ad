"""The workers of a run, by process, and the servers that fork them."""

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.engine.answers import Started
from benchmarks.engine.fork_server import ForkServer
from benchmarks.engine.parallel import in_parallel
from benchmarks.engine.process import Forking, Process
from benchmarks.engine.worker import PATIENCE, Worker, WorkerFailed

#: What a server has imported, and for how many threads.
_Key = tuple[Forking, int]


class Workers(dict[Process, Worker]):
    """Workers by process; whoever makes it has to `close` it."""

    def __init__(self, logs: Path, temporary: Path, at_once: int, **kept: Any) -> None:
        """Nothing is started yet.

        Args:
            logs: gets the log of each process.
            temporary: in which each has a folder of its own.
            at_once: how many are started or ended at the same time.
            kept: for `Worker`: patience and so on.
        """
        super().__init__()
        self._logs, self._temporary, self._at_once, self._kept = logs, temporary, at_once, kept
        self._servers: dict[_Key, ForkServer] = {}

    def start(
        self, processes: Iterable[Process], at_once: int | None = None
    ) -> Iterator[tuple[Process, Started | WorkerFailed]]:
        """Start workers, `at_once` at a time, by default as many as there are cores.

        They are not bound to cores yet: OpenBLAS, for one, never uses more cores than it is
        allowed when it is loaded.

        Yields:
            Each process as its worker is ready or lost.
        """
        processes, at_once = list(processes), at_once or self._at_once
        list(in_parallel(self._starting(processes), at_once))
        jobs = ((process, self.add(process).start) for process in processes)
        yield from in_parallel(jobs, at_once)

    def add(self, process: Process) -> Worker:
        """One more, whose `start` has not been called.

        It is started anew where its framework cannot be imported: then it says why.
        """
        for _, is_ready in self._starting([process]):
            is_ready()
        server = self._servers.get(key) if (key := _key(process)) else None
        name = re.sub(r"[^\w@-]+", "", f"{process.name}-{process.device}-{process.threads}")
        self[process] = Worker(
            process,
            self._logs / f"{len(self):02d}-{name}.log",
            server if server and server.is_ready(self._patience) else None,
            temporary=self._temporary,
            **self._kept,
        )
        return self[process]

    def retire(self, processes: Iterable[Process]) -> None:
        """Stop workers that are not needed any more: they hold memory."""
        workers = [self[process] for process in processes]
        # Several at once: the system takes a while to free their memory.
        with ThreadPoolExecutor(self._at_once) as threads:
            list(threads.map(Worker.close, workers))

    def keep(self, needed: Iterable[Process]) -> None:
        """Stop all workers and servers but those of the processes `needed`, and of replicates."""
        needed = set(needed)
        self.retire(process for process in self if replace(process, replicate=0) not in needed)
        keys = set(map(_key, needed))
        for key in [key for key in self._servers if key not in keys]:
            self._servers.pop(key).close()

    def close(self) -> None:
        """Stop all; safe to call twice."""
        self.keep(())

    @property
    def _patience(self) -> float:
        return float(self._kept.get("patience", PATIENCE))

    def _starting(self, processes: Iterable[Process]) -> Iterator[tuple[_Key, Callable[[], bool]]]:
        """Start the servers that these processes lack, and say how to wait for each."""
        for process in processes:
            if (key := _key(process)) and key not in self._servers:
                name = f"fork-server-{len(self._servers)}-{key[0].framework}-{process.threads}"
                log = self._logs / f"{name}.log"
                self._servers[key] = ForkServer(process, log, self._temporary)
                yield key, partial(self._servers[key].is_ready, self._patience)


def _key(process: Process) -> _Key | None:
    return (process.forking, process.threads) if process.forking else None
