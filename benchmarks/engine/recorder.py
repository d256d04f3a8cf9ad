"""What happens in a run: written down, told to whoever watches, and remembered."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import numpy as np

from backends.base import GradientDescent
from backends.worker.messages import ARRAYS, method_to_json
from benchmarks.engine import machine
from benchmarks.engine.answers import Fitted, Started
from benchmarks.engine.first_fit import FirstFit
from benchmarks.engine.plan import Entry, Options, Plan
from benchmarks.engine.pool import Pool
from benchmarks.engine.prepared import Prepared
from benchmarks.engine.process import Process
from benchmarks.engine.resume import Earlier
from benchmarks.engine.variants import git
from benchmarks.engine.worker import WorkerFailed
from benchmarks.errors import UserError
from benchmarks.gate.checks import Malformed, numbers
from benchmarks.gate.trajectory import relative_errors
from benchmarks.problems.workloads import Workload
from benchmarks.progress import Progress
from benchmarks.runfile import records
from benchmarks.runfile.header import Header, Record, Suite
from benchmarks.runfile.writer import FORMAT, RunWriter, now
from benchmarks.verdict import Verdict

#: At most so many samples of one feature go into the run file, for pictures.
_POINTS = 1_000


class Recorder:
    """The entries of a run, and which of them have dropped out."""

    def __init__(
        self, plan: Plan, pool: Pool, writer: RunWriter, progress: Progress, earlier: Earlier
    ) -> None:
        self.plan, self.pool, self.progress = plan, pool, progress
        self.write = writer.write
        self.earlier = earlier
        self.dropped = set(earlier.failed)
        #: Entries to fit alone at the end, each with its process, the phase and the reason.
        self.killed: dict[Entry, tuple[Process, str, str]] = {}
        ahead = [e for e in plan.entries if e.workload.name not in earlier.done]
        self.entries = [e for e in ahead if e.id not in self.dropped]
        self._processes = {entry: plan.processes(entry) for entry in self.entries}
        self._numbers: dict[Process, int] = {}
        self._fitted: set[Process] = set()  # that have had their first workload

    def entries_of(self, workload: Workload) -> list[Entry]:
        """The entries of a workload that have not dropped out."""
        return [e for e in self.entries if e.workload is workload and e.id not in self.dropped]

    def processes(self, entry: Entry) -> list[Process]:
        """Those in which an entry is measured."""
        return self._processes[entry]

    def add_process(self, entry: Entry, process: Process) -> None:
        """One more, which has made its first fit."""
        self._processes[entry] = [*self._processes[entry], process]

    def record(
        self, kind: Callable[..., Record], entry: Entry, process: Process, **fields: Any
    ) -> None:
        """Write a record of an entry in one of its processes."""
        self.write(kind(entry=entry.id, replicate=self.replicate(process), **fields))

    def replicate(self, process: Process) -> int:
        """The number under which the samples of a process are recorded."""
        return self.earlier.replicates + process.replicate

    def opened(self, options: Options) -> None:
        """What will be run, how, and on what machine."""
        plan, commit, changes = self.plan, git("rev-parse", "HEAD"), git("status", "--porcelain")
        suite = Suite(
            version=version("linreg-bench"),
            commit=commit.decode().strip() if commit else None,
            dirty=None if changes is None else bool(changes),
        )
        if options.calibration:
            self.progress.say(options.calibration)
        for workload in (workload for workload in plan.workloads if workload.file):
            self.progress.say(f"{workload.name}: {workload.description}")
        self.write(
            Header(
                format=FORMAT,
                started=now(),
                command=options.command,
                seed=options.seed,
                budget_seconds=options.budget,
                precision=options.precision,
                replicates=plan.replicates,
                most_replicates=plan.most_replicates,
                cold=plan.cold,
                tf32=plan.tf32,
                plugins=[str(path.resolve()) for path in options.plugins],
                suite=suite,
                calibration=options.calibration,
                machine=machine.describe(options.cores),
                environments=[environment.record() for environment in plan.environments],
                entries=[entry.record() for entry in plan.entries],
                absent=plan.absent,
                files=[workload.file for workload in plan.workloads if workload.file],
            )
        )

    def started(self, process: Process, answer: Started | WorkerFailed) -> None:
        """A process is ready, or all its entries drop out."""
        if isinstance(answer, WorkerFailed):
            phase = "absent" if answer.kind == "unavailable" else "start"
            for entry in self._served_by(process):
                self.drop(entry, phase, str(answer), process)
            return
        self.write(
            records.WorkerRecord(
                worker=self._number(process),
                backend=process.name,
                device=process.device,
                threads=process.threads,
                replicate=self.replicate(process),
                import_seconds=answer.import_seconds,
                start_seconds=answer.start_seconds,
                sandboxed=answer.sandboxed,
                log=self._log(process),
            )
        )

    def prepared(self, prepared: Prepared, seed: int) -> None:
        """The data of a workload are made.

        Raises:
            UserError: they are not those of the run that is being resumed.
        """
        name = prepared.workload.name
        if name not in self.earlier.data:
            self.write(_workload(prepared, seed))
        elif self.earlier.data[name] != prepared.sha256:
            raise UserError(f"cannot resume: the data of {name!r} come out differently now")

    def fitted(self, entry: Entry, process: Process, first: FirstFit) -> None:
        """A first fit is made, and judged."""
        answer = first.answer
        self.record(
            records.FitRecord,
            entry,
            process,
            worker=self._number(process),
            fresh=process not in self._fitted and not answer.description.get("compiled_before"),
            cores=first.cores,
            sha256=first.loaded.sha256,
            transfer_seconds=first.loaded.transfer_seconds,
            compile_seconds=answer.seconds,
            peak_bytes=answer.peak_bytes,
            description=answer.description,
            **_numbers(answer.fit, entry.workload),
        )
        self._fitted.add(process)
        if first.mismatch:
            self.drop(entry, "parity", first.mismatch)
        else:
            self.judged(entry, process, first.verdict)

    def judged(self, entry: Entry, process: Process, verdict: Verdict) -> None:
        """A fit has its verdict; an entry that fails drops out."""
        self.record(records.VerdictRecord, entry, process, **vars(verdict))
        if not verdict.passed:
            self.dropped.add(entry.id)
            outcome = "failed" if verdict.judged else "not judged"
            self.progress.say(f"{entry.id}: {outcome}: {verdict.reason}")

    def warned(self, workload: Workload, warnings: Iterable[str]) -> None:
        """What disturbed the measurement."""
        for warning in warnings:
            message = f"{workload.name}: {warning}"
            self.progress.say(message)
            self.write(records.WarningRecord(message=message))

    def drop(self, entry: Entry, phase: str, reason: str, process: Process | None = None) -> None:
        """Record, once, that an entry drops out, and where that showed."""
        if entry.id not in self.dropped or entry in self.killed:
            self.killed.pop(entry, None)
            self.dropped.add(entry.id)
            log = self._log(process) if process else ""
            failure = records.FailureRecord(entry=entry.id, phase=phase, reason=reason, log=log)
            self.write(failure)
            self.progress.say(f"{entry.id}: {phase}: {reason}")

    def failed(self, entry: Entry, process: Process, phase: str, failure: WorkerFailed) -> None:
        """Drop an entry; if its worker is gone, its later entries as well.

        If it was killed beside workers of plug-ins, all of them are to fit alone at the end.
        """
        lost = [(entry, phase, str(failure))]
        if self.pool.workers[process].failed:
            reason = f"its worker was lost in workload {entry.workload.name!r}: {failure}"
            entries = self._served_by(process)
            lost += [(later, "start", reason) for later in entries[entries.index(entry) + 1 :]]
        for one, when, why in lost:
            if failure.kind != "killed" or not self._has_strangers(process):
                self.drop(one, when, why, process)
            elif one.id not in self.dropped:
                self.dropped.add(one.id)
                self.killed[one] = process, when, why
                self.progress.say(f"{one.id}: {why}; it fits again at the end, alone")

    def _has_strangers(self, process: Process) -> bool:
        """Whether others than `process` have had code that is not the suite's own."""
        return any(other.plugin for other in self.pool.workers if other != process)

    def _served_by(self, process: Process) -> list[Entry]:
        return [entry for entry in self.entries if process in self._processes[entry]]

    def _number(self, process: Process) -> int:
        """Under which a worker is recorded."""
        return self._numbers.setdefault(process, self.earlier.workers + len(self._numbers))

    def _log(self, process: Process) -> str:
        """Where the output of a worker is, seen from the run's folder."""
        return f"logs/{self.pool.workers[process].log.name}"


def _workload(prepared: Prepared, seed: int) -> records.WorkloadRecord:
    """The data, how hard they are, and the right answer."""
    workload, reference = prepared.workload, prepared.reference
    recipe, problem, solution = workload.recipe, reference.problem, reference.solution
    descent_errors = points = None
    if reference.descent:
        iterates = reference.descent.trajectory.iterates
        descent_errors = relative_errors(iterates, solution.coefficients)
    if recipe.n_features == 1 and recipe.n_samples <= _POINTS:
        points = records.Points(**{n: getattr(problem.data, n).ravel().tolist() for n in ARRAYS})
    return records.WorkloadRecord(
        name=workload.name,
        description=workload.description,
        method=records.MethodRecord(**method_to_json(workload.method)),
        dtype=recipe.dtype,
        n_samples=recipe.n_samples,
        n_features=recipe.n_features,
        n_test=recipe.n_test,
        sigma=problem.sigma,
        seed=seed,
        sha256=prepared.sha256,
        condition=reference.solution.conditioning.condition,
        scaled_condition=reference.scaled.conditioning.condition,
        tangent=reference.solution.conditioning.tangent,
        rank=solution.rank,
        note=reference.note,
        weight=_listed(problem.weight),
        bias=problem.bias,
        certified=_listed(problem.certified),
        solution=_listed(solution.coefficients),
        descent_errors=_listed(descent_errors),
        points=points,
    )


def _numbers(fitted: Fitted, workload: Workload) -> dict[str, Any]:
    """The fields of a fit that are as many numbers as were asked for; the gate tells of others."""
    epochs = workload.method.epochs if isinstance(workload.method, GradientDescent) else 0
    shapes = {"weight": (workload.recipe.n_features,), "bias": ()}
    shapes |= {"train_losses": (epochs,), "test_losses": (epochs,)}
    found = {}
    for name, shape in shapes.items():
        with suppress(Malformed):
            found[name] = numbers(name, getattr(fitted, name), shape, finite=False)
    return found


def _listed(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else values.tolist()
