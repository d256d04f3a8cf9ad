"""The parent's side of a worker: start it, ask it, and survive whatever it does.

The child's side, with the table of requests, is `backends/worker/handler.py`.
"""

import json
import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

import psutil

from backends import registry
from benchmarks.engine.process import KEEP_MEMORY, ROOT, Process, environment, how_it_ended
from benchmarks.printable import clean

#: How often a silent worker's memory is looked at, seconds.
_LOOK = 0.1

Kind = Literal["unavailable", "memory", "error", "hang", "died", "nonsense"]


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
        *,
        patience: float = 60.0,
        memory_bytes: int | None = None,
        stop_idle: bool = True,
        keep_memory: bool = True,
    ) -> None:
        """Start the process; it imports nothing before it is asked to.

        Args:
            process: what it is to be.
            log: collects what the worker prints.
            patience: seconds after which a worker that does not answer is killed.
            memory_bytes: at which it is killed; by default 80 % of what is free.
            stop_idle: whether it is stopped while it is not asked anything.
            keep_memory: whether it keeps freed memory (`KEEP_MEMORY`).
        """
        self.process, self.log, self.patience = process, log, patience
        self.memory_bytes = memory_bytes or int(0.8 * psutil.virtual_memory().available)
        self.stop_idle = stop_idle
        self.failed: WorkerFailed | None = None
        self._buffer = b""
        child_in, requests = os.pipe()
        answers, child_out = os.pipe()
        command = [str(process.launch.python), "-m", "backends.worker"]
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [*command, str(child_in), str(child_out)],
                cwd=process.launch.tree,
                env=environment(process) | (KEEP_MEMORY if keep_memory else {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(child_in, child_out),
                start_new_session=True,  # Ctrl-C is for the parent; kills take children along
            )
        self.pid = self._child.pid
        os.close(child_in)
        os.close(child_out)
        self._requests: BinaryIO = os.fdopen(requests, "wb", buffering=0)
        self._answers: BinaryIO = os.fdopen(answers, "rb", buffering=0)

    def start(self) -> dict[str, Any]:
        """Import the framework and make the device ready; raises as `ask` does."""
        process, plugin = self.process, self.process.plugin
        # Only where they say something: an older worker may not know them.
        extra: dict[str, Any] = {"tf32": True} if process.tf32 else {}
        if process.launch.extra_work:
            extra["extra_work"] = process.launch.extra_work
        if plugin and not registry.is_file(plugin) and process.launch.tree == ROOT:
            extra["entry_point"] = plugin  # older ones import all of them
        return self.ask(
            "start",
            backend=process.backend,
            # No other plug-in has any business in this process.
            plugins=[plugin] if registry.is_file(plugin) else [],
            device=process.worker_device,
            threads=process.threads,
            **extra,
        )

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Send a request and wait for its answer, whose texts are made printable.

        Before and after, the worker is stopped: a thread pool that spins would slow down whoever is
        measured meanwhile, by several times.

        Raises:
            WorkerFailed: the backend refused, raised, hung, died, used too much memory, or wrote
                something that is not an answer. After any but the first two, the worker is gone.
        """
        if self.failed:
            raise self.failed
        self._signal(signal.SIGCONT)
        try:
            self._requests.write(json.dumps({"do": do, **fields}).encode() + b"\n")
        except BrokenPipeError:
            raise self._fail("died", self._cause_of_death()) from None
        line = self._line()
        if self.stop_idle:
            self._signal(signal.SIGSTOP)
        try:
            answer = clean(json.loads(line))
            ok = answer["ok"]
        except (ValueError, TypeError, KeyError):
            shown = line[:60].decode(errors="replace")
            raise self._fail("nonsense", f"wrote something that is no answer: {shown!r}") from None
        if not ok:
            raise WorkerFailed(answer.get("kind", "error"), str(answer.get("reason")))
        return dict(answer)

    def close(self) -> None:
        """Stop the process, politely if it is idle; safe to call twice."""
        self._signal(signal.SIGCONT)
        if not self._requests.closed:
            with suppress(OSError):
                self._requests.write(b'{"do": "stop"}\n')
            self._requests.close()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=0 if self.failed else 1)
        self._kill()
        self._answers.close()

    def _line(self) -> bytes:
        deadline = time.monotonic() + self.patience
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._fail("hang", f"did not answer within {self.patience:g} s")
            if not poll.poll(1000 * min(left, _LOOK)):
                self._check_memory()
                continue
            if not (chunk := self._answers.read(1 << 16)):
                raise self._fail("died", self._cause_of_death())
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _check_memory(self) -> None:
        try:
            resident = psutil.Process(self.pid).memory_info().rss
        except psutil.Error:
            return  # it is gone: the next read says so
        if resident > self.memory_bytes:
            limit = self.memory_bytes / 2**30
            raise self._fail("memory", f"used more than {limit:.1f} GiB of memory: killed")

    def _cause_of_death(self) -> str:
        try:
            code = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        return how_it_ended(code)

    def _fail(self, kind: Kind, reason: str) -> WorkerFailed:
        self.failed = WorkerFailed(kind, reason)
        self._kill()
        return self.failed

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        # To its whole session: frameworks start helpers of their own.
        if self._child.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
