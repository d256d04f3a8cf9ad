"""A question to a short-lived child process, which may do anything but answer."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from benchmarks.engine.process import ROOT, how_it_ended

#: An answer that is longer than this is none, bytes.
_MOST_BYTES = 16 << 20
#: How often a silent child is looked at, seconds.
_LOOK = 0.1
#: What is kept of its standard error, bytes.
_LAST_BYTES = 4096


@dataclass(frozen=True)
class Reply:
    """What came back."""

    lines: Sequence[bytes]  # whole ones only
    trouble: str  # why there are no more of them; empty if there are as many as expected
    said: str  # the last line on standard error


def ask(
    module: str,
    arguments: Sequence[str],
    *,
    expected: int,
    patience: float,
    python: Path = Path(sys.executable),
    environment: Mapping[str, str] = os.environ,
) -> Reply:
    """Run a module of this checkout, which writes `expected` lines to a descriptor of its own.

    The number of the descriptor is the first of its arguments. The process and whatever it has
    started are killed as soon as the answer is there, or `patience` (s) is over.

    Raises:
        OSError: the interpreter does not start.
    """
    answers, theirs = os.pipe()
    with os.fdopen(answers, "rb", buffering=0) as reader:
        try:
            child = subprocess.Popen(
                [str(python), "-m", module, str(theirs), *arguments],
                cwd=ROOT,
                env={**environment, "CUDA_VISIBLE_DEVICES": "-1"},  # no GPU has to be woken
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # whatever is imported may print what it likes
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(theirs,),
                start_new_session=True,  # Ctrl-C is for the parent; kills take children along
            )
        finally:
            os.close(theirs)
        try:
            return _listen(child, reader, expected, patience)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if child.stderr:
                child.stderr.close()


def _listen(
    child: subprocess.Popen[bytes], reader: BinaryIO, expected: int, patience: float
) -> Reply:
    """Read both pipes, so that the child never waits for room in one of them."""
    answer, said, deadline = b"", b"", time.monotonic() + patience
    errors = child.stderr
    assert errors
    poll, open_ = select.poll(), {reader.fileno(), errors.fileno()}
    for descriptor in open_:
        poll.register(descriptor, select.POLLIN)
    while True:
        # Looked at first: what it wrote before its end is in the pipes by then.
        ended, ready = child.poll(), poll.poll(1000 * _LOOK if open_ else 0)
        for descriptor, _ in ready:
            if not (chunk := os.read(descriptor, 1 << 16)):
                poll.unregister(descriptor)
                open_.discard(descriptor)
            elif descriptor == reader.fileno():
                answer += chunk
            else:
                said = (said + chunk)[-_LAST_BYTES:]
        lines = answer.split(b"\n")[:-1]
        trouble = ""
        if len(lines) < expected:
            if len(answer) > _MOST_BYTES:
                trouble = "wrote far too much for an answer"
            elif time.monotonic() > deadline:
                trouble = f"did not answer within {patience:g} s"
            elif ended is not None and not ready:
                trouble = how_it_ended(ended)
            else:
                if not open_:
                    time.sleep(_LOOK)  # it has closed both, and may be at its end
                continue
        last = said.decode(errors="replace").strip().splitlines()
        return Reply(lines[:expected], trouble, last[-1] if last else "")
