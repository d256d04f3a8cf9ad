"""`linreg-bench check`."""

from typing import Any

import typer

from benchmarks.cli.options import JSON, Asked, with_asked


@with_asked
def check(context: typer.Context, as_json: JSON = False, **given: Any) -> None:
    """Fit and judge without timing.

    The exit status is 1 if anything fails, and 3 if nothing fails, but a fit could not be judged:
    rounding may leave it no digit.
    """
    from benchmarks.cli import session
    from benchmarks.engine import catalogue

    asked = Asked(**given)
    session.use_cores(asked.cores)
    options = session.make_options(context.obj, asked)
    found = catalogue.survey(asked.plugins, options.patience)
    plan = session.make_plan(asked, found, replicates=1)
    session.execute(plan, options, asked, as_json=as_json)
