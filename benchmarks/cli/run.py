"""`linreg-bench run`."""

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer import Option

from benchmarks.cli.options import (
    Asked,
    FailIfSlower,
    is_written,
    parse_limit,
    parse_seconds,
    parse_share,
    with_asked,
)
from benchmarks.errors import UserError


@with_asked
def run(
    context: typer.Context,
    budget: Annotated[str, Option(help="Measurement time of all workloads.")] = "30s",
    precision: Annotated[
        str, Option(help="A ratio known this well needs no more rounds; 0: use all time.")
    ] = "1%",
    replicates: Annotated[
        int | None,
        Option(
            min=1,
            max=64,
            help="Processes for each entry; by default 1, and more to decide who is first.",
        ),
    ] = None,
    cold: Annotated[
        bool, Option("--cold", help="A new process for every entry: slow, exact first fits.")
    ] = False,
    against: Annotated[
        str | None, Option(help="A git revision whose backends are timed beside today's.")
    ] = None,
    env: Annotated[
        list[str] | None,
        Option(
            metavar="NAME[=PYTHON]",
            help="Another interpreter, whose packages are timed beside today's; may be repeated.",
        ),
    ] = None,
    fail_if_slower: FailIfSlower = None,
    wait: Annotated[
        bool, Option("--wait", help="Wait for another run that measures on the same cores.")
    ] = False,
    resume: Annotated[
        bool, Option("--resume", help="Continue the interrupted run in --out, as it was.")
    ] = False,
    cluster: Annotated[
        str | None,
        Option(
            metavar="ADDRESS",
            help="Run on the machines of a Dask scheduler, tcp://HOST:PORT, or local:N workers.",
        ),
    ] = None,
    each_machine: Annotated[
        bool, Option("--each-machine", help="All workloads on every kind of machine of --cluster.")
    ] = False,
    **given: Any,
) -> None:
    """Fit, judge and time; leave a run file and a report."""
    asked = Asked(**given)
    if against is not None and not against.strip():
        raise UserError("--against: needs a git revision, such as main")
    if fail_if_slower is not None and against is None and not env:
        if is_written(context, "fail_if_slower"):
            raise UserError("--fail-if-slower needs --against or --env, or the command `compare`")
        fail_if_slower = None  # of the project's settings: for runs that compare
    limit = parse_limit(fail_if_slower)
    seconds = parse_seconds("--budget", budget)
    share = None if precision in ("0", "0%") else parse_share("--precision", precision)
    if cluster is not None:
        from benchmarks.cli import cluster as clusters

        clusters.run(context, asked, limit)
    if each_machine:
        raise UserError("--each-machine needs --cluster, the machines that it is about")
    from benchmarks.cli import session

    session.use_cores(asked.cores)
    if resume:
        _resume(context, asked, wait)
    from benchmarks.engine import catalogue, variants
    from benchmarks.engine.process import Launch
    from benchmarks.engine.temporary import TemporaryFolder

    options = session.make_options(context.obj, asked, seconds, share, wait)
    found = catalogue.survey(asked.plugins, options.patience)
    with ExitStack() as stack:
        older = []
        if against:
            temporary = stack.enter_context(closing(TemporaryFolder()))
            older = [variants.checkout(against, temporary.path)]
        plan = session.make_plan(
            asked,
            found,
            replicates=replicates,
            cold=cold,
            launches=[Launch(), *older],
            environments=[variants.find(text, asked.plugins) for text in env or []],
        )
        session.execute(plan, options, asked, limit=limit)


def _resume(context: typer.Context, asked: Asked, wait: bool) -> NoReturn:
    """Continue the run in `--out`, as its header says."""
    from benchmarks.cli import session
    from benchmarks.cluster import job
    from benchmarks.engine import catalogue, machine, resume
    from benchmarks.runfile import writer
    from benchmarks.runfile.run import Run

    out = asked.out
    if (out / job.NAME).exists() and not (out / writer.NAME).exists():
        raise UserError(f"the run in {out} is one of a cluster: --resume needs --cluster")
    try:
        run = Run.read(out)
    except UserError as error:
        raise UserError(f"nothing to resume: {error}") from error
    if run.footer and run.footer.outcome == "complete":
        raise UserError(f"the run in {out} is complete; there is nothing to resume")
    head = run.header
    resume.check_machine(head, machine.describe(machine.usable_cores()))
    asked = replace(asked, seed=head.seed, plugin=list(map(Path, head.plugins)))
    options = session.make_options(context.obj, asked, head.budget_seconds, head.precision, wait)
    found = catalogue.survey(asked.plugins, options.patience)
    plan = resume.plan(head, found.backends, found.workloads)
    session.execute(plan, options, asked, resume.earlier(run))
