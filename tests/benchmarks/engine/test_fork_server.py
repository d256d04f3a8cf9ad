"""Workers that are forked by a process that has their framework: as good as new ones."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks.engine import catalogue, machine, plan
from benchmarks.engine.answers import Started
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Forking, Launch, Process
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.workloads import WORKLOADS
from benchmarks.runfile.header import Variant

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
LINE = WORKLOADS["line"]
PLUGIN = '''
"""Says where its memory is, and what it can import."""

import os

import numpy as np

from backends.numpy import NumpyGelsd


class Tells(NumpyGelsd):
    name = "tells"
    hidden = ("colorsys",)

    def describe(self):
        try:
            import colorsys
        except ImportError:
            colorsys = None
        found = {"address": np.ones(5 << 20).ctypes.data, "hidden": colorsys is None}
        found |= {"temporary": os.environ["TMPDIR"], "session": os.getsid(0) == os.getpid()}
        found |= {"replicate": os.environ["LINREG_BENCH_REPLICATE"]}
        return super().describe() | found
'''


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    with Pool(tmp_path, machine.usable_cores()) as made:
        yield made


def entry(name: str = "numpy-gelsd", plugins: tuple[Path, ...] = ()) -> Entry:
    known = catalogue.known(plugins)[name]
    return Entry.make(LINE, known, "cpu", 1, cold=False, tf32=False)


def start(pool: Pool, *processes: Process) -> list[Started]:
    answers = [answer for _, answer in pool.start(processes)]
    assert all(isinstance(answer, Started) for answer in answers), answers
    return answers  # type: ignore[return-value]


def test_workers_of_one_framework_are_forked_and_it_is_imported_once(pool: Pool) -> None:
    one, other = entry("numpy-gelsd").process, entry("numpy-loop").process
    found = start(pool, one, other)
    [server] = {psutil.Process(pool.workers[process].pid).ppid() for process in (one, other)}
    assert psutil.Process(server).ppid() == psutil.Process().pid
    assert found[0].import_seconds == pytest.approx(found[1].import_seconds, abs=0.02)
    assert found[0].import_seconds > 0.001
    assert pool.first_fit(entry()).reason == ""
    assert pool.sample(one, 3) > 0


def test_they_and_their_servers_are_gone_with_the_pool(tmp_path: Path) -> None:
    with Pool(tmp_path, machine.usable_cores()) as pool:
        start(pool, entry().process)
        pids = [worker.pid for worker in pool.workers.values()]
        pids += [psutil.Process(pids[0]).ppid()]
    assert not any(map(psutil.pid_exists, pids))


def test_servers_that_nobody_needs_are_ended(pool: Pool) -> None:
    one, other = entry("numpy-gelsd").process, entry("scipy-gelsd").process
    start(pool, one, other)
    servers = [psutil.Process(pool.workers[process].pid).ppid() for process in (one, other)]
    pool.workers.keep([other])
    assert list(map(psutil.pid_exists, servers)) == [False, True]
    assert not psutil.pid_exists(pool.workers[one].pid)
    assert pool.first_fit(replace(entry("scipy-gelsd"), process=other)).reason == ""


def test_each_has_what_a_new_process_has_for_itself(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "tells.py"
    path.write_text(PLUGIN)
    tells = entry("tells", (path,))
    assert tells.process.forking == Forking("numpy", ("colorsys",))
    processes = [replace(tells.process, replicate=number) for number in range(4)]
    start(pool, *processes)
    said = [pool.first_fit(tells, process).answer.description for process in processes]
    assert all(one["hidden"] and one["session"] for one in said)
    assert [one["replicate"] for one in said] == ["0", "1", "2", "3"]
    assert len({one["temporary"] for one in said}) == 4
    # Where memory lies is chance in new processes, and part of what they differ by.
    assert len({one["address"] for one in said}) == 4


def test_where_a_server_cannot_import_workers_are_started_anew(pool: Pool) -> None:
    """They say what is missing; here nothing is."""
    lacking = replace(entry().process, forking=Forking("no_such_framework"))
    assert pool.first_fit(entry(), lacking).reason == ""
    assert psutil.Process(pool.workers[lacking].pid).ppid() == psutil.Process().pid


def test_one_that_dies_says_how(pool: Pool) -> None:
    one = entry()
    start(pool, one.process)
    psutil.Process(pool.workers[one.process].pid).send_signal(signal.SIGTERM)
    with pytest.raises(WorkerFailed, match="killed by someone: SIGTERM"):
        pool.first_fit(one)


def test_when_a_server_is_killed_its_workers_are_lost_and_further_ones_are_not(pool: Pool) -> None:
    one, other = entry(), entry("numpy-loop")
    start(pool, one.process)
    psutil.Process(psutil.Process(pool.workers[one.process].pid).ppid()).kill()
    with pytest.raises(WorkerFailed, match="killed by someone: SIGKILL"):
        pool.first_fit(one)
    start(pool, other.process)
    assert psutil.Process(pool.workers[other.process].pid).ppid() == psutil.Process().pid


def forked(**how: object) -> set[bool]:
    made = plan.make(
        [LINE],
        [
            catalogue.known()[name]
            for name in ("numpy-gelsd", "torch-gelsy", "torch-distributed-gram")
        ],
        how.pop("devices", ["cpu"]),  # type: ignore[arg-type]
        n_cores=2,
        n_gpus=1,
        threads=1,
        available_bytes=1 << 40,
        **how,  # type: ignore[arg-type]
    )
    return {e.process.forking is not None for e in made.entries if not e.backend.distributed}


def test_all_of_a_run_are_forked_or_none(tmp_path: Path) -> None:
    copy = Launch(Variant(kind="copy", name="again"), extra_work=0.1)
    revision = Launch(Variant(kind="revision", name="old", source="old"), tree=tmp_path)
    assert forked() == forked(launches=[Launch(), copy]) == {True}
    # Another revision has no server, and the time of each start is wanted of cold processes.
    assert forked(launches=[Launch(), revision]) == forked(cold=True) == {False}
    # What CUDA has begun does not survive a fork.
    assert forked(devices=["cuda:0"]) == {False}
