"""The commands of `linreg-bench`.

A command imports what it needs when called, so that `list` and `--help` answer at once.
"""

from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from benchmarks import command_line
from benchmarks.cli import calibrate, check, compare, env, export, list, report, run, settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which linear-regression implementation is fastest on your machine, "
    "at the accuracy you need?",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"linreg-bench {version('linreg-bench')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options that come before a command."""


app.command("list")(list.list_)
app.command()(run.run)
app.command()(check.check)
app.command()(report.report)
app.command()(export.export)
app.command()(compare.compare)
app.command()(calibrate.calibrate)
app.add_typer(env.app, name="env")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point; exits with the status of the command.

    Args:
        arguments: of the command line; None: those of this process.
    """
    command_line.run(app, "linreg-bench", arguments, settings.defaults)
