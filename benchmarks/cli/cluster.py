"""`linreg-bench run --cluster`: the same run, on the machines of a cluster."""

import sys
from collections.abc import Sequence
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from benchmarks import signals
from benchmarks.cli import session
from benchmarks.cli.options import Asked, parse_cores, parse_seconds, parse_workers
from benchmarks.engine import catalogue, choice
from benchmarks.errors import FAILED, UserError
from benchmarks.printable import line
from benchmarks.problems.workloads import Workload
from benchmarks.runfile.header import Reading
from reports.terminal.progress import TerminalProgress

if TYPE_CHECKING:
    from benchmarks.cluster.job import Job
    from benchmarks.cluster.store import Store

#: Options that are not those of each task, or are said otherwise there.
_OWN = {
    *("cluster", "each_machine", "resume", "fail_if_slower", "workloads", "backends", "out"),
    *("plugin", "budget", "quiet", "wait", "data", "target"),
}
_TABLE = ("target", *(option.name for option in fields(Reading)))


def run(context: typer.Context, asked: Asked, limit: float | None) -> NoReturn:
    """Run what is asked for, leave a report in `--out`, and exit.

    An entry may be slower than its variant by the share `limit`; None: by any share.

    Raises:
        UserError: bad input, or something is missing on the cluster.
    """
    try:
        import distributed  # noqa: F401 - whether it is there
    except ImportError:
        raise UserError(
            "--cluster needs Dask: pip install -c constraints.txt -e '.[cluster]'"
        ) from None
    from benchmarks.cluster import job as jobs
    from benchmarks.cluster.store import Store
    from reports import page

    given, out = context.params, asked.out
    page.refuse_foreign([out / page.PAGE, out / page.SUMMARY])
    job = jobs.load(out) if given["resume"] else _job(context, asked)
    store = Store(out, job)
    with jobs.held(out):
        if not given["resume"]:
            store.set_aside()
            jobs.save(job, out)
        elif store.is_complete():
            raise UserError(f"the run in {out} is complete; there is nothing to resume")
        _execute(given["cluster"], job, store, asked.quiet, limit)


def _job(context: typer.Context, asked: Asked) -> "Job":
    """What is to be done, from the options of the command."""
    from benchmarks.cluster import job as jobs

    given = context.params
    if str(asked.data) == "-":
        raise UserError("--data -: standard input does not get to other machines; name a file")
    patience = parse_seconds("--patience", asked.patience)
    budget = parse_seconds("--budget", given["budget"])
    cores = parse_cores(asked.cores) if asked.cores else ()
    found = catalogue.survey(asked.plugins, patience)
    workloads = session.choose_workloads(asked, found.workloads)
    patterns = session.split(",".join(asked.backends or []))
    shared = max(parse_workers(asked.workers)) > 1
    chosen = choice.choose_backends(patterns, found.backends, asked.full, shared)
    tasks = []
    for workload in workloads:
        able = [b.name for b in chosen if workload.method.kind in b.methods]
        named = [p for p in patterns if any(fnmatchcase(name, p) for name in able)]
        if able:
            words = _words(context, workload, named, budget / len(workloads))
            sha256 = workload.file.sha256 if workload.file else ""
            parted = shared and any(b.distributed and b.name in able for b in chosen)
            tasks.append((jobs.Task(workload.name, words, sha256, parted), named))
    used = {pattern for _, named in tasks for pattern in named}
    if idle := next((pattern for pattern in patterns if pattern not in used), None):
        raise UserError(f"nothing to run for {idle!r}: these workloads ask for another method")
    return jobs.Job(
        command=tuple(context.obj),
        tasks=tuple(task for task, _ in tasks),
        each_machine=given["each_machine"],
        budget=budget,
        patience=patience,
        cores=tuple(sorted(cores)),
        plugins=jobs.read_plugins(asked.plugins),
    )


def _words(
    context: typer.Context, workload: Workload, backends: Sequence[str], budget: float
) -> tuple[str, ...]:
    """The command of one workload on its machine, as far as it is known here."""
    given = {name: value for name, value in context.params.items() if name not in _OWN}
    given |= {"quiet": True, "wait": True, "budget": repr(budget)}
    given |= {"backends": ",".join(backends)}
    if workload.file:
        given |= {"data": Path(workload.file.path), "target": context.params["target"]}
    else:
        given |= {"workloads": workload.name} | dict.fromkeys(_TABLE)
    words = ["run"]
    for parameter in context.command.params:
        value = given.get(str(parameter.name))
        option = parameter.opts[0]
        if value is True:
            words.append(option)
        elif value is not None and value is not False and value != "":
            values = value if isinstance(value, list | tuple) else [value]
            words += [f"{option}={one}" for one in values]
    return tuple(words)


def _execute(
    address: str, job: "Job", store: "Store", quiet: bool, limit: float | None
) -> NoReturn:
    """Do the job, and report what there is, whatever has ended it."""
    from benchmarks.cluster.connection import connect
    from benchmarks.cluster.dispatch import Dispatch

    stopped: BaseException | None = None
    missing: list[str] = []
    with TerminalProgress(quiet=quiet) as progress:
        try:
            with connect(address) as client:
                missing = Dispatch(client, job, store, progress).go()
            if not missing:
                store.complete()
        except (KeyboardInterrupt, UserError) as error:
            stopped = error
    status = _report(store, quiet, limit) if store.machines() else 0
    if isinstance(stopped, UserError):
        raise stopped
    if stopped:
        print("interrupted: --resume goes on after the workloads that are done", file=sys.stderr)
        raise SystemExit(signals.status())
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise UserError(f"not measured: {missing[0]}{more}; --resume tries again")
    raise SystemExit(status)


def _report(store: "Store", quiet: bool, limit: float | None) -> int:
    """Show each machine and draw its page, then that of all; the exit status of what they hold."""
    from reports import side_by_side, sources

    folders = store.machines()
    if len(folders) == 1:
        return session.report(folders[0], quiet, limit, into=store.folder)
    statuses = []
    for folder in folders:
        if not quiet:
            print(line(f"machine {folder.name}"))
        statuses.append(session.report(folder, quiet, limit))
    written = side_by_side.write([sources.read(folder) for folder in folders], store.folder)
    print(line(f"report: {written}"))
    return FAILED if FAILED in statuses else max(statuses)
