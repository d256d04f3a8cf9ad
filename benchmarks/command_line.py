"""How every command line ends: with a status, and a line for what is wrong."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import typer

from backends.description import PluginError
from benchmarks import signals
from benchmarks.errors import USAGE, UserError
from benchmarks.printable import line

#: The class of Click, from which this one derives; Typer may have a Click of its own.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def run(
    app: typer.Typer,
    name: str,
    arguments: Sequence[str] | None = None,
    defaults: Callable[[Sequence[str]], dict[str, Any]] = lambda words: {},
) -> NoReturn:
    """Run a command line, and exit.

    `defaults` gives values to parameters that its words leave out, by command.

    Whatever is wrong with the input is one line on standard error, with the status `USAGE`;
    Typer itself would print a box of several lines. The whole command, a list of words, is `obj`
    of the commands' context.
    """
    _fill_closed_streams()
    signals.install()
    words = [str(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    status: Any = 0
    try:
        try:
            status = app(
                words,
                standalone_mode=False,
                prog_name=name,
                obj=[name, *words],
                default_map=defaults(words),
            )
            if signals.received():  # Typer has made a status of it
                raise KeyboardInterrupt
        except SystemExit as ended:
            if isinstance(ended.__context__, BrokenPipeError):  # Typer has made a status of it
                raise ended.__context__ from None
            status = ended.code
        if sys.stdout:
            sys.stdout.flush()
    except (UserError, PluginError) as error:
        _exit(f"{name}: {error}", USAGE)
    except _UsageError as error:
        _exit(_usage(error, name), USAGE)
    except (typer.Abort, KeyboardInterrupt):
        _exit(f"{name}: interrupted", signals.status())
    except BrokenPipeError:
        _forget_output()  # whoever reads has seen enough, as `head` has
    except OSError as error:
        if error.filename is not None:  # that of a file, and not of standard output
            raise
        _forget_output()
        _exit(f"{name}: cannot write standard output: {error.strerror}", USAGE)
    raise SystemExit(status or 0)


def _fill_closed_streams() -> None:
    """Open what is closed of the standard streams: the next file would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _forget_output() -> None:
    """Let what is still to be written vanish: Python would complain when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit(message: str, status: int) -> NoReturn:
    print(line(message), file=sys.stderr)
    raise SystemExit(status) from None


def _usage(error: Any, name: str) -> str:
    """What is wrong, in which command, and how to find out what would be right."""
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    if type(error).__name__ == "NoArgsIsHelpError":  # whose message is the help
        print(message)
        raise SystemExit(USAGE)
    command = error.ctx.command_path if error.ctx else name
    return f"{command}: {message}; `{command} --help` says what there is"
