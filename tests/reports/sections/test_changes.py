"""A regression is found against another revision, measured in the same rounds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engine import variants
from benchmarks.errors import UserError
from benchmarks.runfile.header import Variant
from benchmarks.runfile.run import Run
from reports.analysis.rows import rows
from reports.sections import changes as beside
from tests.reports import runs

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the suite whose last commit makes numpy-gelsd fit three times over."""
    tree = tmp_path_factory.mktemp("repository")
    for name in ("backends", "benchmarks", "reports"):
        skip = shutil.ignore_patterns("__pycache__", "latest", "gallery", "calibration.json")
        shutil.copytree(ROOT / name, tree / name, ignore=skip)

    def commit() -> None:
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        subprocess.run(["git", "add", "-A"], cwd=tree, check=True)
        subprocess.run(["git", *who, "commit", "-qm", "change"], cwd=tree, check=True)

    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    commit()
    source = tree / "backends" / "numpy.py"
    once = "solution, _, rank, _ = np.linalg.lstsq(A, y)"
    assert once in source.read_text()
    three = f"for _ in range(3):\n            {once}"
    source.write_text(source.read_text().replace(once, three))
    commit()
    return tree


def run_against(revision: str, tree: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.cli", "run", "--against", revision]
    command += ["--workloads", "line", "--backends", "numpy-gelsd", "--budget", "1500ms"]
    command += ["--fail-if-slower", "20%", "--replicates", "2", "--out", str(out)]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True)


@pytest.mark.slow
def test_a_slower_backend_is_found(slower: Path, tmp_path: Path) -> None:
    done = run_against("HEAD~1", slower, tmp_path)
    assert done.returncode == 1, done.stderr
    assert "slower: line/numpy-gelsd/cpu/1 takes" in done.stdout
    run = Run.read(tmp_path)
    [change] = beside.changes(run, rows(run))
    assert change.ratio is not None
    assert 2 < change.ratio.value < 4
    assert {row.entry.name for row in rows(run)} == {"numpy-gelsd", "numpy-gelsd@HEAD~1"}


@pytest.mark.slow
def test_the_same_code_is_not_called_slower(slower: Path, tmp_path: Path) -> None:
    done = run_against("HEAD", slower, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variant_is_held_against_its_original() -> None:
    variant = Variant(kind="revision", name="main")
    names = ("numpy-gelsd", "torch-gelsy")
    as_they_are = [runs.entry("line", name) for name in names]
    others = [
        runs.entry("line", name, id=f"line/{name}@main/cpu/1", variant=variant) for name in names
    ]
    records = [runs.judged(entry.id) for entry in (*as_they_are, *others)]
    samples = [
        runs.sample(entry.id, turn, seconds * (1 + 0.001 * (turn % 3)))
        for entry, seconds in ((as_they_are[0], 3e-3), (others[0], 1e-3), (others[1], 1e-3))
        for turn in range(20)
    ]
    run = runs.of(runs.header([*as_they_are, *others]), *records, *samples)
    quick, untimed = beside.changes(run, rows(run))
    assert (quick.entry, quick.other) == ("line/numpy-gelsd/cpu/1", "line/numpy-gelsd@main/cpu/1")
    assert quick.ratio is not None
    assert quick.ratio.value == pytest.approx(3)
    assert quick.certainly_slower(1.5)
    assert not quick.certainly_slower(2.5)
    assert untimed.ratio is None
    assert not untimed.certainly_slower(0)
    plain = runs.run(("line",))
    assert beside.changes(plain, rows(plain)) == []


def test_an_unknown_revision_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--against nowhere: no such revision"):
        variants.checkout("nowhere", tmp_path)
