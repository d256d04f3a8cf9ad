"""Runs that are ended at random moments: what is left of them, on the disk and in memory."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
from typer import Option

from benchmarks.engine.process import ROOT
from benchmarks.errors import FAILED, UserError
from benchmarks.runfile.records import SampleRecord
from benchmarks.runfile.run import Run

#: Seconds in which everything that a run has started has to be gone.
GONE_IN = 2.0
_ARGUMENTS = "--workloads line,line-descent --backends numpy-* --replicates 2 --budget 1s --quiet"


@dataclass(frozen=True)
class Ending:
    """How one run was ended, and what was wrong afterwards."""

    signal: str
    after: float  # seconds
    status: int
    records: int  # in its run file
    faults: tuple[str, ...]


def ended(
    kills: Annotated[int, Option(help="Runs that are killed.")] = 100,
    terms: Annotated[int, Option(help="Runs that are told to end.")] = 50,
    interrupts: Annotated[int, Option(help="Runs that are interrupted as by Ctrl-C.")] = 50,
    seed: Annotated[int, Option(help="For the moments.")] = 0,
) -> None:
    """What is left of runs that are ended at random moments: takes some seconds each."""
    signals = [signal.SIGKILL] * kills + [signal.SIGTERM] * terms + [signal.SIGINT] * interrupts
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for one in endings(Path(folder), signals, seed):
            wrong += bool(one.faults)
            what = "; ".join(one.faults) or "nothing wrong"
            print(
                f"{one.signal} after {one.after:.2f} s: {one.records} records, {what}", flush=True
            )
    print(f"{wrong} of {len(signals)} endings left something behind, or a file of no use")
    raise SystemExit(FAILED if wrong else 0)


def endings(folder: Path, signals: list[signal.Signals], seed: int) -> Iterator[Ending]:
    """Start a run for each signal, and send it at a random moment of the run.

    A file of somebody else's, in the folder of each run, has to stay as it is.
    """
    rng = random.Random(seed)
    began = time.monotonic()
    _start(folder / "whole", folder).wait()  # how long one takes on this machine
    lasts = time.monotonic() - began
    for number, one in enumerate(signals):
        yield _ending(folder / f"run-{number}", one, rng.uniform(0.1, 1.05) * lasts)


def _start(out: Path, temporary: Path, arguments: str = _ARGUMENTS) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "run", *arguments.split(), "--out", str(out)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Whoever runs this in the background may have had it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _ending(out: Path, sent: signal.Signals, after: float) -> Ending:
    theirs, temporary = out / "theirs.txt", Path(tempfile.mkdtemp(dir=out.parent))
    out.mkdir()
    theirs.write_text("keep me")
    process = _start(out, temporary)
    with suppress(subprocess.TimeoutExpired):
        process.wait(after)
    started = []
    if process.poll() is None:
        started = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(sent)
    status = process.wait()
    deadline = time.monotonic() + GONE_IN
    while time.monotonic() < deadline and (any(map(is_alive, started)) or _left(temporary)):
        time.sleep(0.05)
    faults = []
    if alive := sum(map(is_alive, started)):
        faults.append(f"{alive} processes are left")
    if left := _left(temporary):
        faults.append(f"left in the folder for temporary files: {left[0]}")
    if theirs.read_text() != "keep me":
        faults.append("somebody else's file was changed")
    records, trouble = _records(out, temporary)
    faults += [trouble] if trouble else []
    return Ending(sent.name, after, status, records, tuple(faults))


def _records(out: Path, temporary: Path) -> tuple[int, str]:
    """How many records a run has left, and why it cannot be read or resumed."""
    run_file = out / "run.jsonl"
    if not run_file.exists() or not run_file.stat().st_size:
        return 0, ""
    try:
        run = Run.read(out)
    except UserError as error:
        return 0, str(error)
    records = len(run.records)
    if run.footer and run.footer.outcome == "complete":
        return records, ""
    status = _start(out, temporary, "--resume").wait()
    again = Run.read(out)
    if status or not again.footer or again.footer.outcome != "complete":
        return records, f"cannot be resumed: status {status}"
    for entry in again.header.entries:
        rounds = [(s.round, s.replicate) for s in again.of(SampleRecord, entry.id)]
        if len(set(rounds)) < len(rounds):
            return records, f"a round of {entry.id} was counted twice"
    return records, ""


def is_alive(pid: int) -> bool:
    """Whether there is such a process, which has not ended."""
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def _left(temporary: Path) -> list[str]:
    return [path.name for path in temporary.iterdir()]
