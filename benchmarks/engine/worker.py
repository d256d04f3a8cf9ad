"""The parent's side of a worker: start it, ask it, and survive whatever it does.

The child's side, with the table of requests, is `backends/worker.py`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import psutil

from benchmarks.engine.process import KEEP_MEMORY, ROOT, Home, environment

#: How often a silent worker's memory is looked at, seconds.
_LOOK = 0.1

Result = TypeVar("Result")
Kind = Literal["unavailable", "memory", "error", "hang", "died", "nonsense"]


class WorkerFailed(Exception):
    """A worker could not do what it was asked; the message is the one-line reason."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Worker:
    """A child process that holds one backend.

    Frameworks may print what they like: it goes to `log`. Use as a context manager, or `close`.
    """

    def __init__(
        self,
        home: Home,
        log: Path,
        *,
        plugins: Sequence[Path] = (),
        patience: float = 60.0,
        memory_bytes: int | None = None,
        stop_idle: bool = True,
        keep_memory: bool = True,
    ) -> None:
        """Start the process; it imports nothing before it is asked to.

        Args:
            log: file that collects what the worker prints.
            plugins: files that define further backends.
            patience: seconds after which a worker that does not answer is killed.
            memory_bytes: resident size at which it is killed; by default 80 % of what is free.
            stop_idle: whether it is stopped while it is not asked anything.
            keep_memory: whether its allocator is told to keep what it has (`KEEP_MEMORY`).
        """
        self.stop_idle = stop_idle
        self.home, self.log, self.patience = home, log, patience
        self.plugins = [str(path.resolve()) for path in plugins]
        self.memory_bytes = memory_bytes or int(0.8 * psutil.virtual_memory().available)
        self.failed: WorkerFailed | None = None
        self._buffer = b""
        child_in, requests = os.pipe()
        answers, child_out = os.pipe()
        python = str((home.variant and home.variant.python) or sys.executable)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [python, "-m", "backends.worker", str(child_in), str(child_out)],
                cwd=home.variant.tree if home.variant else ROOT,
                env=environment(home) | (KEEP_MEMORY if keep_memory else {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(child_in, child_out),
                start_new_session=True,  # Ctrl-C is for the parent, and a kill takes children along
            )
        os.close(child_in)
        os.close(child_out)
        self._requests: BinaryIO = os.fdopen(requests, "wb", buffering=0)
        self.answers = answers

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, *, patience: float | None = None, **fields: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            WorkerFailed: the backend refused, raised, hung, died, ate all memory, or wrote
                something that is no answer. After any but the first two, the worker is gone.
        """
        self.send(do, **fields)
        return self.receive(patience)

    def send(self, do: str, **fields: Any) -> None:
        """Send a request; `receive` has its answer.

        Raises:
            WorkerFailed: the worker is gone.
        """
        if self.failed:
            raise self.failed
        self._signal(signal.SIGCONT)
        try:
            self._requests.write(json.dumps({"do": do, **fields}).encode() + b"\n")
        except BrokenPipeError:
            raise self._fail("died", self._cause_of_death()) from None

    def how_to_start(self) -> dict[str, Any]:
        """The fields of the request "start": import the framework, make the device ready."""
        home = self.home
        # Left out where they say nothing: a worker of another revision may not know them.
        extra: dict[str, Any] = {"tf32": True} if home.tf32 else {}
        if home.variant and home.variant.extra_work:
            extra["extra_work"] = home.variant.extra_work
        return {
            "backend": home.backend,
            "plugins": self.plugins,
            "device": "cpu" if home.device == "cpu" else "cuda:0",
            "threads": home.threads,
            **extra,
        }

    def receive(self, patience: float | None = None) -> dict[str, Any]:
        """Wait for the answer to the last request; raises as `ask` does.

        From then until the next request the worker is stopped: a thread pool that spins for more
        work would slow down whoever is measured meanwhile, by several times.
        """
        line = self._line(patience or self.patience)
        if self.stop_idle:
            self._signal(signal.SIGSTOP)
        try:
            answer = json.loads(line)
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
        with suppress(OSError):
            if not self._requests.closed:
                self._requests.write(b'{"do": "stop"}\n')
                self._requests.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=0 if self.failed else 1)
        self._kill()
        if self.answers >= 0:
            os.close(self.answers)
            self.answers = -1

    def _line(self, patience: float) -> bytes:
        deadline = time.monotonic() + patience
        poll = select.poll()
        poll.register(self.answers, select.POLLIN)
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self.hung(patience)
            if not poll.poll(1000 * min(left, _LOOK)):
                self.look_at_memory()
                continue
            chunk = os.read(self.answers, 1 << 16)
            if not chunk:
                raise self._fail("died", self._cause_of_death())
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def hung(self, patience: float) -> WorkerFailed:
        """Kill it, for it has not answered for that long; what is to be raised."""
        return self._fail("hang", f"did not answer within {patience:g} s")

    def look_at_memory(self) -> None:
        """While an answer is awaited.

        Raises:
            WorkerFailed: it used too much, and was killed.
        """
        try:
            resident = psutil.Process(self.process.pid).memory_info().rss
        except psutil.Error:
            return  # it is gone: the next read says so
        if resident > self.memory_bytes:
            limit = self.memory_bytes / 2**30
            raise self._fail("memory", f"used more than {limit:.1f} GiB of memory: killed")

    def _cause_of_death(self) -> str:
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code < 0:
            name = signal.Signals(-code).name
            hint = " (out of memory?)" if -code == signal.SIGKILL else ""
            return f"was killed by {name}{hint}"
        return f"exited with status {code} in the middle of its work"

    def _fail(self, kind: Kind, reason: str) -> WorkerFailed:
        self.failed = WorkerFailed(kind, reason)
        self._kill()
        return self.failed

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # To its whole session: frameworks start helpers of their own.
        if self.process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


#: What is said to one worker: yields what it is to do and with which fields, gets each answer,
#: and returns what came of it.
Talk = Generator[tuple[str, dict[str, Any]], dict[str, Any], Result]


def talk_all(
    talks: Iterable[tuple[Worker, Talk[Result]]], at_once: int
) -> Iterator[tuple[Worker, Result | WorkerFailed]]:
    """Talk to several workers at the same time, `at_once` at most.

    Args:
        talks: each with its worker; the next one is taken when there is room for it.
        at_once: how many.

    Yields:
        Each worker with what came of its talk, in the order in which they end.
    """
    waiting, going = iter(talks), dict[int, tuple[Worker, Talk[Result], float]]()

    def go_on(
        worker: Worker, talk: Talk[Result], answer: dict[str, Any] | WorkerFailed | None
    ) -> Iterator[tuple[Worker, Result | WorkerFailed]]:
        """Send what comes after `answer`; at the end of the talk, its result."""
        try:
            said = talk.throw(answer) if isinstance(answer, WorkerFailed) else talk.send(answer)  # type: ignore[arg-type]
            worker.send(said[0], **said[1])
            going[worker.answers] = worker, talk, time.monotonic() + worker.patience
        except StopIteration as end:
            yield worker, end.value
        except WorkerFailed as failure:
            talk.close()
            yield worker, failure

    while True:
        while len(going) < at_once and (following := next(waiting, None)):
            yield from go_on(*following, None)
        if not going:
            return
        ready, _, _ = select.select(list(going), [], [], _LOOK)
        for fd, (worker, talk, deadline) in list(going.items()):
            answer: dict[str, Any] | WorkerFailed
            try:
                if fd in ready:
                    answer = worker.receive()
                elif time.monotonic() > deadline:
                    raise worker.hung(worker.patience)
                else:
                    worker.look_at_memory()
                    continue
            except WorkerFailed as failure:
                answer = failure
            del going[fd]
            yield from go_on(worker, talk, answer)
