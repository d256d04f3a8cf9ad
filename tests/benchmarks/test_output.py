"""Standard output and standard error may be closed, full, or read no further."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "tests" / "plugins"
CHECK = ["check", "--workloads", "line", "--plugin", str(PLUGINS / "wrong.py"), "--backends"]


def shell(line: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `line`, in which "$@" stands for the command."""
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}", "bash", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "backends", "status"),
    [('"$@" | head -1', "wrong-nan", 1), ('"$@" 2>&1 | head -1', "numpy-gelsd", 0)],
)
def test_a_reader_who_has_seen_enough_changes_nothing(
    tmp_path: Path, line: str, backends: str, status: int
) -> None:
    done = shell(line, *CHECK, backends, "--out", tmp_path)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert (tmp_path / "index.html").exists()
    assert not (tmp_path / "data").exists()


def test_a_list_may_be_cut_off() -> None:
    done = shell('"$@" | head -1', "list")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["list", "check"])
def test_a_full_disk_behind_standard_output_is_one_line(tmp_path: Path, command: str) -> None:
    given = {"list": ["list"], "check": [*CHECK, "numpy-gelsd", "--out", tmp_path, "--quiet"]}
    done = shell('"$@" > /dev/full', *given[command])
    assert done.returncode == 2
    assert done.stderr == ("linreg-bench: cannot write standard output: No space left on device\n")
    assert command == "list" or (tmp_path / "index.html").exists()


def test_standard_output_and_error_may_be_closed(tmp_path: Path) -> None:
    done = shell('"$@" >&-', "list")
    assert (done.returncode, done.stderr) == (0, "")
    done = shell('"$@" >&- 2>&-', *CHECK, "numpy-gelsd", "--out", tmp_path)
    assert done.returncode == 0
    done = shell('"$@" >&-', "export", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "linreg-bench: standard output is closed: say where with --out\n"
