"""How the other ranks of a fit come into being: as children of this process, or elsewhere."""

from __future__ import annotations

import signal
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Protocol

from backends.distributed.rank import Rank


class Member(Protocol):
    """Another rank, as rank 0 sees it."""

    connection: Connection

    def kill(self) -> None:
        """End it, whatever it is doing."""

    def ended(self, patience: float) -> str:
        """How it has ended, in words, once its connection is closed; seconds to wait for that."""


class Child:
    """A process that this one has started."""

    def __init__(self, kind: type[Rank]) -> None:
        """Start it; it imports NumPy alone before it is asked to join."""
        self.connection, theirs = Pipe()
        command = [sys.executable, "-m", "backends.distributed.rank", str(theirs.fileno())]
        self._process = subprocess.Popen(
            [*command, *code(kind)], stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
        )
        theirs.close()

    def kill(self) -> None:
        self._process.kill()

    def ended(self, patience: float) -> str:
        try:
            status = self._process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            return "has closed its connection"
        if status >= 0:
            return f"has ended with status {status}"
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:  # most real-time signals have no name
            return f"was ended by signal {-status}"


def code(kind: type[Rank]) -> list[str]:
    """Where the class of a rank is: module, file and name. That of a plug-in is in no package."""
    return [kind.__module__, str(sys.modules[kind.__module__].__file__), kind.__name__]
