"""One of the processes that share a fit, and the loop of those that another one has started.

Run as `python -m backends.distributed.rank SOCKET MODULE FILE CLASS`: a file descriptor, or
HOST:PORT:NUMBER to call back, and where the class of the rank is. A rank knows its own rows alone.
All ranks are asked the same at once.
"""

import hashlib
import os
import select
import sys
import threading
from abc import ABC, abstractmethod
from multiprocessing.connection import Client, Connection
from typing import Any, Literal

import numpy as np

from backends.lazy import from_file
from backends.worker.sandbox import end_with_parent

#: The variable that holds the secret of a rank that calls back.
KEY = "LINREG_BENCH_KEY"
#: Shape and dtype of an array that follows as bytes.
Shape = tuple[tuple[int, ...], str]
#: How a request ends; "lost" where no answer comes.
Outcome = Literal["done", "failed", "deserted", "lost"]


class Deserted(Exception):
    """Another rank is gone, or did not do its part in time."""


class Rank(ABC):
    """Some rows of X and y, and what is done with them.

    Each public method is called in all ranks at once, with the same arguments but for what is a
    rank's own. In between, ranks may wait for each other.
    """

    number: int
    workers: int
    X: np.ndarray  # (n_own, n_features); n_own may be 0
    y: np.ndarray  # (n_own,)

    def open(self, workers: int, host: str) -> str:
        """Of rank 0, at the address `host`: where the others find it; called before `join`."""
        return ""

    def join(self, number: int, workers: int, threads: int, address: str) -> None:
        """Import the framework and meet the other ranks.

        Args:
            number: of this rank, from 0 on.
            workers: how many ranks there are.
            threads: of this rank alone.
            address: what `open` returned.
        """
        self.number, self.workers = number, workers

    def take(self, X: np.ndarray, y: np.ndarray) -> None:
        """Have these rows from now on."""
        self.X, self.y = X, y

    @abstractmethod
    def fit(self, patience: float) -> np.ndarray:
        """(weight, bias) of the rows of all ranks, (n_features + 1,); the same in all of them.

        Args:
            patience: seconds to wait for the other ranks.

        Raises:
            LinAlgError: there is no single solution.
            Deserted: another rank is gone, or silent.
        """

    @abstractmethod
    def add_up(self, n_bytes: int, patience: float) -> None:
        """Add up an array of this size of all ranks, and throw the sum away."""

    def describe(self) -> dict[str, Any]:
        """What is in force here, `threads` among it."""
        return {}

    def digest(self) -> str:
        """SHA-256 of its rows."""
        return sha256(self.X, self.y)


def code(kind: type[Rank]) -> list[str]:
    """Where the class of a rank is: module, file and name. That of a plug-in is in no package."""
    return [kind.__module__, str(sys.modules[kind.__module__].__file__), kind.__name__]


def sha256(*arrays: np.ndarray) -> str:
    """Digest of all bytes of some arrays, shapes and dtypes included."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def send(connection: Connection, arrays: list[np.ndarray]) -> None:
    """The bytes of C-contiguous arrays, which the other side knows the shapes of."""
    for array in arrays:
        left = _bytes(array)
        while left:
            left = left[os.write(connection.fileno(), left) :]


def receive(connection: Connection, arrays: list[np.ndarray]) -> None:
    """Fill arrays with the bytes that `send` sends.

    Raises:
        EOFError: the other side is gone.
    """
    for array in arrays:
        left = _bytes(array)
        while left:
            if not (got := os.readv(connection.fileno(), [left])):
                raise EOFError
            left = left[got:]


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


class _Server:
    """Does what rank 0 asks for."""

    def __init__(self, connection: Connection, rank: Rank) -> None:
        self.connection, self.rank = connection, rank
        self._kept: dict[str, list[np.ndarray]] = {}

    def serve(self) -> None:
        """Until rank 0 is gone, or until this one fails: then no other has to wait for it."""
        outcome: Outcome = "done"
        while outcome == "done":
            try:
                name, arguments = self.connection.recv()
            except EOFError:
                return
            answer: Any = None
            try:
                answer = (getattr(self, name, None) or getattr(self.rank, name))(*arguments)
            except np.linalg.LinAlgError:
                pass  # rank 0 finds the same
            except Exception as error:
                outcome = "deserted" if isinstance(error, Deserted) else "failed"
                answer = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
            self.connection.send((outcome, answer))

    def take(self, shapes: list[Shape]) -> None:
        """Rows for `Rank.take`."""
        self.rank.take(*self._received("rows", shapes))

    def hold(self, shapes: list[Shape]) -> None:
        """An array that nobody needs: what it takes to send it is measured."""
        self._received("other", shapes)

    def _received(self, name: str, shapes: list[Shape]) -> list[np.ndarray]:
        # Into the memory of the last ones, if they are alike: new memory takes longer to get.
        if shapes != [(array.shape, array.dtype.str) for array in self._kept.get(name, [])]:
            self._kept[name] = [np.empty(shape, dtype) for shape, dtype in shapes]
        receive(self.connection, self._kept[name])
        return self._kept[name]


def _called_back(address: str) -> Connection:
    """A connection to rank 0 on another machine. When it is closed there, this process ends."""
    host, port, number = address.split(":")
    connection = Client((host, int(port)), authkey=os.environ.pop(KEY).encode())
    connection.send(int(number))
    threading.Thread(target=_end_with, args=(connection.fileno(),), daemon=True).start()
    return connection


def _end_with(descriptor: int) -> None:
    closed = select.poll()
    closed.register(descriptor, select.POLLRDHUP)
    closed.poll()
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1].isdecimal():
        end_with_parent()
        _connection = Connection(int(sys.argv[1]))
    else:
        _connection = _called_back(sys.argv[1])
    _Server(_connection, getattr(from_file(*sys.argv[2:4]), sys.argv[4])()).serve()
    # Frameworks with thread pools can hang in their exit handlers; nothing here needs them.
    os._exit(0)
