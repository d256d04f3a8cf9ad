"""Clusters on this machine: a scheduler and workers, started by hand as people start them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[3]
#: Seconds in which things have to happen that take some seconds at most.
_PATIENCE = 60.0


def environment(tree: Path = ROOT) -> dict[str, str]:
    """Of a process that imports the suite from `tree`."""
    return os.environ | {"PYTHONPATH": str(tree)}


def until(happens: Callable[[], Any], what: str) -> Any:
    """The first answer that is true; fails if there is none in time."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if found := happens():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen")


class Cluster:
    """A scheduler, and workers with folders of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workers = folder, list[subprocess.Popen[bytes]]()

    def __enter__(self) -> Self:
        file = self.folder / "scheduler.json"
        where = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        self.scheduler = self._dask("scheduler", *where)
        until(file.exists, "a scheduler")
        log = self.folder / "scheduler.log"
        until(lambda: "Scheduler at:" in log.read_text(), "a scheduler")
        [line] = [one for one in log.read_text().splitlines() if "Scheduler at:" in one]
        self.address = line.split()[-1]
        return self

    def __exit__(self, *_error: object) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def start_worker(self, cores: Sequence[int], tree: Path = ROOT) -> subprocess.Popen[bytes]:
        """A worker that may use these cores, with the suite that is in `tree`."""
        name = f"worker-{len(self.workers)}"
        (self.folder / name).mkdir()
        what = ("worker", self.address, "--no-nanny", "--nthreads", "1", "--name", name)
        folder = ("--local-directory", str(self.folder / name), "--host", "127.0.0.1")
        process = self._dask(*what, *folder, name=name, cores=cores, tree=tree)
        self.workers.append(process)
        log = self.folder / f"{name}.log"
        until(lambda: "Registered to:" in log.read_text(), "a worker")
        return process

    def _dask(
        self,
        *words: str,
        name: str = "scheduler",
        cores: Sequence[int] = (),
        tree: Path = ROOT,
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--no-dashboard"],
                cwd=self.folder,
                env=environment(tree),
                stdout=log,
                stderr=log,
                preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
            )


def start(out: Path, *words: object) -> subprocess.Popen[str]:
    """`linreg-bench run` of NumPy's backend with a report in `out`."""
    what = ("--backends", "numpy-gelsd", "--quiet", "--out")
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "run", *what, out, *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs this in the background may have had it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(out: Path, *words: object) -> tuple[int, str]:
    """The same, until its end: its status and what it said on standard error."""
    process = start(out, *words)
    _, errors = process.communicate()
    return process.returncode, errors


def measuring(*roots: subprocess.Popen[Any]) -> list[psutil.Process]:
    """The runs of tasks below some processes; the parent of each is its worker."""
    found = []
    for root in roots:
        try:
            below = psutil.Process(root.pid).children(recursive=True)
            found += [one for one in below if "benchmarks.cluster.child" in one.cmdline()]
        except psutil.Error:
            continue
    return found
