"""One run at a time on a core: two that measure on the same cores would measure each other."""

import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.printable import line

#: Seconds between two looks at a core that is in use.
_LOOK = 0.5


@contextmanager
def cores(wanted: Sequence[int], wait: bool, say: Callable[[str], None]) -> Iterator[None]:
    """Hold cores while the block runs (on Linux), for whoever asks for them in this way.

    A claim is a socket with the core's number in Linux's own name space, which is no file and ends
    with its process, however that ends.

    Args:
        wanted: the numbers of the cores.
        wait: whether to wait for those that are in use.
        say: is told, once, whom it waits for.

    Raises:
        UserError: one is in use, and is not to be waited for.
    """
    if sys.platform != "linux":
        yield
        return
    told = False
    with ExitStack() as held:
        for core in sorted(wanted):  # in order: two that wait never wait for each other
            claim = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            while not _is_held_by(claim, core):
                holder = f"core {core} is in use by another run{_holder(core)}"
                if not wait:
                    raise UserError(f"{holder}: --wait waits for it, and --cores takes others")
                if not told:
                    say(f"waiting: {holder}")
                    told = True
                time.sleep(_LOOK)
        yield


def _name(core: int) -> str:
    return f"\0linreg-bench/core/{core}"


def _is_held_by(claim: socket.socket, core: int) -> bool:
    """Whether `claim` has a core now, which no other process has."""
    try:
        claim.bind(_name(core))
        claim.listen()
    except OSError as error:
        # A system that has no such sockets can keep nobody away.
        return error.errno != errno.EADDRINUSE
    return True


def _holder(core: int) -> str:
    """Who has a core, as far as that can be seen: `, process 4711 (linreg-bench run)`."""
    size = struct.calcsize("3i")  # process, user, group
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as question:
            question.connect(_name(core))
            told = question.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        process = struct.unpack("3i", told)[0]
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""  # it has just ended, or is another user's
    command = " ".join(word.decode(errors="replace") for word in words if word)
    return line(f", process {process} ({command[:80]})") if process != os.getpid() else ""
