"""`linreg-bench compare`."""

import sys
from typing import Annotated

from typer import Option

from benchmarks.cli.options import FailIfSlower, RunPath, parse_share
from benchmarks.errors import FAILED, UserError
from benchmarks.printable import line


def compare(
    old: RunPath,
    new: RunPath,
    fail_if_slower: FailIfSlower = None,
    anyway: Annotated[
        bool, Option("--anyway", help="Even if machines, threads or data differ.")
    ] = False,
) -> None:
    """Compare a run with an earlier one; the exit status is 1 if an entry newly fails the gate."""
    limit = parse_share("--fail-if-slower", fail_if_slower)
    from rich.console import Console

    from benchmarks.runfile import reader
    from reports.analysis import compare as comparing
    from reports.analysis.rows import rows
    from reports.terminal import comparison

    before, after = reader.read(old), reader.read(new)
    if differ := comparing.differences(before, after):
        more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
        if not anyway:
            raise UserError(f"not comparable: {differ[0]}{more}; --anyway compares nevertheless")
        print(line(f"warning: the runs differ: {differ[0]}{more}"), file=sys.stderr)
    compared = comparing.compare(before, rows(before), after, rows(after))
    comparison.show(compared, Console(), limit)
    slower = limit is not None and compared.slower(limit)
    raise SystemExit(FAILED if compared.newly_failing or slower else 0)
