"""The process of a worker as the system sees it: what it has, how it comes about, how it ends."""

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import psutil

from benchmarks.engine.fork_server import Forked, ForkServer
from benchmarks.engine.process import KEEP_MEMORY, Process, environment
from benchmarks.errors import os_errors

#: Says where torch keeps what it has compiled.
_TORCH = "TORCHINDUCTOR_CACHE_DIR"


class Child:
    """A process with a session, a folder for temporary files and two pipes of its own."""

    def __init__(
        self,
        process: Process,
        log: Path,
        server: ForkServer | None,
        *,
        keep_memory: bool,
        sandboxed: bool,
        temporary: Path | None,
    ) -> None:
        """Fork it, or start it anew where that cannot be; for the rest see `Worker`."""
        with os_errors("cannot make a folder for temporary files"):
            self._temporary = tempfile.mkdtemp(prefix="linreg-bench-", dir=temporary)
        own = {"TMPDIR": self._temporary, _TORCH: self._torch_folder(process, temporary)}
        child_in, requests = os.pipe()
        answered, child_out = os.pipe()
        folder = self._temporary if sandboxed else None
        with log.open("ab") as output:
            forked = server and server.fork(
                process, (child_in, child_out, output.fileno()), own, folder
            )
            self._process: Forked | subprocess.Popen[bytes] = forked or subprocess.Popen(
                [
                    *(str(process.launch.python), "-m", "backends.worker"),
                    *(str(child_in), str(child_out), *([folder] if folder else [])),
                ],
                cwd=process.launch.tree,
                env=environment(process) | own | (KEEP_MEMORY if keep_memory else {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(child_in, child_out),
                start_new_session=True,  # Ctrl-C is for the parent; kills take children along
            )
        self.pid = self._process.pid
        os.close(child_in)
        os.close(child_out)
        self.requests: BinaryIO = os.fdopen(requests, "wb", buffering=0)
        self.answers: BinaryIO = os.fdopen(answered, "rb", buffering=0)

    def _torch_folder(self, process: Process, temporary: Path | None) -> str:
        """Where torch keeps what it compiles, for a run and no longer.

        A first fit would otherwise take seconds more or less, depending on what ran yesterday.
        """
        cache = environment(process).get(_TORCH) or Path(
            temporary or self._temporary, "torch-compiled"
        )
        compiled = Path(process.launch.tree, cache)
        # It compiles headers as well, for seconds, and in a place that no variable names.
        with suppress(KeyError, ImportError, OSError):  # a user without a name, or a full disk
            compiled.mkdir(parents=True, exist_ok=True)
            Path(self._temporary, f"torchinductor_{getpass.getuser()}").symlink_to(compiled)
        return str(compiled)

    def wait(self, timeout: float) -> int:
        """Its exit status.

        Raises:
            subprocess.TimeoutExpired: it has not ended after `timeout` seconds.
        """
        return self._process.wait(timeout)

    def started(self) -> list[psutil.Process]:
        """What it has started, in whatever session; nothing once it is gone."""
        if self._process.returncode is None:
            with suppress(psutil.Error):
                return psutil.Process(self.pid).children(recursive=True)
        return []

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole session: frameworks start helpers of their own."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def kill(self, started: Sequence[psutil.Process] = ()) -> None:
        """Kill it, its session, and what it has started in a session of its own."""
        started = started or self.started()
        self.signal(signal.SIGKILL)
        for process in started:
            with suppress(psutil.Error):
                process.kill()
        self._process.wait()

    def end(self, patience: float) -> None:
        """Ask it to stop, and kill it after `patience` seconds; safe to call twice."""
        started = self.started()
        self.signal(signal.SIGCONT)
        if not self.requests.closed:
            with suppress(OSError):
                self.requests.write(b'{"do": "stop"}\n')
            self.requests.close()
        with suppress(subprocess.TimeoutExpired):
            self.wait(patience)
        self.kill(started)
        self.answers.close()

    def remove_files(self) -> None:
        """What it has written to its folder."""
        shutil.rmtree(self._temporary, ignore_errors=True)
