"""The workers of a run and the data they work on: load, fit once, judge, then give samples."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from backends.base import Fit
from backends.worker.messages import ARRAYS, method_to_json, sha256
from benchmarks.engine import machine
from benchmarks.engine.parity import mismatch
from benchmarks.engine.plan import Entry
from benchmarks.engine.process import ROOT, Home
from benchmarks.engine.worker import Talk, Worker, WorkerFailed, talk_all
from benchmarks.errors import UserError
from benchmarks.gate import gate
from benchmarks.gate import reference as standard
from benchmarks.gate.gate import Verdict
from benchmarks.gate.reference import Reference
from benchmarks.problems.problem import Problem
from benchmarks.problems.workloads import Workload

#: Seconds in which a device finishes what it was given, if a wrong result was an unfinished one.
_UNFINISHED = 0.5


@dataclass(frozen=True)
class Prepared:
    """A workload whose data are made, on disk and understood."""

    workload: Workload
    problem: Problem
    folder: Path
    sha256: str
    reference: Reference

    @cached_property
    def with_tf32(self) -> Reference:
        """The reference for entries with TF32 on."""
        return standard.with_tf32(self.reference)


@dataclass(frozen=True)
class FirstFit:
    """What an entry's first fit showed."""

    sha256: str  # of the data that the worker received
    cores: list[int]
    transfer_seconds: float
    seconds: float
    peak_bytes: int | None  # of memory, over what was resident before
    fit: dict[str, Any]  # the fields of `Fit`, as lists
    description: dict[str, Any]
    mismatch: str  # why it is not the work that was asked for; empty if it is
    verdict: Verdict

    @property
    def reason(self) -> str:
        """Why the entry may not be timed; empty if it may."""
        return self.mismatch or self.verdict.reason


@dataclass(frozen=True)
class LastFit:
    """What an entry's last fit showed."""

    verdict: Verdict
    device_seconds: float | None  # of one fit by the device's own clock, where it has one


class Pool:
    """Workers by home, each kept from workload to workload, and the current workload's data.

    Use as a context manager, or `close`. Whatever a worker does wrong comes as `WorkerFailed`.
    """

    def __init__(self, folder: Path, cores: Sequence[int], *, seed: int = 0, **kept: Any) -> None:
        """Nothing is started yet.

        Args:
            folder: gets `logs/`, and `data/` until the pool is closed.
            cores: to measure on.
            seed: for the data.
            kept: how workers are kept, as `Worker` takes it: plugins, patience and so on.
        """
        self.folder, self.cores, self.seed = folder, list(cores), seed
        self.kept = kept
        self.workers: dict[Home, Worker] = {}
        self._prepared: Prepared | None = None
        self._quietest: list[int] = []  # the cores, those that others use least first
        try:
            (folder / "logs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {folder}: {error.strerror}") from error

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all workers and remove the data."""
        self.retire(list(self.workers))
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def retire(self, homes: Sequence[Home]) -> None:
        """Stop workers that are not needed any more: they hold memory."""
        for home in homes:
            self.workers[home].close()

    def start(
        self, homes: Sequence[Home], at_once: int | None = None
    ) -> Iterator[tuple[Home, dict[str, Any] | WorkerFailed]]:
        """Start workers, by default as many at once as there are cores.

        Yields:
            Each home as its worker is ready or lost.
        """

        def start(worker: Worker) -> Talk[dict[str, Any]]:
            # Not bound to cores yet: OpenBLAS, for one, takes the cores that it is allowed when
            # it is loaded for the most threads that it may ever use.
            return (yield "start", worker.how_to_start())

        made = (self._spawn(home) for home in homes)
        talks = ((worker, start(worker)) for worker in made)
        for worker, answer in talk_all(talks, at_once or len(self.cores)):
            yield worker.home, answer

    def _spawn(self, home: Home) -> Worker:
        name = re.sub(r"[^\w@-]+", "", f"{home.name}-{home.device}-{home.threads}")
        log = self.folder / "logs" / f"{len(self.workers):02d}-{name}.log"
        worker = Worker(home, log, **self.kept)
        self.workers[home] = worker
        return worker

    def cores_for(self, threads: int) -> list[int]:
        """The cores that others use least just now; the same ones for a whole workload."""
        if threads >= len(self.cores):
            return self.cores
        if not self._quietest:
            self._quietest = machine.quietest(self.cores)
        return sorted(self._quietest[:threads])

    def prepare(self, workload: Workload) -> Prepared:
        """Make the data of a workload, for workers to map, and its reference solution.

        Raises:
            UserError: the data cannot be written.
        """
        if self._prepared and self._prepared.workload is workload:
            return self._prepared
        problem = workload.make(self.seed)
        data = self.folder / "data"
        folder = data / re.sub(r"[^\w.=-]+", "_", workload.name)
        try:
            shutil.rmtree(data, ignore_errors=True)  # one workload's data at a time
            folder.mkdir(parents=True)
            for name in ARRAYS:
                np.save(folder / f"{name}.npy", getattr(problem.data, name))
        except OSError as error:
            raise UserError(f"cannot write the data to {folder}: {error.strerror}") from error
        # One thread: on matrices of this size LAPACK's QR gets slower with several, not faster.
        with threadpool_limits(1):
            reference = standard.prepare(workload, problem)
        digest = sha256(problem.data)
        self._prepared = Prepared(workload, problem, folder.resolve(), digest, reference)
        self._quietest = []
        return self._prepared

    def first_fit(self, entry: Entry, home: Home | None = None) -> FirstFit:
        """Load the entry's data into a worker of its, fit once, and judge the fit.

        Args:
            entry: what to fit.
            home: which of the entry's processes is to do it; by default its first.
        """
        home = home or entry.home
        if home not in self.workers:
            for _, answer in self.start([home]):
                if isinstance(answer, WorkerFailed):
                    raise answer
        [(_, _, first)] = self.first_fits([(entry, home)])
        if isinstance(first, WorkerFailed):
            raise first
        return first

    def first_fits(
        self, wanted: Iterable[tuple[Entry, Home]], at_once: int = 1
    ) -> Iterator[tuple[Entry, Home, FirstFit | WorkerFailed]]:
        """Load, fit once and judge, `at_once` at the same time and each on cores of its own.

        Args:
            wanted: entries of one workload, and which of their processes, which are started.
            at_once: no more than there are cores for.

        Yields:
            Each as it ends.
        """
        free: list[list[int]] = []
        whose: dict[Home, Entry] = {}

        def talks() -> Iterator[tuple[Worker, Talk[FirstFit]]]:
            for entry, home in wanted:
                if not whose:
                    self.prepare(entry.workload)
                    free.extend(self._apart(home.threads, at_once))
                whose[home] = entry
                yield self.workers[home], self._first_fit(entry, home, free)

        for worker, first in talk_all(talks(), at_once):
            yield whose[worker.home], worker.home, first

    def _first_fit(self, entry: Entry, home: Home, free: list[list[int]]) -> Talk[FirstFit]:
        """On some of the `free` cores; then it is bound to those of the samples."""
        prepared, cores = self.prepare(entry.workload), free.pop()
        method = method_to_json(entry.workload.method)
        try:
            yield "pin", {"cores": cores}
            loaded = yield "load", {"folder": str(prepared.folder), "method": method}
            first = yield "first", {}
            cores_of_samples = self.cores_for(home.threads)
            yield "pin", {"cores": cores_of_samples}
        finally:
            free.append(cores)
        description, received = first["description"], loaded["sha256"]
        return FirstFit(
            sha256=received,
            cores=cores_of_samples,
            transfer_seconds=loaded["transfer_seconds"],
            seconds=first["seconds"],
            peak_bytes=first.get("peak_bytes"),  # an older checkout does not say
            fit=first["fit"],
            description=description,
            mismatch=mismatch(entry, description, received, prepared.sha256),
            verdict=self._judge(entry, home, first["fit"]),
        )

    def _apart(self, threads: int, count: int) -> list[list[int]]:
        """So many sets of cores that have none in common; the last are those of the samples."""
        self.cores_for(threads)
        order = self._quietest or self.cores
        sets = [sorted(order[n * threads : (n + 1) * threads]) for n in range(count)]
        return sets[::-1]

    def sample(self, home: Home, fits: int) -> float:
        """Time that many fits in a row; the seconds per fit."""
        return float(self.workers[home].ask("sample", fits=fits)["seconds"])

    def last_fit(self, entry: Entry, home: Home | None = None) -> LastFit:
        """The last timed fit, judged: a backend must not be right only when first asked."""
        home = home or entry.home
        last = self.workers[home].ask("last")
        return LastFit(self._judge(entry, home, last["fit"]), last.get("device_seconds"))

    def transfers(self, home: Home) -> list[float]:
        """The seconds of some further transfers of the data, after which nothing else is timed."""
        if home.variant and home.variant.tree != ROOT:
            return []  # another revision's worker may not know the question
        return [float(seconds) for seconds in self.workers[home].ask("transfers")["seconds"]]

    def _judge(self, entry: Entry, home: Home, fit: dict[str, Any]) -> Verdict:
        prepared = self.prepare(entry.workload)
        reference = prepared.with_tf32 if home.tf32 else prepared.reference
        verdict = gate.judge(Fit(**fit), reference, entry.backend.stability)
        if not verdict.passed and self._was_unfinished(home):
            early = "returned before its device had finished: the result changed afterwards"
            return replace(verdict, reason=f"{early}; at first, {verdict.reason}")
        return verdict

    def _was_unfinished(self, home: Home) -> bool:
        """Whether a wrong result has become another one since."""
        if home.variant and home.variant.tree != ROOT:
            return False  # another revision's worker may not know the question
        return bool(self.workers[home].ask("changed", seconds=_UNFINISHED)["changed"])
