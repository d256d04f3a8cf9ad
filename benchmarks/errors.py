"""The exception that reaches a user: what, where, and what to do."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

#: Exit statuses: a row failed or is too slow; bad input; nothing failed, but a fit could not be
#: judged. For signals see `benchmarks.signals`.
FAILED, USAGE, NOT_JUDGED = 1, 2, 3


class UserError(Exception):
    """Bad input or surroundings; the message is one line and needs no traceback."""


def unknown(what: str, name: str, known: Iterable[str], hint: str = "") -> UserError:
    """The error for a name that nothing answers to, with the nearest one that exists."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    help_ = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    return UserError(f"unknown {what} {name!r}; {help_}{'; ' + hint if hint else ''}")


@contextmanager
def os_errors(trouble: str) -> Iterator[None]:
    """Make what the system refuses a `UserError`: `trouble`, such as "cannot read x", and why."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{trouble}: {error.strerror}") from error
