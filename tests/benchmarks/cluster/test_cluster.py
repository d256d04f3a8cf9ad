"""Runs on several machines: what comes back, what is lost, and what is said."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from benchmarks.engine import machine
from benchmarks.evidence.endings import is_alive
from benchmarks.runfile import records
from benchmarks.runfile.run import Run
from tests.benchmarks.cluster.clusters import (
    ROOT,
    Cluster,
    environment,
    measuring,
    run,
    start,
    until,
)

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

CORES = machine.usable_cores()
HOST = socket.gethostname()  # as folders of a run are called
SIZES = ("200x3", "150x2", "100x2")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux binds workers to cores")
two_cores = pytest.mark.skipif(len(CORES) < 2, reason="needs two cores, which are two machines")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with Cluster(folder) as started:
        yield started


def machines(out: Path) -> dict[str, Run]:
    """The run file of each machine, each of which has to be sound and complete."""
    found = {path.parent.name: Run.read(path) for path in out.glob("machines/*/run.jsonl")}
    for name, one in found.items():
        assert one.footer
        assert one.footer.outcome == "complete"
        entries = {entry.id for entry in one.header.entries}
        for kind in (records.FitRecord, records.SampleRecord, records.VerdictRecord):
            assert {record.entry for record in one.of(kind)} == entries
        fits = [(fit.entry, fit.replicate) for fit in one.of(records.FitRecord)]
        rounds = [(sample.entry, sample.round) for sample in one.of(records.SampleRecord)]
        assert max(Counter(fits).values()) == max(Counter(rounds).values()) == 1
        workers = [worker.worker for worker in one.of(records.WorkerRecord)]
        assert sorted({fit.worker for fit in one.of(records.FitRecord)}) == sorted(workers)
        for worker in one.workers.values():
            assert (out / "machines" / name / worker.log).exists()
    return found


def measured(out: Path) -> Counter[str]:
    """How often each workload was measured, on all machines together."""
    runs = machines(out).values()
    done = Counter(one.workload for run in runs for one in run.of(records.DoneRecord))
    entries = {(id(run), entry.workload) for run in runs for entry in run.header.entries}
    assert Counter(workload for _, workload in entries) == done
    return done


@two_cores
def test_identical_machines_share_the_workloads_and_some_are_killed(
    tmp_path: Path, cluster: Cluster
) -> None:
    """On a scheduler and workers that were started by hand, with folders of their own."""
    out = tmp_path / "out"
    words = ("--cluster", cluster.address, "--workloads", ",".join(SIZES), "--budget", "2s")
    workers = [cluster.start_worker(CORES[:1]), cluster.start_worker(CORES[1:2])]
    client = start(out, *words)
    until(lambda: len(measuring(*workers)) == 2, "a task on each machine")
    lost, other = workers
    lost.kill()
    until(lambda: list(out.glob("machines/*/run.jsonl")), "a result")
    [task] = until(lambda: measuring(other), "a further task")
    client.kill()
    client.communicate()
    until(lambda: not is_alive(task.pid), "the end of what the client had started")
    status, errors = run(out, *words, "--resume")
    assert status == 0, errors
    assert measured(out) == dict.fromkeys(SIZES, 1)


@pytest.mark.slow
def test_a_worker_and_then_the_client_are_killed(tmp_path: Path) -> None:
    """On workers of this machine, as `local:N` starts them."""
    out = tmp_path / "out"
    words = ("--cluster", "local:2", "--workloads", ",".join(SIZES), "--budget", "3s")
    client = start(out, *words)
    [first] = until(lambda: measuring(client), "a task")
    worker = first.parent()
    worker.kill()
    until(lambda: not is_alive(first.pid), "the end of what the worker had started")
    until(lambda: list(out.glob("machines/*/run.jsonl")), "a result")
    [second] = until(lambda: measuring(client), "a second task")
    client.kill()
    client.communicate()
    until(lambda: not is_alive(second.pid), "the end of what the client had started")
    status, errors = run(out, "--resume", "--cluster", "local:1")
    assert status == 0, errors
    assert measured(out) == dict.fromkeys(SIZES, 1)
    [found] = machines(out).values()
    assert found.header.budget_seconds == 3
    assert found.header.command[:4] == ["linreg-bench", "run", "--backends", "numpy-gelsd"]
    assert [entry.workload for entry in found.header.entries] == list(SIZES)
    page = (out / "index.html").read_text()
    assert all(f'id="w-{size}"' in page for size in SIZES)
    status, errors = run(out, "--resume", "--cluster", "local:1")
    assert (status, "is complete; there is nothing to resume" in errors) == (2, True)


@two_cores
def test_each_kind_of_machine_does_all_workloads(
    tmp_path: Path, cluster: Cluster, call: Callable[..., Done]
) -> None:
    """Two kinds, as they differ in their cores; a plug-in comes along."""
    out, table, plugin = tmp_path / "out", tmp_path / "table.csv", tmp_path / "mine.py"
    table.write_text("a,y\n" + "".join(f"{i},{2 * i + (i * 7 % 5)}\n" for i in range(50)))
    plugin.write_text(
        "from backends.numpy import NumpyGelsd\nclass Mine(NumpyGelsd):\n    name = 'mine'\n"
    )
    for cores in (CORES[:1], CORES[:2]):
        cluster.start_worker(cores)
    status, errors = run(
        out,
        *("--cluster", cluster.address, "--each-machine", "--budget", "0.6s", "--seed", "3"),
        *("--data", table, "--target", "y", "--threads", "1"),
        *("--plugin", plugin, "--backends", "mine"),
    )
    assert status == 0, errors
    assert measured(out) == {"table.csv": 2}
    found = machines(out)
    assert sorted(run.header.machine.cores for run in found.values()) == [1, 2]
    for each in found.values():
        assert {entry.backend for entry in each.header.entries} == {"numpy-gelsd", "mine"}
        assert {(e.threads, e.device) for e in each.header.entries} == {(1, "cpu")}
        assert list(each.header.plugins) == [str(plugin)]
        assert (each.header.seed, each.header.budget_seconds) == (3, 0.6)
    page = (out / "index.html").read_text()
    assert "no interval goes across runs" in page
    assert all(f'href="machines/{name}/index.html"' in page for name in found)
    (out / "index.html").unlink()
    assert call("report", out).returncode == 0
    assert (out / "index.html").read_text() == page


@pytest.mark.slow
@two_cores
def test_ranks_of_a_fit_are_on_the_other_machines(tmp_path: Path, cluster: Cluster) -> None:
    """All of them work on one fit: no other task runs meanwhile."""
    for core in CORES[:2]:
        cluster.start_worker([core])
    out = tmp_path / "out"
    what = ("--workloads", "2000x3,1500x2", "--threads", "1", "--workers", "1,2")
    backends = ("--backends", "torch-distributed-qr,dask-gram")
    status, errors = run(out, "--cluster", cluster.address, *what, *backends, "--budget", "1s")
    assert status == 0, errors
    found = [Run.read(path) for path in out.glob("machines/*/run.jsonl")]
    names = {entry.id: one for one in found for entry in one.header.entries}
    for workload in ("2000x3", "1500x2"):
        shared = f"{workload}/torch-distributed-qr×2/cpu/2"
        verdict = names[shared].verdict(shared)
        assert verdict
        assert verdict.passed
        local = names[shared].of(records.FailureRecord, f"{workload}/dask-gram×2/cpu/2")
        assert "on this machine" in local[0].reason
        fit = names[shared].first_fit(shared)
        assert fit
        assert (fit.description["workers"], fit.description["threads"]) == (2, 2)


@pytest.mark.slow
def test_whatever_is_killed_leaves_nothing_behind(tmp_path: Path, cluster: Cluster) -> None:
    """Tasks take so long here that none of them ends by itself."""
    out, workers = tmp_path / "out", [cluster.start_worker(CORES) for _ in range(2)]
    words = ("--cluster", cluster.address, "--workloads", "200x3,100x2", "--budget", "60m")

    def task_of(client: subprocess.Popen[str]) -> psutil.Process:
        """The one that is measuring: both workers are on one machine."""
        [first, *_] = until(lambda: measuring(*workers), "a task")
        until(first.children, "a backend's process")
        assert client.poll() is None
        [task] = measuring(*workers)
        return task

    client = start(out, *words)
    task = task_of(client)
    client.kill()
    client.communicate()
    until(lambda: not is_alive(task.pid), "the end of a task")
    client = start(out, *words, "--resume")
    task = task_of(client)
    task.parent().kill()
    until(lambda: not is_alive(task.pid), "the end of a task")
    task = task_of(client)  # on the other worker
    client.send_signal(signal.SIGINT)
    _, errors = client.communicate()
    assert (client.returncode, errors.count("\n")) == (128 + signal.SIGINT, 1), errors
    until(lambda: not is_alive(task.pid), "the end of a task")
    client = start(out, *words, "--resume")
    task = task_of(client)
    cluster.scheduler.kill()
    _, errors = client.communicate()
    assert (client.returncode, errors.count("\n")) == (2, 1), errors
    assert "the scheduler is lost: start it again, and go on with --resume" in errors
    until(lambda: not is_alive(task.pid), "the end of a task")
    assert not (out / "machines").exists()


def test_a_machine_of_another_revision_is_refused_by_name(tmp_path: Path, cluster: Cluster) -> None:
    tree = tmp_path / "tree"
    for package in ("backends", "benchmarks", "reports"):
        ignored = shutil.ignore_patterns("__pycache__", "gallery")
        shutil.copytree(ROOT / package, tree / package, ignore=ignored)
    (tree / "benchmarks" / "errors.py").open("a").write("# another\n")
    cluster.start_worker(CORES, tree)
    status, errors = run(tmp_path / "out", "--cluster", cluster.address, "--workloads", "200x3")
    assert status == 2
    assert errors.count("\n") == 1
    assert f"on {HOST} the suite is another revision" in errors
    assert not (tmp_path / "out" / "machines").exists()


@pytest.mark.slow
def test_what_is_missing_on_a_machine_is_said_and_the_rest_is_measured(
    tmp_path: Path, cluster: Cluster
) -> None:
    """The table is deleted after the client has read it."""
    out, table = tmp_path / "out", tmp_path / "table.csv"
    table.write_text("a,y\n" + "".join(f"{i},{i * i % 7}\n" for i in range(50)))
    words = ("--data", table, "--target", "y", "--workloads", "200x3", "--budget", "0.4s")
    client = start(out, "--cluster", cluster.address, *words)
    until((out / "cluster.json").exists, "a job")
    until(lambda: (out / "cluster.json").stat().st_size, "a job")
    table.rename(tmp_path / "gone.csv")
    cluster.start_worker(CORES)
    _, errors = client.communicate()
    assert client.returncode == 2
    [line] = errors.splitlines()
    assert f"not measured: table.csv on {HOST}: --data: cannot read {table}" in line
    assert [path.name for path in (out / "machines").iterdir()] == [HOST]
    [found] = [Run.read(path) for path in out.glob("machines/*")]
    assert [one.workload for one in found.of(records.DoneRecord)] == ["200x3"]
    assert found.footer
    assert found.footer.outcome == "interrupted"  # --resume tries the other one again


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--cluster", "there"), "needs the address of a scheduler, such as tcp://host:8786"),
        (("--cluster", "local:0"), "needs the address of a scheduler"),
        (("--cluster", "local:1", "--data", "-"), "standard input does not get to other machines"),
        (
            ("--cluster", "local:1", "--workloads", "line-descent"),
            "nothing to run for 'numpy-gelsd'",
        ),
        (("--cluster", "local:1", "--resume"), "nothing to resume: cannot read"),
        (("--each-machine",), "--each-machine needs --cluster"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, call: Callable[..., Done], words: tuple[str, ...], message: str
) -> None:
    few = ("run", "--workloads", "200x3", "--backends", "numpy-gelsd", "--out", tmp_path / "out")
    done = call(*few, *words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_an_address_where_something_else_answers_is_one_line(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        done = call("run", "--quiet", "--out", tmp_path / "out", "--cluster", address)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"no scheduler of Dask answers at {address}" in done.stderr


def test_nothing_else_needs_dask(tmp_path: Path) -> None:
    """It is not in the default installation."""
    for package in ("dask", "distributed"):
        (tmp_path / f"{package}.py").write_text("raise ModuleNotFoundError(__name__)\n")
    hidden = environment() | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        what = [sys.executable, "-m", "benchmarks", *map(str, words)]
        return subprocess.run(what, cwd=ROOT, env=hidden, capture_output=True, text=True)

    few = (
        "--workloads",
        "100x2",
        "--backends",
        "numpy-gelsd",
        "--quiet",
        "--out",
        tmp_path / "out",
    )
    done = call("check", *few)
    assert done.returncode == 0, done.stderr
    done = call("run", *few, "--cluster", "local:1")
    assert done.returncode == 2
    assert done.stderr.startswith("linreg-bench: --cluster needs Dask: pip install")
