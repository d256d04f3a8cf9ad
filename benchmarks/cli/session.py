"""What `run` and `check` share: plan the entries, run them, and report."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from backends.description import Description
from backends.distributed import remote
from benchmarks import signals
from benchmarks.cli.options import Asked, parse_cores, parse_seconds, parse_workers
from benchmarks.engine import choice, machine, memory
from benchmarks.engine import plan as planning
from benchmarks.engine import run as engine
from benchmarks.engine.catalogue import Catalogue
from benchmarks.engine.plan import Options, Plan
from benchmarks.engine.resume import Earlier
from benchmarks.errors import FAILED, NOT_JUDGED, UserError
from benchmarks.evidence import calibrate
from benchmarks.printable import line
from benchmarks.problems.workloads import DEFAULT, FULL, Workload, select
from benchmarks.runfile import writer
from benchmarks.runfile.header import Reading
from benchmarks.runfile.run import Run
from reports.terminal.progress import TerminalProgress

if TYPE_CHECKING:
    from reports.analysis.rows import Row
    from reports.sections.changes import Change


def choose_workloads(asked: Asked, further: Mapping[str, Workload]) -> list[Workload]:
    """The named workloads, or those of plug-ins (`further`); with `--data` the table as well.

    Where none is named, with `--data` the table alone.

    Raises:
        UserError: a name is unknown, or the table cannot be fitted.
    """
    names, data = asked.workloads, asked.data
    chosen = select(split(names) if names else FULL if asked.full else DEFAULT, further)
    reading = Reading(**{option.name: getattr(asked, option.name) for option in fields(Reading)})
    if data is None:
        about_data = {"target": asked.target, **vars(reading)}
        if option := next((name for name, value in about_data.items() if value), None):
            raise UserError(f"--{option.replace('_', '-')} needs --data, the table it is about")
        return chosen
    from benchmarks.problems.table import table

    return [table.workload(data, asked.target, reading), *(chosen if names else [])]


def make_plan(asked: Asked, known: Catalogue, **how: Any) -> Plan:
    """The plan for this machine; `how` is for `engine.plan.make`.

    Raises:
        UserError: a name is unknown, a table cannot be fitted, the disk has no room for the data,
            or there is nothing to run, for a backend that was asked for by its name or at all.
    """
    workloads = choose_workloads(asked, known.workloads)
    n_gpus, names = len(machine.gpus()), split(",".join(asked.backends or []))
    workers = parse_workers(asked.workers)
    chosen = choice.choose_backends(names, known.backends, asked.full, shared=max(workers) > 1)
    devices = choice.choose_devices(split(asked.devices or ""), n_gpus)
    for backend in (backend for backend in chosen if backend.name in names):
        _check_use(backend, workloads, devices)
    _check_room(workloads)
    plan = planning.make(
        workloads,
        chosen,
        devices,
        n_cores=len(machine.usable_cores()),
        n_gpus=n_gpus,
        threads=asked.threads,
        available_bytes=memory.available(),
        tf32=asked.tf32,
        workers=workers,
        machines=1 + len(remote.places()[1]),
        **how,
    )
    if asked.tf32 and not any(entry.process.tf32 for entry in plan.entries):
        print("--tf32 changes nothing: no entry runs on CUDA", file=sys.stderr)
    return plan


def _check_room(workloads: Sequence[Workload]) -> None:
    """Refuse data that the disk does not hold, before any worker is started."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    for workload in workloads:
        if workload.bytes > free:
            takes, has = (f"{size / 2**30:,.1f} GiB" for size in (workload.bytes, free))
            raise UserError(
                f"workload {workload.name!r} takes {takes} on the disk; {folder} has {has}: set "
                "TMPDIR to another folder"
            )


def _check_use(backend: Description, workloads: Sequence[Workload], devices: Sequence[str]) -> None:
    """Refuse a backend that would get no row, and so be left out without a word."""
    kinds, places = {w.method.kind for w in workloads}, {d.partition(":")[0] for d in devices}
    for what, has, asked in (
        ("does", backend.methods, kinds),
        ("runs on", backend.devices, places),
    ):
        if asked.isdisjoint(has):
            wanted = " and ".join(sorted(asked))
            raise UserError(
                f"nothing to run for {backend.name!r}: it {what} {' and '.join(has)}, and this run"
                f" asks for {wanted}"
            )


def use_cores(text: str | None) -> None:
    """Keep this process and its workers to some cores, if `--cores` names any.

    Raises:
        UserError: one of them cannot be used here.
    """
    if text is None:
        return
    usable, wanted = machine.usable_cores(), parse_cores(text)
    if missing := sorted(wanted - set(usable)):
        shown = ", ".join(map(str, usable))
        raise UserError(f"--cores {text}: core {missing[0]} is not usable here; these are: {shown}")
    if not hasattr(os, "sched_setaffinity"):
        raise UserError("--cores: this system cannot bind a process to cores")
    os.sched_setaffinity(0, wanted)


def make_options(
    command: Sequence[str],
    asked: Asked,
    budget: float | None = None,
    precision: float | None = None,
    wait: bool = False,
) -> Options:
    """How to run a plan on the usable cores of this machine."""
    cores = machine.usable_cores()
    return Options(
        command,
        cores,
        asked.seed,
        budget,
        precision,
        parse_seconds("--patience", asked.patience),
        asked.plugins,
        wait=wait,
        calibration=calibrate.known(machine.describe(cores)),
    )


def split(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def execute(
    plan: Plan,
    options: Options,
    asked: Asked,
    earlier: Earlier | None = None,
    limit: float | None = None,
    as_json: bool = False,
) -> NoReturn:
    """Run, leave the run file and a report in `--out`, and exit with the status of the outcome.

    An entry may be slower than its variant by the share `limit`; None: by any share. `as_json`
    prints the rows as `export` writes them, instead of tables.
    """
    from reports import page  # imports matplotlib, which bad input need not wait for

    out, quiet = asked.out, asked.quiet
    # Before anything is touched or measured.
    page.refuse_foreign([out / page.PAGE, out / page.SUMMARY])
    if earlier is None:
        writer.set_aside(out)
    stopped: BaseException | None = None
    progress = TerminalProgress(quiet=quiet)
    with progress:
        try:
            engine.run(plan, options, out, progress, earlier)
        except (KeyboardInterrupt, UserError) as error:
            stopped = error
    # Whatever ended the run, it is reported.
    status = 0
    try:
        status = report(out, quiet, limit, as_json)
    except UserError:  # nothing was written yet, or nothing can be written
        if not stopped:
            raise
    if isinstance(stopped, UserError):
        raise stopped
    if stopped:
        print("interrupted: the report holds what was measured until then", file=sys.stderr)
        raise SystemExit(signals.status())
    raise SystemExit(status)


def report(
    folder: Path,
    quiet: bool,
    limit: float | None,
    as_json: bool = False,
    into: Path | None = None,
) -> int:
    """Show the run in `folder` and draw its page there, or `into` another folder.

    Returns the exit status of what it holds.
    """
    from reports import export, page
    from reports.analysis.rows import rows
    from reports.document import document
    from reports.terminal.document import show
    from reports.terminal.table import Console

    run = Run.read(folder)
    found = rows(run)
    seen = document(run, found, folder)
    status, news = _outcome(found, seen.changes, limit)
    trouble = None
    try:
        news.insert(0, f"report: {page.write(seen, into or folder)}")
    except UserError as error:
        trouble = error  # what was measured is shown all the same
    with suppress(BrokenPipeError):  # whoever reads has seen enough, as `head` has
        if as_json:
            print(export.write(run, found, "json").decode(), end="")
        elif not quiet:
            show(seen, Console())
        for text in news:
            print(line(text), file=sys.stderr if as_json else sys.stdout)
        if sys.stdout:
            sys.stdout.flush()
    if trouble:
        raise trouble
    return status


def _outcome(
    rows: Sequence["Row"], changes: Sequence["Change"], limit: float | None
) -> tuple[int, list[str]]:
    """The exit status of a run, and what is to be said about it."""
    # What is known of a backend is in its row, and is no news.
    watched = [row for row in rows if not row.entry.variant and not row.entry.known_failure]
    slower = [c for c in changes if limit is not None and c.certainly_slower(limit)]
    said = [f"slower: {change.entry} takes {change.ratio} times as long" for change in slower]
    nothing = limit is not None and not any(change.ratio for change in changes)
    if nothing:
        said.append("nothing was compared: no entry was timed beside its variant")
    if slower or nothing or any(row.status == "failed" for row in watched):
        return FAILED, said
    return NOT_JUDGED if any(row.status == "not judged" for row in watched) else 0, said
