"""Backends against copies of themselves, in the same rounds."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from backends.base import GradientDescent
from benchmarks import estimates, scatter
from benchmarks.engine import catalogue, choice, machine, plan
from benchmarks.engine.plan import Options, Plan
from benchmarks.engine.process import Launch
from benchmarks.engine.run import run
from benchmarks.errors import UserError
from benchmarks.estimates import Estimate
from benchmarks.problems.workloads import TUTORIAL, Workload
from benchmarks.runfile.header import EntryRecord, Variant
from benchmarks.runfile.records import FailureRecord
from benchmarks.runfile.run import Run

assert isinstance(TUTORIAL.method, GradientDescent)
#: The first 50 epochs of the tutorial: about 15 ms of torch.
FIFTY = replace(TUTORIAL, name="tutorial-50", method=replace(TUTORIAL.method, epochs=50))


def copy(extra_work: float = 0.0) -> Launch:
    """A copy of a backend that works for this share of a fit's time after each fit."""
    name = f"{100 * extra_work:g}% more work" if extra_work else "again"
    return Launch(Variant(kind="copy", name=name), extra_work=extra_work)


def make_plan(
    workloads: Sequence[Workload],
    backends: Sequence[str],
    copies: Sequence[Launch] = (),
    *,
    threads: int | None = 1,
    replicates: int | None,
    plugins: Sequence[Path] = (),
) -> Plan:
    """Backends, by name or glob, and copies of them, on the CPU of this machine."""
    return plan.make(
        workloads,
        choice.choose_backends(backends, catalogue.known(plugins)),
        ["cpu"],
        n_cores=len(machine.usable_cores()),
        n_gpus=0,
        threads=threads,
        available_bytes=psutil.virtual_memory().available,
        replicates=replicates,
        launches=[Launch(), *copies],
    )


def measure(
    plan: Plan, seconds: float, seed: int = 0, folder: Path | None = None, **how: Any
) -> Run:
    """Time a plan for `seconds`, in new processes; `folder` keeps the run file, if given.

    `how` is for `Options`; by default no precision ends it.

    Raises:
        UserError: a worker failed, or a fit did not pass the gate.
    """
    how = {"precision": None} | how
    options = Options(["benchmarks.evidence"], machine.usable_cores(), seed, seconds, **how)
    with tempfile.TemporaryDirectory() as temporary:
        out = folder or Path(temporary)
        run(plan, options, out)
        done = Run.read(out)
    for entry in done.header.entries:
        for found in (*done.of(FailureRecord, entry.id), done.verdict(entry.id)):
            if found and found.reason:
                raise UserError(f"{entry.id}: {found.reason}")
    return done


def ratios(
    run: Run, confidence: float = estimates.CONFIDENCE, share: float = 1.0
) -> dict[EntryRecord, Estimate]:
    """The time of each copy over its backend's, from the first `share` of the rounds.

    Raises:
        UserError: there was no time for a round.
    """
    found = {}
    known = scatter.typical([run.rounds(entry.id) for entry in run.header.entries])
    for entry in (entry for entry in run.header.entries if entry.variant):
        times, baseline = run.rounds(entry.id), run.rounds(entry.original)
        first = sorted(times)[: max(1, round(share * len(times)))]
        kept = {number: times[number] for number in first}
        ratio = estimates.ratio(kept, baseline, confidence, known)
        if ratio is None:
            raise UserError("the time was too short for a single round")
        found[entry] = ratio
    return found
