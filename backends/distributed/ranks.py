"""The ranks of a fit as rank 0 sees them: it starts the others, and asks all at once."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from typing import Any

import numpy as np

from backends.distributed import remote
from backends.distributed.rank import Deserted, Outcome, Rank, Shape, code, send

#: Seconds in which a rank answers once another one has, or has given up waiting for it.
_GRACE = 2.0
#: What another rank has answered, or how it failed.
Reply = tuple[Outcome, Any]


class RankFailed(Exception):
    """Another rank is gone, is silent, or could not do its part; the message says which."""


class Child:
    """Another rank: a process that this one has started, or else a `remote.Remote`."""

    def __init__(self, kind: type[Rank]) -> None:
        """Start it; it imports NumPy alone before it is asked to join."""
        self.connection, theirs = Pipe()
        command = [sys.executable, "-m", "backends.distributed.rank", str(theirs.fileno())]
        self._process = subprocess.Popen(
            [*command, *code(kind)], stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
        )
        theirs.close()

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()

    def ended(self, patience: float) -> str:
        """How it has ended, in words, once its connection is closed; seconds to wait for that."""
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


class Ranks:
    """All ranks of a fit; this process is rank 0."""

    def __init__(self, kind: type[Rank], workers: int, threads: int) -> None:
        """Start the others, which have `threads` each; they have imported NumPy alone."""
        self.own, self.workers, self._threads = kind(), workers, threads
        self.broken = False  # whether one of them has failed
        scheduler, elsewhere = remote.places()
        elsewhere = elsewhere[: workers - 1]
        here = workers - 1 - len(elsewhere)
        self._host = remote.own_address(*remote.parts(scheduler)) if elsewhere else "127.0.0.1"
        self._members: list[Child | remote.Remote] = [Child(kind) for _ in range(here)]
        if elsewhere:
            self._members += remote.start(kind, scheduler, elsewhere, threads)
        self._connections = [member.connection for member in self._members]

    def join(self, patience: float) -> None:
        """Let all ranks meet."""
        address = self.own.open(self.workers, self._host)
        numbers = range(self.workers)
        self.ask("join", [(n, self.workers, self._threads, address) for n in numbers], patience)

    def share(self, name: str, arrays: Sequence[np.ndarray], patience: float) -> None:
        """Give each rank its rows of some arrays, by `Rank.take` or, to be thrown away, `hold`."""
        parts = [[part(array, n, self.workers) for array in arrays] for n in range(self.workers)]
        shapes: list[list[Shape]] = [[(a.shape, a.dtype.str) for a in some] for some in parts]

        def own() -> None:
            for number, connection in enumerate(self._connections, start=1):
                send(connection, parts[number])
            if name == "take":
                self.own.take(*parts[0])

        self.ask(name, [(some,) for some in shapes], patience, own)

    def ask(
        self,
        name: str,
        arguments: Sequence[tuple[Any, ...]],
        patience: float,
        own: Callable[[], Any] | None = None,
    ) -> list[Any]:
        """Call a method of all ranks at once; their answers, when the slowest has finished.

        Args:
            name: of the method.
            arguments: for each rank.
            patience: seconds that the others may take longer than rank 0.
            own: what rank 0 does instead.

        Raises:
            RankFailed: another rank is at fault.
            LinAlgError: all ranks find that there is no solution.
        """
        own = own or (lambda: getattr(self.own, name)(*arguments[0]))
        try:
            for connection, given in zip(self._connections, arguments[1:], strict=True):
                connection.send((name, given))
            answer = own()
        except np.linalg.LinAlgError:
            self._replies(_GRACE)  # all of them come to this
            raise
        except (Deserted, OSError) as error:
            raise self._culprit(self._replies(_GRACE)) or error from None
        except Exception:
            self.close()  # they wait for this one
            raise
        replies = self._replies(patience)
        if culprit := self._culprit(replies):
            raise culprit
        return [answer, *(found for _, found in replies)]

    def close(self) -> None:
        """End the others; nothing can be asked any more."""
        self.broken = True
        for member in self._members:
            member.kill()

    def _replies(self, patience: float) -> list[Reply]:
        """What each of the others answers within so many seconds; those that do not are ended."""
        ends = time.monotonic() + patience
        replies: list[Reply] = []
        for member in self._members:
            try:
                there = member.connection.poll(max(0.0, ends - time.monotonic()))
                replies.append(member.connection.recv() if there else ("lost", "does not answer"))
            except (EOFError, OSError):
                replies.append(("lost", member.ended(_GRACE)))
        if any(outcome != "done" for outcome, _ in replies):
            self.close()
        return replies

    def _culprit(self, replies: Sequence[Reply]) -> RankFailed | None:
        """Which rank is at fault; those that waited for it have failed as well."""
        for fault, joint in (("lost", " "), ("failed", ": "), ("deserted", ": ")):
            for number, (outcome, answer) in enumerate(replies, start=1):
                if outcome == fault:
                    return RankFailed(f"rank {number} of {self.workers}{joint}{answer}")
        return None


def part(array: np.ndarray, number: int, workers: int) -> np.ndarray:
    """The rows of one rank: as many as any other has, or one fewer."""
    first, last = (len(array) * n // workers for n in (number, number + 1))
    return np.ascontiguousarray(array[first:last])
