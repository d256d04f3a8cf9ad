"""One run: start the workers, and for each workload fit, judge and time its entries.

Everything is written to the run file as it happens; nothing is kept elsewhere.
"""

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from benchmarks import samples
from benchmarks.engine import claim, further, gpu, machine
from benchmarks.engine.alone import fit_alone
from benchmarks.engine.answers import Transferred
from benchmarks.engine.contender import Contender
from benchmarks.engine.controlled import Controls
from benchmarks.engine.opening import Opening
from benchmarks.engine.plan import Entry, Options, Plan
from benchmarks.engine.pool import Pool, WrongFit
from benchmarks.engine.process import ROOT, Process
from benchmarks.engine.recorder import Recorder
from benchmarks.engine.resume import Earlier
from benchmarks.engine.roofline import Roofline
from benchmarks.engine.schedule import Schedule, Turn
from benchmarks.engine.worker import WorkerFailed
from benchmarks.errors import UserError
from benchmarks.gate.solution import Unsolvable
from benchmarks.problems.workloads import Workload
from benchmarks.progress import Progress
from benchmarks.runfile import records
from benchmarks.runfile.header import BASELINES
from benchmarks.runfile.writer import NAME, RunWriter, now

#: Compiling may take so many seconds, however small the budget: a second fit is made all the same.
COMPILING = 30.0


def run(
    plan: Plan,
    options: Options,
    folder: Path,
    progress: Progress | None = None,
    earlier: Earlier | None = None,
) -> None:
    """Carry out `plan` and leave the run file and `logs/` in `folder`.

    With `earlier`, what an interrupted run has measured already, the run file there is continued.

    Raises:
        UserError: the folder cannot be written. What was written before stays.
        KeyboardInterrupt: after the footer has been written.
    """
    progress = progress or Progress()
    measured = options.cores if options.budget is not None else ()
    with (
        claim.cores(measured, options.wait, progress.say),
        closing(RunWriter(folder / NAME)) as writer,
        Pool(
            folder,
            options.cores,
            seed=options.seed,
            affordable=0.0 if options.budget is None else max(options.budget, COMPILING),
            patience=options.patience,
            memory_bytes=options.memory_bytes,
        ) as pool,
    ):
        recorder = Recorder(plan, pool, writer, progress, earlier or Earlier())
        if earlier is None:
            recorder.opened(options)
        outcome = "interrupted"
        try:
            _Execution(recorder, options).go()
            outcome = "complete"
        finally:
            # With the disk full this fails as well: the first error matters more.
            with suppress(UserError):
                writer.write(records.Footer(ended=now(), outcome=outcome, machine=machine.state()))


class _Execution:
    """A run while it goes on."""

    def __init__(self, recorder: Recorder, options: Options) -> None:
        self.recorder, self.options = recorder, options
        self.plan, self.pool, self.progress = recorder.plan, recorder.pool, recorder.progress
        self.rng = random.Random(options.seed + recorder.earlier.workers)
        self.gpus = gpu.of({entry.process.device for entry in self.plan.entries})
        self.roofline = Roofline(recorder, options.seed)
        self.controls = Controls(recorder)
        self.opening = Opening(recorder, len(options.cores))

    def go(self) -> None:
        """All workloads that are not done yet."""
        earlier = self.recorder.earlier
        for entry, reason in self.plan.too_large.items():
            self.recorder.drop(entry, "absent", reason)
        left = max(0.0, (self.options.budget or 0.0) - earlier.spent)
        workloads = [w for w in self.plan.workloads if w.name not in earlier.done]
        for position, workload in enumerate(workloads):
            title = f"{workload.name} ({position + 1} of {len(workloads)})"
            entries = self.recorder.entries_of(workload)
            self.opening.start(self._processes(entries), workload.name)
            self._first_fits(workload, title)
            if self.options.budget is not None:
                entries = self.recorder.entries_of(workload)
                self.roofline.measure(entries)
                before, began = machine.reading(), time.perf_counter()
                schedule = Schedule(
                    self._contenders(workload),
                    left / (len(workloads) - position),
                    began + left,
                    self.rng,
                    precision=self.options.precision,
                    others_follow=position + 1 < len(workloads),
                )
                throttling = self._measure(workload, schedule, title)
                self.controls.outside(self.recorder.entries_of(workload))
                left -= time.perf_counter() - began - schedule.beside
                self._record_gpus(workload)
                self._measure_energy(workload, schedule)
                self.roofline.measure(self.recorder.entries_of(workload))
                self.roofline.exchange(self.recorder.entries_of(workload))
                disturbances = machine.disturbances(before, machine.reading())
                self.recorder.warned(workload, disturbances + throttling.warnings())
                self._judge_last(self.recorder.entries_of(workload))
                self.controls.unseen(self.recorder.entries_of(workload), schedule.contenders)
            self.recorder.write(records.DoneRecord(workload=workload.name))
            later = [e for w in workloads[position + 1 :] for e in self.recorder.entries_of(w)]
            self.pool.workers.keep(entry.process for entry in later)
        fit_alone(self.recorder)

    def _processes(self, entries: Sequence[Entry]) -> list[Process]:
        every = (process for entry in entries for process in self.recorder.processes(entry))
        return list(dict.fromkeys(every))

    def _first_fits(self, workload: Workload, title: str) -> None:
        """Those who fail the gate drop out."""
        self.progress.status(f"{title}: making the data and the reference solution")
        entries = self.recorder.entries_of(workload)
        try:
            prepared = self.pool.prepare(workload)
        except Unsolvable as error:
            for entry in entries:
                self.recorder.drop(entry, "reference", str(error))
            return
        self.recorder.prepared(prepared, self.options.seed)
        wanted = [(e, process) for e in entries for process in self.recorder.processes(e)]
        self.opening.fit(wanted, title)

    def _contenders(self, workload: Workload) -> list[Contender]:
        entries = self.recorder.entries_of(workload)
        usual = [e for e in entries if e.process.name == BASELINES[workload.method.kind]]
        # The same as in reports.
        baseline = min(usual, key=lambda e: e.process.device != "cpu", default=None)
        return [self._contender(entry, baseline) for entry in entries]

    def _contender(self, entry: Entry, baseline: Entry | None) -> Contender:
        return Contender(
            entry.id,
            self.opening.fit_seconds(entry),
            [self.recorder.replicate(process) for process in self.recorder.processes(entry)],
            original=entry.record().original if entry.process.launch.variant else None,
            baseline=baseline.id if baseline else None,
            idiomatic=entry.backend.style == "idiomatic",
            rounds=dict(self.recorder.earlier.rounds.get(entry.id, {})),
            threads=entry.process.threads,
            second=self.opening.second(entry),
        )

    def _measure(self, workload: Workload, schedule: Schedule, title: str) -> gpu.Throttling:
        """Time the entries as the schedule says; those in the race get further processes."""
        self._record_gpus(workload)
        throttling = gpu.Throttling(self.gpus.values())
        self._take(workload, schedule, schedule.scout(), throttling, title)
        began = time.perf_counter()
        further.add(self.opening, workload, schedule.contenders, schedule.seconds / 2)
        schedule.pause(time.perf_counter() - began)
        self._take(workload, schedule, schedule.decide(), throttling, title)
        for c in schedule.contenders:
            if not c.rounds and not c.lost:
                took = f"a fit took {c.fit_seconds:.2g} s"
                self.progress.say(f"{c.entry}: not timed: {took}, the budget is too small")
        return throttling

    def _take(
        self,
        workload: Workload,
        schedule: Schedule,
        turns: Iterator[Turn],
        throttling: gpu.Throttling,
        title: str,
    ) -> None:
        """Take turns, and record them."""
        by_id = {entry.id: entry for entry in self.recorder.entries_of(workload)}
        processes = {
            (entry.id, self.recorder.replicate(process)): process
            for entry in by_id.values()
            for process in self.recorder.processes(entry)
        }
        for turn in turns:
            if turn.seconds is None:
                process = processes[turn.entry, turn.replicate]
                self._sample(by_id[turn.entry], process, turn)
            throttling.poll()
            if turn.round is None or turn.seconds is None:
                continue  # a warm-up, or its worker was lost
            self.recorder.write(
                records.SampleRecord(
                    entry=turn.entry,
                    replicate=turn.replicate,
                    round=turn.round,
                    fits=turn.fits,
                    seconds=turn.seconds,
                )
            )
            if self.progress.due():
                timed = [(by_id[c.entry].record(), c.rounds) for c in schedule.contenders]
                status = f"{title}: round {turn.round}, {schedule.left:.0f} s left"
                self.progress.standings(status, timed)

    def _sample(self, entry: Entry, process: Process, turn: Turn) -> None:
        """Take a turn; also the energy of a fit, if it lasts long enough to tell."""
        gauges, began = self.gpus.get(process.device), time.perf_counter()
        before = gauges.joules() if gauges else None
        try:
            turn.seconds = self.pool.sample(process, turn.fits, turn.expected)
        except WorkerFailed as failure:
            self.recorder.failed(entry, process, "sample", failure)
        except WrongFit as wrong:
            self.recorder.judged(entry, process, wrong.verdict)
        turn.spent = time.perf_counter() - began
        if turn.seconds is None:
            return
        after = gauges.joules() if gauges else None
        long = turn.fits * turn.seconds >= gpu.LONG_ENOUGH
        if before is not None and after is not None and long:
            joules = (after - before) / turn.fits
            self.recorder.record(records.DeviceRecord, entry, process, joules=joules)

    def _record_gpus(self, workload: Workload) -> None:
        for gauges in self.gpus.values():
            self.recorder.write(gauges.record(workload.name))

    def _measure_energy(self, workload: Workload, schedule: Schedule) -> None:
        """Of the fastest entry on each GPU, by fits that last long enough to tell.

        It is on top of the budget; for all entries it would take too long.
        """
        typical = {c.entry: samples.middle(c.rounds) for c in schedule.contenders if c.rounds}
        for device, gauges in self.gpus.items():
            entries = self.recorder.entries_of(workload)
            there = [e for e in entries if e.process.device == device and e.id in typical]
            if gauges.joules() is None or not there:
                continue
            fastest = min(there, key=lambda entry: typical[entry.id])
            seconds = typical[fastest.id]
            if seconds < gpu.LONG_ENOUGH:  # others are measured by their samples
                fits = math.ceil(1.2 * gpu.LONG_ENOUGH / seconds)
                self._sample(fastest, fastest.process, Turn(fastest.id, 0, fits, None))

    def _judge_last(self, entries: Sequence[Entry]) -> None:
        """Judge the last timed fits as well."""
        for entry in entries:
            for process in self.recorder.processes(entry):
                if entry.id in self.recorder.dropped:
                    break
                try:
                    verdict, seconds = self.pool.last_fit(entry, process)
                    self.recorder.judged(entry, process, verdict)
                    if seconds is not None:
                        self.recorder.record(
                            records.DeviceRecord, entry, process, device_seconds=seconds
                        )
                    if self.gpus:  # on the CPU as well, to compare
                        self._time_transfers(entry, process)
                except WorkerFailed as failure:
                    self.recorder.failed(entry, process, "fit", failure)

    def _time_transfers(self, entry: Entry, process: Process) -> None:
        """How long data take to the device, where they fit there twice."""
        if process.launch.tree != ROOT:
            return  # an older worker may not know the question
        worker = self.pool.workers[process]
        try:
            transferred: Transferred = worker.ask("transfers")
        except WorkerFailed:
            if worker.failed:
                raise
            return
        self.recorder.record(records.TransferRecord, entry, process, seconds=transferred.seconds)
