"""What ends a command from outside: the first signal lets it finish in order, a second does not."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

#: Ctrl-C, `kill`, and a terminal that is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []


def install() -> None:
    """Make the first of these signals a `KeyboardInterrupt`; a second one ends the process.

    One that whoever started this process has told it to ignore, as `nohup` does, stays ignored.
    """
    _received.clear()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _receive)


def received() -> bool:
    """Whether there was one."""
    return bool(_received)


def status() -> int:
    """The exit status of a process that was ended: 128 and the number of the first signal."""
    return 128 + (_received[0] if _received else signal.SIGINT)


@contextmanager
def held_back() -> Iterator[None]:
    """Let these signals wait until the block is done: it would leave something half written."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(number: int, frame: FrameType | None) -> NoReturn:
    _received.append(number)
    if len(_received) > 1:
        # Workers end with this process, and its temporary folder is removed by another.
        os._exit(128 + number)
    raise KeyboardInterrupt
