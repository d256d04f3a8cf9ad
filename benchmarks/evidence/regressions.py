"""Is a backend that became slower found, and is one that did not left alone?"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from backends import registry
from benchmarks import runfile
from benchmarks.engine import machine, plan
from benchmarks.engine.options import Options
from benchmarks.engine.process import Variant
from benchmarks.engine.run import run
from benchmarks.estimates import Estimate
from benchmarks.problems.workloads import select
from benchmarks.runfile import Record
from reports.analysis import compare as comparing
from reports.analysis.changes import changes
from reports.terminal.progress import Progress

_SLOWED = "torch-cholesky"
_OTHERS = ("numpy-gelsd", "scipy-*y", "torch-gelsy", "sklearn-linear")
_WORKLOADS = ("line", "500x5", "300x20", "1000x10:float64", "2000x5")

Times = Annotated[int, typer.Option(help="How often.")]
Seconds = Annotated[float, typer.Option(help="Measurement time of each run.")]
Percent = Annotated[float, typer.Option(help="How much extra work the slower version does.")]
Limit = Annotated[float, typer.Option(help="The slow-down that is asked for, in percent.")]


def beside(
    times: Times = 10, seconds: Seconds = 15.0, percent: Percent = 10.0, limit: Limit = 5.0
) -> None:
    """Time a backend beside itself and beside a slower version, in the same rounds."""
    variants = (Variant("again"), Variant("slow", extra_work=percent / 100))
    wrong = found = 0
    for number in range(times):
        records = _run([_SLOWED], seconds, [None, *variants])
        # Here it is the other one that does more work: the ratio is turned over.
        ratios = {c.other: _inverse(c.ratio) for c in changes(records) if c.ratio}
        slower = [other for other, ratio in ratios.items() if ratio.low > 1 + limit / 100]
        alarms = [other for other in slower if "@again" in other]
        wrong, found = wrong + bool(alarms), found + (len(slower) > len(alarms))
        for other, ratio in ratios.items():
            print(f"{number + 1:3}: {other}: {ratio}", flush=True)
    print(f"false alarms: {wrong} of {times}; {percent:g} % found: {found} of {times}")


def between(
    times: Times = 10, seconds: Seconds = 60.0, percent: Percent = 10.0, limit: Limit = 5.0
) -> None:
    """Compare runs of the same code, and with runs in which one backend has become slower."""
    slow = Variant("slow", extra_work=percent / 100)
    wrong = found = 0
    for number in range(times):
        old, same = (_run([_SLOWED, *_OTHERS], seconds) for _ in range(2))
        alarms = comparing.compare(old, same).slower(limit / 100)
        changed = comparing.compare(old, _run([_SLOWED, *_OTHERS], seconds, instead=slow))
        wrong, found = wrong + bool(alarms), found + bool(changed.slower(limit / 100))
        print(f"{number + 1:3}: same code: slower for certain: {alarms or 'none'}")
        for mean in changed.overall:
            print(f"     {mean.place} on average: {mean.ratio}")
        print(f"     slower for certain: {changed.slower(limit / 100) or 'none'}", flush=True)
    print(f"false alarms: {wrong} of {times}; {percent:g} % found: {found} of {times}")


def _run(
    names: Sequence[str],
    seconds: float,
    variants: Sequence[Variant | None] = (None,),
    instead: Variant | None = None,
) -> list[Record]:
    """A run of small least-squares workloads; `instead` takes the place and name of `_SLOWED`."""
    cores = machine.usable_cores()
    made = plan.make(
        select(_WORKLOADS),
        plan.choose_backends(names, registry.load()),
        ["cpu"],
        n_cores=len(cores),
        n_gpus=0,
        threads=1,
        available_bytes=psutil.virtual_memory().available,
        replicates=3,
        variants=variants,
    )
    if instead:
        entries = [
            replace(e, home=replace(e.home, variant=instead)) if e.backend.name == _SLOWED else e
            for e in made.entries
        ]
        made = replace(made, entries=entries)
    options = Options(["regressions"], cores, budget=seconds, precision=None)
    with tempfile.TemporaryDirectory() as folder, Progress(Console(quiet=True)) as progress:
        run(made, options, Path(folder), progress)
        path = Path(folder) / runfile.NAME
        if instead:
            text = path.read_text().replace(f"@{instead.name}", "")
            path.write_text(re.sub(r'"variant_of": "[^"]*"', '"variant_of": null', text))
        return runfile.read(path)


def _inverse(ratio: Estimate) -> Estimate:
    return Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
