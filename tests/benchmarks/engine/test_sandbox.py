"""What a backend does to others has no effect: to the run, the data, the suite, the processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends import registry
from benchmarks.engine.process import Process
from benchmarks.engine.worker import Worker
from benchmarks.runfile.records import FailureRecord, WorkerRecord
from benchmarks.runfile.run import Run
from reports.analysis.rows import rows

ROOT = Path(__file__).parents[3]
PLUGIN = ROOT / "tests/plugins/meddling.py"
MEDDLERS = sorted(name for name in registry.load((PLUGIN,)) if name.startswith("meddles-"))

#: Tells what a process that has entered the sandbox may do.
TRIES = """
import os, sys
from backends.worker import sandbox
print(sandbox.enter(sys.argv[1]))
for path in sys.argv[2:]:
    try:
        open(os.path.expanduser(path), "a").close()
        print("yes")
    except PermissionError:
        print("no")
"""


def tries(own: Path, *paths: object, **environment: str) -> list[str]:
    words = [sys.executable, "-c", TRIES, *map(str, (own, *paths))]
    environ = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"} | environment
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Only for kernels that can do it."""
    if tries(tmp_path_factory.mktemp("own")) != ["True"]:
        pytest.skip("this kernel has no Landlock")


@pytest.mark.usefixtures("confined")
def test_it_writes_to_its_own_folder_caches_and_devices_only(tmp_path: Path) -> None:
    own, cache = tmp_path / "own", tmp_path / "cache" / "made"
    own.mkdir()
    allowed = [own / "file", cache / "file", "/dev/null", "/proc/self/clear_refs"]
    refused = [tmp_path / "file", ROOT / "benchmarks/gate/gate.py", ROOT / "file"]
    found = tries(own, *allowed, *refused, TORCHINDUCTOR_CACHE_DIR=str(cache))
    assert found == ["True", *["yes"] * len(allowed), *["no"] * len(refused)]


@pytest.mark.usefixtures("confined")
@pytest.mark.parametrize("sandboxed", [True, False])
def test_a_worker_says_whether_it_is_confined_and_leaves_nothing(
    tmp_path: Path, sandboxed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    worker = Worker(Process("numpy-gelsd", "cpu", 1), tmp_path / "log", sandboxed=sandboxed)
    assert worker.start().sandboxed is sandboxed
    [own] = tmp_path.glob("linreg-bench-*")
    worker.close()
    assert not own.exists()


@dataclass
class Meddled:
    """A run in a copy of the suite, and what that copy is like afterwards."""

    suite: Path
    done: subprocess.CompletedProcess[str]
    run: Run


@pytest.fixture(scope="module")
def meddled(confined: None, tmp_path_factory: pytest.TempPathFactory) -> Meddled:
    suite = tmp_path_factory.mktemp("suite")
    for part in ("backends", "benchmarks", "reports"):
        shutil.copytree(ROOT / part, suite / part, ignore=shutil.ignore_patterns("latest"))
    command = [sys.executable, "-m", "benchmarks.cli", "run", "--plugin", str(PLUGIN)]
    command += ["--workloads", "line,200x2", "--backends", "meddles-*,numpy-gelsd,scipy-gelsd"]
    command += ["--devices", "cpu", "--threads", "1", "--replicates", "1", "--budget", "2s"]
    done = subprocess.run([*command, "--out", "out"], cwd=suite, capture_output=True, text=True)
    return Meddled(suite, done, Run.read(suite / "out"))


def test_whoever_meddles_changes_no_row(meddled: Meddled) -> None:
    assert meddled.done.returncode == 0, meddled.done.stderr
    assert meddled.run.footer
    assert meddled.run.footer.outcome == "complete"
    assert meddled.run.of(FailureRecord) == []
    found = rows(meddled.run)
    assert len(found) == 2 * (2 + len(MEDDLERS))
    for row in found:
        assert row.passed, row.reason
        assert row.samples >= 3
        assert row.time.value > 1e-8
    assert all(worker.sandboxed for worker in meddled.run.of(WorkerRecord))


@pytest.mark.parametrize("name", MEDDLERS)
def test_whoever_meddles_is_refused(meddled: Meddled, name: str) -> None:
    [log] = (meddled.suite / "out/logs").glob(f"*-{name}-*.log")
    said = set(log.read_text().splitlines())
    assert said
    assert all(line.startswith("refused: ") for line in said), said


def test_the_suite_is_as_it_was(meddled: Meddled) -> None:
    for part in ("backends", "benchmarks", "reports"):
        for path in (ROOT / part).rglob("*.py"):
            assert (meddled.suite / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
