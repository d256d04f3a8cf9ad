"""A run that is killed loses next to nothing, and is completed by `--resume`."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.engine import catalogue, choice, plan, resume
from benchmarks.errors import UserError
from benchmarks.problems.table import table
from benchmarks.problems.workloads import select
from benchmarks.runfile.header import Absence, GpuModel, Header, Machine, Variant
from benchmarks.runfile.records import (
    ControlRecord,
    DoneRecord,
    FailureRecord,
    Footer,
    MethodRecord,
    Record,
    SampleRecord,
    VerdictRecord,
    WorkerRecord,
    WorkloadRecord,
)
from benchmarks.runfile.run import Run
from benchmarks.runfile.writer import FORMAT, NAME, RunWriter
from benchmarks.samples import Sample

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

ROOT = Path(__file__).parents[3]
BUDGET = 3.0
#: Two right backends that take 6 ms, so that a sample is one fit, and keep a diary of their fits:
#: in which process, and of how many rows.
DIARY = """
import os, time
from backends.numpy import NumpyGelsd

class A(NumpyGelsd):
    name = "diary-a"
    def fit(self):
        time.sleep(6e-3)
        result = super().fit()
        # A worker may write to a cache.
        with open(os.environ["XDG_CACHE_HOME"] + "/diary", "a") as file:
            file.write(f"{os.getpid()} {len(self.data.y)}\\n")
        return result

class B(A):
    name = "diary-b"
"""


def linreg_bench(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "benchmarks.cli", *map(str, arguments)]


def measured(run: Run) -> float:
    return sum(sample.fits * sample.seconds for sample in run.of(SampleRecord))


@dataclass
class Killed:
    """A run that was killed, what it had left, and how it was resumed."""

    before: Run
    fits: Counter[str]  # that the workers made before the kill, by process and data
    after: Run
    resumed: subprocess.CompletedProcess[str]


def kill_and_resume(folder: Path, moment: float) -> Killed:
    """Kill a run `moment` seconds after its header is on disk, then resume it."""
    folder.mkdir()
    plugin, diary, file = folder / "diary.py", folder / "cache" / "diary", folder / "out" / NAME
    plugin.write_text(DIARY)
    command = linreg_bench(
        *("run", "--workloads", "line,200x2", "--backends", "diary-*", "--plugin", plugin),
        *("--budget", f"{BUDGET}s", "--precision", "0.01%", "--replicates", 2),
        *("--threads", 1, "--out", folder / "out"),
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(diary.parent)}
    quiet: dict[str, Any] = {"cwd": ROOT, "env": environment, "text": True}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **quiet)
    while not (file.exists() and b"\n" in file.read_bytes()):
        assert process.poll() is None, (folder / "output").read_text()
        time.sleep(0.01)
    time.sleep(moment)
    assert process.poll() is None, "the run was over before it was killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = Run.read(file)
    fits = Counter(diary.read_text().splitlines() if diary.exists() else [])
    again = linreg_bench("run", "--resume", "--out", folder / "out")
    resumed = subprocess.run(again, capture_output=True, **quiet)
    return Killed(before, fits, Run.read(file), resumed)


MOMENTS = [random.Random(0).uniform(low, low + 1) for low in range(1, 2)]


@pytest.fixture(scope="module")
def all_killed(tmp_path_factory: pytest.TempPathFactory) -> list[Killed]:
    folders = [tmp_path_factory.mktemp("killed") / "run" for _ in MOMENTS]
    return list(map(kill_and_resume, folders, MOMENTS))


@pytest.fixture(params=range(len(MOMENTS)), ids=[f"{moment:.2f} s" for moment in MOMENTS])
def killed(request: pytest.FixtureRequest, all_killed: list[Killed]) -> Killed:
    return all_killed[request.param]


def test_a_killed_run_is_completed(killed: Killed) -> None:
    assert killed.resumed.returncode == 0, killed.resumed.stderr
    assert killed.after.records[-1] is killed.after.footer
    assert killed.after.footer.outcome == "complete"
    assert len(killed.after.of(Header)) == 1
    assert sorted(record.workload for record in killed.after.of(DoneRecord)) == ["200x2", "line"]
    assert len(killed.after.of(WorkloadRecord)) == 2
    sampled = {sample.entry for sample in killed.after.of(SampleRecord)}
    assert sampled == {entry.id for entry in killed.after.header.entries}


def test_all_that_was_on_disk_is_still_there_and_nothing_is_there_twice(killed: Killed) -> None:
    assert killed.after.records[: len(killed.before.records)] == killed.before.records
    rounds = [(sample.entry, sample.round) for sample in killed.after.of(SampleRecord)]
    assert len(set(rounds)) == len(rounds)
    workers = [worker.worker for worker in killed.after.of(WorkerRecord)]
    assert len(set(workers)) == len(workers)


def test_the_kill_lost_one_round_at_most(killed: Killed) -> None:
    """Each process fits its data twice before the first sample: a first fit and a warm-up."""
    # Fits of data that a backend has not seen follow the samples of a workload.
    over = {record.entry.partition("/")[0] for record in killed.before.of(ControlRecord)}
    rows = {"line": "1000", "200x2": "200"}
    left = {rows[name] for name in rows if name not in over}
    made = sum(max(0, n - 2) for who, n in killed.fits.items() if who.split()[1] in left)
    samples = killed.before.of(SampleRecord)
    assert made - sum(one.entry.partition("/")[0] not in over for one in samples) <= 2


def test_the_budget_holds_for_both_parts_together(killed: Killed) -> None:
    # On a busy machine most of the time passes between samples.
    assert 0.1 * BUDGET < measured(killed.after) <= BUDGET


def test_new_processes_are_new_replicates(killed: Killed) -> None:
    later = killed.after.of(SampleRecord)[len(killed.before.of(SampleRecord)) :]
    earlier = {worker.replicate for worker in killed.before.of(WorkerRecord)}
    assert not earlier & {sample.replicate for sample in later}


@pytest.mark.parametrize("left", [None, b'{"record": "header", "form'])
def test_what_never_got_to_its_header_cannot_be_resumed(
    tmp_path: Path, left: bytes | None, call: Callable[..., Done]
) -> None:
    if left is not None:
        (tmp_path / NAME).write_bytes(left)
    done = call("run", "--resume", "--out", tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("linreg-bench: ")
    assert str(tmp_path) in line


MACHINE = Machine(cpu="A", cores_used=[0, 1])


def header(**fields: Any) -> Header:
    made = plan.make(
        select(["line", "50x2:float64"]),
        choice.choose_backends(["numpy-*", "sklearn-linear"], catalogue.known()),
        ["cpu"],
        n_cores=2,
        n_gpus=0,
        threads=None,
        available_bytes=1 << 40,
        replicates=3,
    )
    usual: dict[str, Any] = {
        "entries": [entry.record() for entry in made.entries],
        "absent": [Absence(backend="x", device="any", reason="not installed")],
        "replicates": made.replicates,
        "machine": MACHINE,
    }
    usual |= {"format": FORMAT, "seed": 0, "budget_seconds": 3.0, "precision": None}
    return Header(**usual | fields)


def test_the_plan_is_made_again_from_the_header() -> None:
    written = header()
    again = resume.plan(written, catalogue.known())
    assert [entry.record() for entry in again.entries] == written.entries
    assert [w.name for w in again.workloads] == ["line", "50x2:float64"]
    assert again.replicates == 3
    assert again.absent == written.absent


def test_a_backend_that_is_gone_is_named() -> None:
    known = {name: b for name, b in catalogue.known().items() if name != "sklearn-linear"}
    with pytest.raises(UserError, match="there is no backend 'sklearn-linear' here now"):
        resume.plan(header(), known)


def test_a_run_against_a_revision_is_not_resumed() -> None:
    main = Variant(kind="revision", name="main", source="main")
    entries = [replace(entry, variant=main) for entry in header().entries]
    with pytest.raises(UserError, match="cannot resume a run with --against"):
        resume.plan(header(entries=entries), catalogue.known())


def test_samples_of_two_machines_are_not_mixed() -> None:
    resume.check_machine(header(), replace(MACHINE, load=7.0))
    with pytest.raises(UserError, match="cpu was 'A' and is 'B' here"):
        resume.check_machine(header(), replace(MACHINE, cpu="B"))
    with pytest.raises(UserError, match="cores_used was"):
        resume.check_machine(header(), replace(MACHINE, cores_used=[0]))
    with pytest.raises(UserError, match=r"gpus was \[\] and is \['H100'\] here"):
        resume.check_machine(header(), replace(MACHINE, gpus=[GpuModel(name="H100")]))


def _data(name: str, sha256: str) -> WorkloadRecord:
    method = MethodRecord(kind="least squares")
    sizes: dict[str, Any] = {"dtype": "float32", "n_samples": 50, "n_features": 2}
    return WorkloadRecord(name=name, sha256=sha256, method=method, **sizes)


def _verdict(entry: str, passed: bool) -> VerdictRecord:
    nothing: dict[str, Any] = {"reason": "", "weight_error": None, "bound": None, "checks": ()}
    return VerdictRecord(entry=entry, passed=passed, **nothing)


def test_what_an_interrupted_run_has_already() -> None:
    head = header()
    right, wrong, lost = (entry.id for entry in head.entries[:3])
    records: list[Record] = [
        head,
        WorkerRecord(worker=0, replicate=0),
        WorkerRecord(worker=3, replicate=1),
        _data("line", "a"),
        _verdict(wrong, False),
        _verdict(right, True),
        FailureRecord(entry=lost, phase="fit", reason="died"),
        SampleRecord(entry=right, replicate=1, round=0, fits=4, seconds=0.5),
        SampleRecord(entry=right, replicate=0, round=1, fits=4, seconds=0.5),
        DoneRecord(workload="line"),
        _data("wide", "b"),
    ]
    found = resume.earlier(Run(head, records))
    assert found.done == {"line"}
    assert found.data == {"line": "a", "wide": "b"}
    assert found.failed == {wrong, lost}
    assert found.rounds[right] == {0: Sample(1, 0.5), 1: Sample(0, 0.5)}
    assert found.rounds[wrong] == {}
    assert (found.spent, found.workers, found.replicates) == (4.0, 4, 2)


def test_nothing_but_a_header_is_a_run_from_the_start() -> None:
    found = resume.earlier(Run(header(), [header()]))
    assert found == replace(resume.Earlier(), rounds=found.rounds)
    assert not any(found.rounds.values())


def test_own_data_are_read_again_and_must_be_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n1,2\n2,3\n3,5\n")
    own = table.workload(path, "y")
    assert own.file is not None
    entries = [replace(e, workload=own.name) for e in header().entries if e.workload == "line"]
    written = header(entries=entries, files=[own.file])
    [workload] = resume.plan(written, catalogue.known()).workloads
    assert workload.file == own.file
    path.write_text("a,y\n1,2\n2,3\n3,6\n")
    with pytest.raises(UserError, match="has changed since the run began"):
        resume.plan(written, catalogue.known())


def test_a_header_without_what_resuming_needs_is_one_clear_line(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    RunWriter(tmp_path / NAME).write(header())
    written = json.loads((tmp_path / NAME).read_text())
    del written["seed"]
    (tmp_path / NAME).write_text(json.dumps(written) + "\n")
    done = call("run", "--resume", "--out", tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "line 1: seed" in line


def test_a_run_that_is_complete_has_nothing_to_resume(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    writer = RunWriter(tmp_path / NAME)
    writer.write(header())
    writer.write(Footer())
    done = call("run", "--resume", "--out", tmp_path)
    assert done.returncode == 2
    assert "is complete; there is nothing to resume" in done.stderr
