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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backends import registry
from benchmarks import runfile
from benchmarks.engine import plan, resume
from benchmarks.errors import UserError
from benchmarks.estimates import Sample
from benchmarks.problems import table as data
from benchmarks.problems.workloads import select
from benchmarks.runfile import Record, of_kind

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
        with open(os.environ["DIARY"], "a") as file:
            file.write(f"{os.getpid()} {len(self.data.y)}\\n")
        return result

class B(A):
    name = "diary-b"
"""


def linreg_bench(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "benchmarks.cli", *map(str, arguments)]


def measured(records: list[Record]) -> float:
    return sum(s["fits"] * s["seconds"] for s in of_kind(records, "sample"))


@dataclass
class Killed:
    """A run that was killed, what it had left, and how it was resumed."""

    before: list[Record]
    fits: Counter[str]  # that the workers made before the kill, by process and data
    after: list[Record]
    resumed: subprocess.CompletedProcess[str]


def kill_and_resume(folder: Path, moment: float) -> Killed:
    """Kill a run `moment` seconds after its header is on disk, then resume it."""
    folder.mkdir()
    plugin, diary, file = folder / "diary.py", folder / "diary", folder / "out" / runfile.NAME
    plugin.write_text(DIARY)
    command = linreg_bench(
        *("run", "--workloads", "line,200x2", "--backends", "diary-*", "--plugin", plugin),
        *("--budget", f"{BUDGET}s", "--precision", "0.01%", "--replicates", 2),
        *("--threads", 1, "--out", folder / "out"),
    )
    environment = os.environ | {"DIARY": str(diary)}
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
    before = runfile.read(file)
    fits = Counter(diary.read_text().splitlines() if diary.exists() else [])
    again = linreg_bench("run", "--resume", "--out", folder / "out")
    resumed = subprocess.run(again, capture_output=True, **quiet)
    return Killed(before, fits, runfile.read(file), resumed)


MOMENTS = [random.Random(0).uniform(low, low + 1) for low in range(3)]


@pytest.fixture(scope="module")
def all_killed(tmp_path_factory: pytest.TempPathFactory) -> list[Killed]:
    """At all moments side by side: what is tested is not how fast anything is."""
    folders = [tmp_path_factory.mktemp("killed") / "run" for _ in MOMENTS]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(kill_and_resume, folders, MOMENTS))


@pytest.fixture(params=range(len(MOMENTS)), ids=[f"{moment:.2f} s" for moment in MOMENTS])
def killed(request: pytest.FixtureRequest, all_killed: list[Killed]) -> Killed:
    return all_killed[request.param]


def test_a_killed_run_is_completed(killed: Killed) -> None:
    assert killed.resumed.returncode == 0, killed.resumed.stderr
    assert killed.after[-1]["record"] == "footer"
    assert killed.after[-1]["outcome"] == "complete"
    assert len(of_kind(killed.after, "header")) == 1
    assert sorted(r["workload"] for r in of_kind(killed.after, "done")) == ["200x2", "line"]
    assert len(of_kind(killed.after, "workload")) == 2
    sampled = {s["entry"] for s in of_kind(killed.after, "sample")}
    assert sampled == {e["entry"] for e in killed.after[0]["entries"]}


def test_all_that_was_on_disk_is_still_there_and_nothing_is_there_twice(killed: Killed) -> None:
    assert killed.after[: len(killed.before)] == killed.before
    rounds = [(s["entry"], s["round"]) for s in of_kind(killed.after, "sample")]
    assert len(set(rounds)) == len(rounds)
    workers = [worker["worker"] for worker in of_kind(killed.after, "worker")]
    assert len(set(workers)) == len(workers)


def test_the_kill_lost_one_round_at_most(killed: Killed) -> None:
    """Each process fits its data twice before the first sample: a first fit and a warm-up."""
    made = sum(max(0, fits - 2) for fits in killed.fits.values())
    assert made - len(of_kind(killed.before, "sample")) <= 2


def test_the_budget_holds_for_both_parts_together(killed: Killed) -> None:
    # On a busy machine most of the time passes between samples.
    assert 0.1 * BUDGET < measured(killed.after) <= BUDGET


def test_new_processes_are_new_replicates(killed: Killed) -> None:
    def replicates(records: list[Record], kind: str) -> set[int]:
        return {record["replicate"] for record in of_kind(records, kind)}

    later = killed.after[len(killed.before) :]
    assert not replicates(later, "sample") & replicates(killed.before, "worker")


@pytest.mark.parametrize("left", [None, b'{"record": "header", "form'])
def test_what_never_got_to_its_header_cannot_be_resumed(
    tmp_path: Path, left: bytes | None, call: Callable[..., Done]
) -> None:
    if left is not None:
        (tmp_path / runfile.NAME).write_bytes(left)
    done = call("run", "--resume", "--out", tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("linreg-bench: ")
    assert str(tmp_path) in line


def header(**fields: Any) -> Record:
    made = plan.make(
        select(["line", "50x2:float64"]),
        plan.choose_backends(["numpy-*", "sklearn-linear"], registry.load()),
        ["cpu"],
        n_cores=2,
        n_gpus=0,
        threads=None,
        available_bytes=1 << 40,
        replicates=3,
    )
    return {
        "record": "header",
        "entries": [entry.to_json() for entry in made.entries],
        "absent": [{"backend": "x", "device": "any", "reason": "not installed"}],
        "replicates": made.replicates,
        "cold": made.cold,
        "plugins": [],
        "machine": {"cpu": "A", "cores_used": [0, 1]},
    } | fields


def test_the_plan_is_made_again_from_the_header() -> None:
    written = header()
    again = resume.plan(written, registry.load())
    assert [entry.to_json() for entry in again.entries] == written["entries"]
    assert [w.name for w in again.workloads] == ["line", "50x2:float64"]
    assert again.replicates == 3
    assert again.absent == [plan.Absence("x", "any", "not installed")]


def test_a_backend_that_is_gone_is_named() -> None:
    known = {name: b for name, b in registry.load().items() if name != "sklearn-linear"}
    with pytest.raises(UserError, match="there is no backend 'sklearn-linear' here now"):
        resume.plan(header(), known)


def test_a_run_against_a_revision_is_not_resumed() -> None:
    entries = [entry | {"variant_of": "x"} for entry in header()["entries"]]
    with pytest.raises(UserError, match="cannot resume a run with --against"):
        resume.plan(header(entries=entries), registry.load())


def test_samples_of_two_machines_are_not_mixed() -> None:
    resume.check_machine(header(), {"cpu": "A", "cores_used": [0, 1], "load": 7.0})
    with pytest.raises(UserError, match="cpu was 'A' and is 'B' here"):
        resume.check_machine(header(), {"cpu": "B", "cores_used": [0, 1]})
    with pytest.raises(UserError, match="cores_used was"):
        resume.check_machine(header(), {"cpu": "A", "cores_used": [0]})
    with pytest.raises(UserError, match=r"gpus was \[\] and is \['H100'\] here"):
        resume.check_machine(
            header(), {"cpu": "A", "cores_used": [0, 1], "gpus": [{"name": "H100"}]}
        )


def test_what_an_interrupted_run_has_already() -> None:
    sample = {"record": "sample", "fits": 4, "seconds": 0.5}
    records: list[Record] = [
        header(),
        {"record": "worker", "worker": 0, "replicate": 0},
        {"record": "worker", "worker": 3, "replicate": 1},
        {"record": "workload", "name": "line", "sha256": "a"},
        {"record": "verdict", "entry": "wrong", "passed": False},
        {"record": "verdict", "entry": "right", "passed": True},
        {"record": "failure", "entry": "lost"},
        sample | {"entry": "right", "replicate": 1, "round": 0},
        sample | {"entry": "right", "replicate": 0, "round": 1},
        {"record": "done", "workload": "line"},
        {"record": "workload", "name": "wide", "sha256": "b"},
    ]
    found = resume.earlier(records)
    assert found.done == {"line"}
    assert found.data == {"line": "a", "wide": "b"}
    assert found.failed == {"wrong", "lost"}
    assert found.rounds == {"right": {0: Sample(1, 0.5), 1: Sample(0, 0.5)}}
    assert (found.spent, found.workers, found.replicates) == (4.0, 4, 2)


def test_nothing_but_a_header_is_a_run_from_the_start() -> None:
    assert resume.earlier([header()]) == resume.Earlier()


def test_own_data_are_read_again_and_must_be_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n1,2\n2,3\n3,5\n")
    own = data.workload(path, "y")
    assert own.file is not None
    entries = [e | {"workload": own.name} for e in header()["entries"] if e["workload"] == "line"]
    written = header(entries=entries, files=[asdict(own.file)])
    [workload] = resume.plan(written, registry.load()).workloads
    assert workload.file == own.file
    path.write_text("a,y\n1,2\n2,3\n3,6\n")
    with pytest.raises(UserError, match="has changed since the run began"):
        resume.plan(written, registry.load())


def test_a_header_without_what_resuming_needs_is_one_clear_line(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    written = header(format=runfile.FORMAT)
    del written["plugins"]
    (tmp_path / runfile.NAME).write_text(json.dumps(written) + "\n")
    done = call("run", "--resume", "--out", tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "its header has no 'seed'" in line
