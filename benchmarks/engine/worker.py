"""The parent's side of a worker: start it, ask it, and survive whatever it does.

The child's side, with the table of requests, is `backends/worker/handler.py`.
"""

import getpass
import json
import math
import os
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

import psutil

import backends.worker.serve  # noqa: F401 - Python keeps it compiled; workers could not write that
from backends import registry
from benchmarks.engine import answers, memory
from benchmarks.engine.process import (
    KEEP_MEMORY,
    ROOT,
    Process,
    environment,
    how_it_ended,
    was_killed,
)
from benchmarks.errors import os_errors

#: How often a silent worker's memory is looked at, seconds.
_LOOK = 0.1
#: Says where torch keeps what it has compiled.
_TORCH = "TORCHINDUCTOR_CACHE_DIR"
#: So much is kept of the beginning and of the end of a log each, bytes: they say most. And from how
#: many on it is cut.
_KEPT, _MOST_LOG = 1 << 20, 4 << 20
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
        *,
        patience: float = 60.0,
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
        with os_errors("cannot make a folder for temporary files"):
            self._temporary = tempfile.mkdtemp(prefix="linreg-bench-", dir=temporary)
        # What torch has compiled is kept for a run and no longer: a first fit would otherwise take
        # seconds more or less, depending on what ran yesterday.
        own_environment = environment(process)
        cache = own_environment.get(_TORCH) or Path(temporary or self._temporary, "torch-compiled")
        compiled = Path(process.launch.tree, cache)
        # It compiles headers as well, for seconds, and in a place that no variable names.
        with suppress(KeyError, ImportError, OSError):  # a user without a name, or a full disk
            compiled.mkdir(parents=True, exist_ok=True)
            Path(self._temporary, f"torchinductor_{getpass.getuser()}").symlink_to(compiled)
        child_in, requests = os.pipe()
        answered, child_out = os.pipe()
        own = [self._temporary] if sandboxed else []
        command = [str(process.launch.python), "-m", "backends.worker"]
        command += [str(child_in), str(child_out), *own]
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                cwd=process.launch.tree,
                env=own_environment
                | {_TORCH: str(compiled), "TMPDIR": self._temporary}
                | (KEEP_MEMORY if keep_memory else {}),
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
        self._answers: BinaryIO = os.fdopen(answered, "rb", buffering=0)

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
        self._helpers = [helper.pid for helper in self._started()]
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
        self._signal(signal.SIGCONT)
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise self._fail(*self._cause_of_death()) from None
        line = self._line(min(patience, self.patience) + self.reading)
        if self.stop_idle:
            self._signal(signal.SIGSTOP)
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
        started = self._started()
        self._signal(signal.SIGCONT)
        if not self._requests.closed:
            with suppress(OSError):
                self._requests.write(b'{"do": "stop"}\n')
            self._requests.close()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=0 if self.failed else 1)
        self._kill(started)
        self._answers.close()
        trim(self.log, 2 * _KEPT)
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _has_written(self) -> bool:
        """Whether there is something to read; the end of a worker's answers is nothing."""
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def _line(self, patience: float) -> bytes:
        """The line that it writes, without its end."""
        deadline = time.monotonic() + patience
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        written = bytearray()
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._fail("hang", f"did not answer within {patience:.3g} s")
            if not poll.poll(1000 * min(left, _LOOK)):
                self._check_memory()
                continue
            if not (chunk := self._answers.read(1 << 16)):
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
        self._kill()
        return self.failed

    def _started(self) -> list[psutil.Process]:
        """What the process has started, in whatever session; nothing once it is gone."""
        if self._child.returncode is None:
            with suppress(psutil.Error):
                return psutil.Process(self.pid).children(recursive=True)
        return []

    def _kill(self, started: Sequence[psutil.Process] = ()) -> None:
        """The process, its session, and what it has started in a session of its own."""
        started = started or self._started()
        self._signal(signal.SIGKILL)
        for process in started:
            with suppress(psutil.Error):
                process.kill()
        self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        # To its whole session: frameworks start helpers of their own.
        if self._child.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


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
