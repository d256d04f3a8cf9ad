"""How every command line of the suite ends: one clear line for what is wrong, and a status."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import typer

from backends.registry import PluginError
from benchmarks.errors import INTERRUPTED, USAGE, UserError
from benchmarks.printable import line

#: Click's, which the base of this one is, is not to be imported: Typer may carry its own Click.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def run(app: typer.Typer, name: str) -> NoReturn:
    """Run a command line as a program of this name.

    What is wrong with the input is one line on standard error, whoever found it, with the status
    `USAGE`; Typer's own would be a box of several.
    """
    try:
        status = app(standalone_mode=False, prog_name=name)
    except (UserError, PluginError) as error:
        _leave(f"{name}: {error}", USAGE)
    except _UsageError as error:
        _leave(_usage(error, name), USAGE)
    except typer.Abort:
        _leave(f"{name}: interrupted", INTERRUPTED)
    raise SystemExit(status or 0)


def _leave(words: str, status: int) -> NoReturn:
    print(line(words), file=sys.stderr)
    raise SystemExit(status) from None


def _usage(error: Any, name: str) -> str:
    """What is wrong, in which command, and what says what would be right."""
    said = error.format_message().rstrip(".").replace("Value error, ", "")
    if type(error).__name__ == "NoArgsIsHelpError":  # which is a message of many lines
        print(said)
        raise SystemExit(USAGE)
    command = error.ctx.command_path if error.ctx else name
    return f"{command}: {said}; `{command} --help` says what there is"
