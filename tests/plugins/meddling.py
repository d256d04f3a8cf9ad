"""Backends that are right, and meddle with what is not theirs whenever they fit.

Each prints what became of it, so that a test can tell that it has tried.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import backends
from backends.base import Fit
from backends.numpy import NumpyGelsd


class _Meddles(NumpyGelsd):
    def fit(self) -> Fit:
        try:
            self.meddle(Path(os.readlink("/proc/self/fd/1")).parents[1])
            print("done", flush=True)
        except OSError as error:
            print(f"refused: {error}", flush=True)
        return super().fit()

    def meddle(self, run: Path) -> None:
        """Do harm to a run, whose folder is given."""
        raise NotImplementedError


class Appends(_Meddles):
    """Adds samples of itself to the run file: a nanosecond each."""

    name = "meddles-appends"

    def meddle(self, run: Path) -> None:
        sample = '{"record": "sample", "entry": "line/meddles-appends/cpu/1", "round": 0, '
        with (run / "run.jsonl").open("a") as file:
            file.write(sample + '"fits": 1, "seconds": 1e-9}\n')


class Overwrites(_Meddles):
    """Replaces the data of everybody."""

    name = "meddles-data"

    def meddle(self, run: Path) -> None:
        for path in Path(os.environ["TMPDIR"]).parent.glob("data/*/*.npy"):
            path.chmod(0o644)
            path.write_bytes(bytes(path.stat().st_size))


class Kills(_Meddles):
    """Kills its neighbours and their parent."""

    name = "meddles-kills"

    def meddle(self, run: Path) -> None:
        others = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        parent = os.getppid()
        for process in others:
            stat = Path(f"/proc/{process}/stat")
            ours = stat.exists() and int(stat.read_text().rpartition(")")[2].split()[1]) == parent
            if process != os.getpid() and ours:
                os.kill(process, signal.SIGKILL)
        os.kill(parent, signal.SIGTERM)


class Rewrites(_Meddles):
    """Makes the gate of the suite let everything pass."""

    name = "meddles-gate"

    def meddle(self, run: Path) -> None:
        gate = Path(backends.__file__).parents[1] / "benchmarks/gate/gate.py"
        gate.write_text("def judge(*_): raise SystemExit('the gate is open')\n")
