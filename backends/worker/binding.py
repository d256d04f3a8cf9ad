"""Which cores the processes of a worker may use (Linux)."""

import os
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def bind(cores: list[int], helpers: bool) -> list[int] | None:
    """Bind all threads of this process to `cores`; the cores in force, or None: nothing can bind.

    Args:
        cores: their numbers.
        helpers: whether there are other processes in its session, which are to be bound as well.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    # Threads that a framework started earlier keep their own binding.
    for process in [os.getpid(), *(session() if helpers else [])]:
        with suppress(ProcessLookupError, FileNotFoundError):
            for thread in os.listdir(_PROC / str(process) / "task"):
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread), cores)
    return sorted(os.sched_getaffinity(0))


def session() -> list[int]:
    """The other processes of this one's session: those that it has started, and theirs."""
    own, found = os.getsid(0), []
    for name in os.listdir(_PROC):
        with suppress(OSError, ValueError):
            if os.getsid(int(name)) == own and int(name) != os.getpid():
                found.append(int(name))
    return found
