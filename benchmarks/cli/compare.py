"""`linreg-bench compare`."""

import sys
from typing import TYPE_CHECKING, Annotated, TextIO

from typer import Option

from benchmarks.cli.options import JSON, FailIfSlower, RunPath, parse_limit
from benchmarks.errors import FAILED, UserError
from benchmarks.printable import line

if TYPE_CHECKING:
    from reports.analysis.compare import Compared


def compare(
    old: RunPath,
    new: RunPath,
    fail_if_slower: FailIfSlower = None,
    anyway: Annotated[
        bool, Option("--anyway", help="Even if machines, threads or data differ.")
    ] = False,
    allow_missing: Annotated[
        list[str] | None,
        Option(help="Entries or globs that may be missing in the new run; may be repeated."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Compare a run with an earlier one.

    The exit status is 1 if an entry newly fails the gate. With --fail-if-slower it is also 1 if
    nothing could be compared, or if an entry that the old run has timed is missing.
    """
    limit = parse_limit(fail_if_slower)
    from benchmarks.runfile.run import Run
    from reports import export
    from reports.analysis import compare as comparing
    from reports.analysis.rows import rows
    from reports.terminal import comparison
    from reports.terminal.table import Console

    before, after = Run.read(old), Run.read(new)
    if differ := comparing.differences(before, after):
        more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
        if not anyway:
            raise UserError(f"not comparable: {differ[0]}{more}; --anyway compares nevertheless")
        print(line(f"warning: the runs differ: {differ[0]}{more}"), file=sys.stderr)
    compared = comparing.compare(before, rows(before), after, rows(after))
    if as_json:
        print(export.comparison(compared, limit), end="")
    else:
        comparison.show(compared, Console(), limit)
    if compared.newly_failing or (limit is not None and compared.slower(limit)):
        raise SystemExit(FAILED)
    if limit is not None:
        _refuse_gaps(compared, allow_missing or [], sys.stderr if as_json else sys.stdout)


def _refuse_gaps(compared: "Compared", allowed: list[str], out: TextIO) -> None:
    """Fail if there was nothing to watch, or not everything: a renamed entry would go unnoticed."""
    missing = compared.unwatched(allowed)
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        print(
            line(f"missing in the new run: {missing[0]}{more}; --allow-missing permits it"),
            file=out,
        )
    elif not compared.changes:
        print("nothing was compared: the runs have timed no entry in common", file=out)
    if missing or not compared.changes:
        raise SystemExit(FAILED)
