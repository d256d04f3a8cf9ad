"""The parent's side of a worker: start it, ask it, and survive whatever it does.

The child's side, with the table of requests, is `backends/worker/handler.py`.
"""

import json
import math
import os
import secrets
import select
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import psutil

import backends.worker.serve  # noqa: F401 - Python keeps it compiled; workers could not write that
from backends import registry
from benchmarks.engine import answers, memory
from benchmarks.engine.child import Child
from benchmarks.engine.fork_server import ForkServer
from benchmarks.engine.process import ROOT, Process, how_it_ended, was_killed

#: How often a silent worker's memory is looked at, seconds.
_LOOK = 0.1
#: So much is kept of the beginning and of the end of a log each, bytes: they say most. And from how
#: many on it is cut.
_KEPT, _MOST_LOG = 1 << 20, 4 << 20
#: Seconds after which a worker that does not answer is killed, by default.
PATIENCE = 60.0
#: Any disk reads more bytes a second.
SLOW_DISK = 5e7

Kind = Literal["unavailable", "memory", "error", "hang", "died", "killed", "nonsense"]


class WorkerFailed(Exception):
    """A worker could not do what it was asked; the message says why."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Worker:
    """A child process that holds one backend.

    What a framework prints goes to `log`. Whoever makes one has to `close` it.
    """

    def __init__(
        self,
        process: Process,
        log: Path,
        server: ForkServer | None = None,
        *,
        patience: float = PATIENCE,
        memory_bytes: int | None = None,
        stop_idle: bool = True,
        keep_memory: bool = True,
        sandboxed: bool = True,
        temporary: Path | None = None,
    ) -> None:
        """Start the process; it imports nothing before it is asked to.

        Args:
            process: what it is to be.
            log: collects what the worker prints.
            server: that forks it; by default it is started anew.
            patience: seconds after which a worker that does not answer is killed; `reading` adds to
                it.
            memory_bytes: at which it is killed; by default 80 % of what is free.
            stop_idle: whether it is stopped while it is not asked anything.
            keep_memory: whether it keeps freed memory (`KEEP_MEMORY`).
            sandboxed: whether it is kept from writing elsewhere, where the system can do that; see
                `backends.worker.sandbox`.
            temporary: where its own folder for temporary files is made; None: that of the system.
        """
        self.process, self.log, self.patience = process, log, patience
        self.reading = 0.0  # seconds that its data may take to come from the disk
        self.memory_bytes = memory_bytes or int(0.8 * memory.available())
        self.stop_idle = stop_idle
        self.failed: WorkerFailed | None = None
        self._helpers: list[int] = []  # processes that it has started to fit
        self._child = Child(
            process,
            log,
            server,
            keep_memory=keep_memory,
            sandboxed=sandboxed,
            temporary=temporary,
        )
        self.pid = self._child.pid

    def start(self) -> answers.Started:
        """Import the framework and make the device ready; raises as `ask` does."""
        process, plugin = self.process, self.process.plugin
        # Only where they say something: an older worker may not know them.
        extra: dict[str, Any] = {"tf32": True} if process.tf32 else {}
        if process.workers > 1:
            extra["workers"] = process.workers
        if process.launch.extra_work:
            extra["extra_work"] = process.launch.extra_work
        if plugin and not registry.is_file(plugin) and process.launch.tree == ROOT:
            extra["entry_point"] = plugin  # older ones import all of them
        started: answers.Started = self.ask(
            "start",
            backend=process.backend,
            # No other plug-in has any business in this process.
            plugins=[plugin] if registry.is_file(plugin) else [],
            device=process.worker_device,
            threads=process.threads,
            **extra,
        )
        self._helpers = [helper.pid for helper in self._child.started()]
        return started

    def ask(self, do: str, patience: float = math.inf, **fields: Any) -> Any:
        """Send a request and wait for its answer, of the kind that `answers.KINDS` says.

        It waits for `patience` seconds, or its own patience, whichever is less, and while its data
        may be read.

        Before and after, the worker is stopped: a thread pool that spins would slow down whoever is
        measured meanwhile, by several times.

        Raises:
            WorkerFailed: the backend refused, raised, hung, died, used too much memory, or wrote
                something that is not an answer. After any but the first two, the worker is gone.
        """
        if self.failed:
            raise self.failed
        # What was written before it was asked is no answer, nor is what does not repeat this:
        # a backend could have written either. An older worker does not know it.
        token = secrets.token_hex(8) if self.process.launch.tree == ROOT else ""
        request = {"do": do, **fields} | ({"token": token} if token else {})
        if self._has_written():
            raise self._fail("nonsense", "wrote more than one line for one request")
        self._child.signal(signal.SIGCONT)
        try:
            self._child.requests.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise self._fail(*self._cause_of_death()) from None
        line = self._line(min(patience, self.patience) + self.reading)
        if self.stop_idle:
            self._child.signal(signal.SIGSTOP)
            trim(self.log)
        try:
            answer = answers.parse(line, do, token)
        except answers.Nonsense as nonsense:
            shown = answers.short(f"wrote something that is no answer: {nonsense}")
            raise self._fail("nonsense", shown) from None
        if isinstance(answer, answers.Refusal):
            raise WorkerFailed(answer.kind, answers.short(answer.reason))
        return answer

    def close(self) -> None:
        """Stop the process, politely if it is idle; safe to call twice."""
        self._child.end(0 if self.failed else 1)
        trim(self.log, 2 * _KEPT)
        self._child.remove_files()

    def _has_written(self) -> bool:
        """Whether there is something to read; the end of a worker's answers is nothing."""
        poll = select.poll()
        poll.register(self._child.answers, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def _line(self, patience: float) -> bytes:
        """The line that it writes, without its end."""
        deadline = time.monotonic() + patience
        poll = select.poll()
        poll.register(self._child.answers, select.POLLIN)
        written = bytearray()
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._fail("hang", f"did not answer within {patience:.3g} s")
            if not poll.poll(1000 * min(left, _LOOK)):
                self._check_memory()
                continue
            if not (chunk := self._child.answers.read(1 << 16)):
                raise self._fail(*self._cause_of_death())
            written += chunk
            if b"\n" in chunk:
                line, _, more = written.partition(b"\n")
                if more:
                    raise self._fail("nonsense", "wrote more than one line for one request")
                return bytes(line)
            if len(written) > answers.MOST_BYTES:
                most = answers.MOST_BYTES >> 20
                raise self._fail("nonsense", f"wrote a line of more than {most} MiB")
            self._check_memory()  # it may go on like this for a while

    def _check_memory(self) -> None:
        resident = 0
        for pid in (self.pid, *self._helpers):
            with suppress(psutil.Error):  # it is gone: the next read says so
                resident += memory.own(pid)
        if resident > self.memory_bytes:
            limit = self.memory_bytes / 2**30
            raise self._fail("memory", f"used more than {limit:.1f} GiB of memory: killed")

    def _cause_of_death(self) -> tuple[Kind, str]:
        """Of a worker that the suite did not kill."""
        try:
            code = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "died", "closed its connection"
        return "killed" if was_killed(code) else "died", how_it_ended(code)

    def _fail(self, kind: Kind, reason: str) -> WorkerFailed:
        self.failed = WorkerFailed(kind, reason)
        self._child.kill()
        return self.failed


def trim(log: Path, most: int = _MOST_LOG) -> None:
    """Cut the middle out of a log that is longer than `most`, while nobody writes to it.

    Whoever has it open goes on at its new end, since logs are opened to be appended to.
    """
    with suppress(OSError):  # a log that cannot be cut is no reason to stop
        if log.stat().st_size <= most:
            return
        with log.open("rb+") as file:
            file.seek(-_KEPT, os.SEEK_END)
            end = file.read()
            file.seek(_KEPT)
            file.write(b"\n... (cut: it was too long) ...\n" + end)
            file.truncate()
