"""Processes that import a framework once, and fork the workers that need it.

Starting a process and importing its framework takes seconds, and most workers of a run need the
same few frameworks. A forked worker has the framework already, and shares no more than that with
others: it computes, is measured and ends as any other. The other side is
`backends/worker/fork_server.py`.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.engine.process import KEEP_MEMORY, Process, environment

#: Bytes of an answer at most.
_ANSWER = 1 << 12
#: What a worker changes of the environment of its server: a server has none of these to itself.
_OF_WORKERS = ("LINREG_BENCH_REPLICATE",)


class Forked:
    """A worker that a server has forked; as `subprocess.Popen` in what it has."""

    def __init__(self, pid: int, server: "ForkServer") -> None:
        """It is running, or has ended and waits to be asked for its status."""
        self.pid, self.returncode, self._server = pid, None, server
        self._ended = os.pidfd_open(pid)

    returncode: int | None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status.

        Raises:
            subprocess.TimeoutExpired: it has not ended after `timeout` seconds.
        """
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._ended, select.POLLIN)
            if not poll.poll(None if timeout is None else 1000 * timeout):
                raise subprocess.TimeoutExpired(f"worker {self.pid}", timeout or 0.0)
            self.returncode = self._server.status(self.pid)
            os.close(self._ended)
        return self.returncode


class ForkServer:
    """A process with one framework. Whoever makes one has to `close` it."""

    def __init__(self, process: Process, log: Path, folder: Path) -> None:
        """Begin to import.

        Args:
            process: one of those that are to be forked.
            log: collects what importing prints.
            folder: in which workers have their own folders.
        """
        assert process.forking
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._one_at_a_time = threading.Lock()
        self._ready: bool | None = None  # None: it is not known yet
        command = [sys.executable, "-m", "backends.worker.fork_server", str(theirs.fileno())]
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [*command, str(folder), process.forking.framework, *process.forking.hidden],
                cwd=process.launch.tree,
                env=environment(process) | KEEP_MEMORY | {"TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C is for the parent
            )
        theirs.close()

    def is_ready(self, patience: float) -> bool:
        """Wait until it has imported, for `patience` seconds; whether it could."""
        with self._one_at_a_time:
            if self._ready is None:
                self._connection.settimeout(patience)
                self._ready = self._received() is not None
            return self._ready

    def fork(
        self,
        process: Process,
        descriptors: Sequence[int],
        own: dict[str, str],
        folder: str | None,
    ) -> Forked | None:
        """A new worker; None if the server is not there any more.

        Args:
            process: what it is to be.
            descriptors: that it reads requests from, and writes answers and its log to.
            own: environment that it shares with no other.
            folder: that it is kept to; None: it may write everywhere that the server may.
        """
        changed = {name: environment(process)[name] for name in _OF_WORKERS} | own
        answer = self._ask({"do": "fork", "environment": changed, "folder": folder}, descriptors)
        return Forked(answer["pid"], self) if answer else None

    def status(self, pid: int) -> int:
        """Exit status of a worker that has ended; of a server that was killed, it died with it."""
        answer = self._ask({"do": "status", "pid": pid})
        return int(answer["status"]) if answer else -signal.SIGKILL

    def close(self) -> None:
        """End it; its workers have ended. Safe to call twice."""
        self._connection.close()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=1 if self._ready else 0)
        self._child.kill()
        self._child.wait()

    def _ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> Any:
        """The answer; None if it has gone."""
        with self._one_at_a_time, suppress(OSError):
            socket.send_fds(self._connection, [json.dumps(request).encode()], descriptors)
            return self._received()
        return None

    def _received(self) -> Any:
        """What it says; None if it is gone, or silent for too long."""
        with suppress(OSError, ValueError):
            return json.loads(self._connection.recv(_ANSWER))
        return None
