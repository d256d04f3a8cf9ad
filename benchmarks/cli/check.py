"""`linreg-bench check`."""

import typer

from benchmarks.cli import options as given
from benchmarks.cli.options import LATEST


def check(
    context: typer.Context,
    workloads: given.Workloads = None,
    data: given.Data = None,
    target: given.Target = None,
    features: given.Features = "",
    exclude: given.Exclude = "",
    missing: given.Missing = "",
    drop_missing: given.DropMissing = False,
    delimiter: given.Delimiter = "",
    decimal: given.Decimal = "",
    encoding: given.Encoding = "",
    no_header: given.NoHeader = False,
    backends: given.Backends = None,
    full: given.Full = False,
    devices: given.Devices = None,
    threads: given.Threads = None,
    workers: given.Workers = "1",
    cores: given.Cores = None,
    seed: given.Seed = 0,
    out: given.Out = LATEST,
    plugin: given.Plugin = None,
    patience: given.Patience = "60s",
    tf32: given.TF32 = False,
    quiet: given.Quiet = False,
    as_json: given.JSON = False,
) -> None:
    """Fit and judge without timing.

    The exit status is 1 if anything fails, and 3 if nothing fails, but a fit could not be judged:
    rounding may leave it no digit.
    """
    from benchmarks.cli import session
    from benchmarks.engine import catalogue

    session.use_cores(cores)
    plugins = tuple(plugin or ())
    options = session.make_options(context.obj, seed, plugins, patience)
    found = catalogue.survey(plugins, options.patience)
    plan = session.make_plan(
        session.choose_workloads(workloads, data, target, full, context.params, found.workloads),
        backends or [],
        devices or "",
        found.backends,
        full=full,
        tf32=tf32,
        threads=threads,
        workers=workers,
        replicates=1,
    )
    session.execute(plan, options, out, quiet, as_json=as_json)
