"""The controls of a run: asked for after the samples, written down, and acted upon."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from backends.worker.renewal import MOST_BYTES
from benchmarks import samples
from benchmarks.engine import controls, memory
from benchmarks.engine.answers import Renewed
from benchmarks.engine.contender import Contender, fits_of_a_sample
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool, WrongFit
from benchmarks.engine.process import ROOT, Process
from benchmarks.engine.recorder import Recorder
from benchmarks.engine.worker import WorkerFailed
from benchmarks.runfile.records import ControlRecord

#: Copies of the data for a moment: changed ones, and those of the framework.
_COPIES = 4
#: A suspicion has to be confirmed until it was seen so often, each time beside so many samples, or
#: fewer from this many seconds on.
LOOKS, _SAMPLES, _SECONDS = 6, 5, 0.25


class Controls:
    """Drops the entries whose time is not that of their work."""

    def __init__(self, recorder: Recorder) -> None:
        """Nothing is looked at yet."""
        self.recorder, self.pool, self.rng = recorder, recorder.pool, random.Random()

    def outside(self, entries: Iterable[Entry]) -> None:
        """Look at clocks, CPU time and cores; nothing else may be asked since the samples."""
        now = controls.processes()
        for entry in entries:
            for process in self.recorder.processes(entry):
                if watch := self.pool.watched(process):
                    self.recorder.record(
                        ControlRecord,
                        entry,
                        process,
                        clock=watch.clock(),
                        cpu=watch.cpu(now),
                        disk_bytes=watch.disk_bytes(),
                    )
                    self._refuse(entry, process, watch.reason(now))

    def unseen(self, entries: Iterable[Entry], contenders: Sequence[Contender]) -> None:
        """Time and judge fits of data that the backend has not seen, in one process of each."""
        seconds = {c.entry: samples.middle(c.rounds) for c in contenders if c.rounds}
        for entry in entries:
            size = entry.workload.bytes
            short = size > MOST_BYTES or _COPIES * size > memory.available()
            if short or seconds.get(entry.id, controls.LONGEST) >= controls.LONGEST:
                continue
            process = self.rng.choice(self.recorder.processes(entry))
            if process.launch.tree != ROOT:
                continue  # an older worker may not know the question

            write = partial(self._write, entry, process)
            try:
                reason = examine(self.pool, entry, process, seconds[entry.id], write)
            except WorkerFailed as failure:
                if failure.kind != "memory" or self.pool.workers[process].failed:
                    self.recorder.failed(entry, process, "fit", failure)
            except WrongFit as wrong:
                self.recorder.judged(entry, process, wrong.verdict)
            else:
                self._refuse(entry, process, reason)

    def _write(self, entry: Entry, process: Process, visits: Renewed) -> None:
        times = {name: getattr(visits, name) for name in controls.TIMES}
        self.recorder.record(ControlRecord, entry, process, **times)

    def _refuse(self, entry: Entry, process: Process, reason: str) -> None:
        if reason:
            self.recorder.drop(entry, "control", reason, process)


def examine(
    pool: Pool,
    entry: Entry,
    process: Process,
    ordinary: float,
    write: Callable[[Renewed], None] = lambda visits: None,
) -> str:
    """What fits of unseen data say against a fit's typical seconds in the samples; "" if nothing.

    A machine that has become busy looks like a backend that keeps something. So a suspicion is
    looked at again and again, beside samples of the same moment, until one look does not confirm
    it.

    Raises:
        WorkerFailed: the backend could not do it.
        WrongFit: one more sample was wrong.
    """
    found: list[Renewed] = []
    reason, times = "", [ordinary]
    for look in range(LOOKS):
        visits, verdict = pool.renewed(entry, process, judged=look == 0)
        write(visits)
        if verdict and not verdict.passed:
            return f"a fit of data that it had not seen is wrong: {verdict.reason}"
        if look:
            times.append(_quickest(pool, process, fits_of_a_sample(ordinary, process.threads)))
        found.append(visits)
        if not (reason := controls.kept(found, times, process.device)):
            return ""
    return reason


def _quickest(pool: Pool, process: Process, fits: int) -> float:
    """The seconds of one fit in the quickest of some samples: it is the quickest that is doubted.

    On a busy machine most samples in a row are slow, unlike those in rounds, which come after a
    pause.
    """
    ends, samples = time.perf_counter() + _SECONDS, [pool.sample(process, fits)]
    while len(samples) < _SAMPLES and time.perf_counter() < ends:
        samples.append(pool.sample(process, fits))
    return min(samples)
