"""What a worker of the cluster does: a run of one workload, in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import dask
from distributed import Status, Worker, get_worker

from backends.distributed import remote
from benchmarks.cluster.job import Plugin, Task
from benchmarks.engine.process import ROOT
from benchmarks.engine.temporary import TemporaryFolder
from benchmarks.runfile.writer import NAME

#: Seconds between two looks at a run.
_LOOK = 0.5


@dataclass(frozen=True)
class Outcome:
    """How a run has ended, and what it has left."""

    status: int
    said: str  # its last line on standard error
    run_file: bytes
    logs: dict[str, bytes]  # by name


def execute(task: Task, plugins: Sequence[Plugin], elsewhere: Sequence[str] = ()) -> Outcome:
    """Carry out a task in this process of the cluster.

    Fits that are shared have ranks `elsewhere`: a scheduler, and its workers on other machines.

    The run is killed, with all that it has started, when nobody waits for it any more: the client
    is gone or has cancelled it, or this worker is closing. Linux kills it if this worker dies.
    """
    worker, key = get_worker(), get_worker().get_current_task()
    with closing(TemporaryFolder()) as temporary:
        out, errors = temporary.path / "out", temporary.path / "errors"
        words = [*task.words, "--out", str(out)]
        for number, plugin in enumerate(plugins):
            path = temporary.path / f"plugin-{number}" / Path(plugin.path).name
            path.parent.mkdir()
            path.write_text(plugin.content)
            words += ["--plugin", str(path)]
        with errors.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.cluster.child", *words],
                cwd=temporary.path,  # where no settings of a project apply
                env=_environment() | {remote.PLACES: " ".join(elsewhere)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                start_new_session=True,  # Ctrl-C is for the client
            )
        try:
            while child.poll() is None and _is_wanted(worker, key):
                time.sleep(_LOOK)
        finally:
            child.kill()
            child.wait()
        said = errors.read_text(errors="replace").strip().splitlines()
        return Outcome(
            child.returncode,
            said[-1] if said else "",
            (out / NAME).read_bytes() if (out / NAME).exists() else b"",
            {path.name: path.read_bytes() for path in (out / "logs").glob("*.log")},
        )


def _is_wanted(worker: Worker, key: object) -> bool:
    """Whether the client still waits for the task `key`."""
    state = worker.state.tasks.get(key)
    return state is not None and state.state == "executing" and worker.status == Status.running


def _environment() -> dict[str, str]:
    """What the run inherits: without what Dask has set for its own workers, such as one thread."""
    given = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    kept = {k: v for k, v in os.environ.items() if v != str(given.get(k))}
    before = kept.get("PYTHONPATH")
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), before]))}
