"""What people expect of any command line."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends import registry
from benchmarks.cli.options import parse_limit, parse_share
from benchmarks.errors import UserError
from benchmarks.problems.workloads import WORKLOADS
from tests.reports import runs

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

Call = Callable[..., "Done"]

ROOT = Path(__file__).parents[2]
PLUGINS = Path(__file__).parents[1] / "plugins"


def test_version(call: Call) -> None:
    done = call("--version")
    assert (done.returncode, done.stdout) == (0, f"linreg-bench {version('linreg-bench')}\n")


def test_who_cites_it_cites_this_version() -> None:
    cited = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert cited == [version("linreg-bench")]


def test_uv_has_the_pins_that_pip_has_and_no_lock_is_kept() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pins = [line for line in lines if not line.startswith("#")]
    assert project["tool"]["uv"]["constraint-dependencies"] == pins
    # It would hold the addresses of whoever made it.
    assert "/uv.lock" in (ROOT / ".gitignore").read_text().splitlines()


def _completions(words: str) -> list[str]:
    """What bash is told where Tab is pressed after `words`."""
    place = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks"],
        cwd=ROOT,
        env={**os.environ, "_LINREG_BENCH_COMPLETE": "complete_bash", **place},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("linreg-bench ca", ["calibrate"]),
        ("linreg-bench run --workloads line,tut", ["line,tutorial"]),
        ("linreg-bench run --backends numpy-g", ["numpy-gelsd"]),
    ],
)
def test_a_shell_completes_commands_and_names(words: str, expected: list[str]) -> None:
    assert _completions(words) == expected


def test_list_as_json_has_what_the_tables_have(call: Call) -> None:
    done = call("list", "--json", "--plugin", PLUGINS / "wrong.py")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert {one["name"] for one in found["workloads"]} == set(WORKLOADS)
    ours = {one["name"]: one for one in found["backends"] if not one["plugin"]}
    assert {name: one["default"] for name, one in ours.items()} == {
        name: not backend.optional for name, backend in registry.load().items()
    }
    assert {one["plugin"] for one in found["backends"]} == {None, "wrong.py"}
    assert found["devices"][0]["name"] == "cpu"


def _shown(width: int) -> str:
    """What `list` prints on a terminal."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "list"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(width)},
        stdout=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            shown += chunk
    except OSError:  # how Linux says that a terminal has ended
        pass
    os.close(ours)
    assert done.wait() == 0
    return shown.decode().replace("\r\n", "\n")


def test_list_loses_no_word_on_a_narrow_terminal_nor_in_a_pipe(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    narrow, piped = _shown(80), call("list").stdout
    assert sorted(narrow.split()) == sorted(piped.split())
    tables = narrow[: narrow.index("A size is a workload")]
    assert max(map(len, tables.splitlines())) <= 80
    for backend in registry.load().values():
        last = registry.missing(backend) or backend.algorithm
        assert re.search(rf"^{backend.name} .* {re.escape(last)}$", piped, re.M)


def test_check_as_json_prints_the_rows_and_nothing_else(call: Call, tmp_path: Path) -> None:
    command = ["check", "--json", "--workloads", "line", "--out", tmp_path]
    command += ["--plugin", PLUGINS / "wrong.py"]
    done = call(*command, "--backends", "numpy-gelsd,wrong-thousandth")
    assert done.returncode == 1
    found = {row["backend"]: row for row in json.loads(done.stdout)}
    assert found["numpy-gelsd"]["passed"]
    assert not found["wrong-thousandth"]["passed"]
    assert found["wrong-thousandth"]["plugin"] == "wrong.py"
    assert f"report: {tmp_path / 'index.html'}" in done.stderr


def test_compare_as_json_tells_what_the_table_tells(call: Call, tmp_path: Path) -> None:
    old = runs.run(("line",), rounds=40)
    new = runs.lose(old, "line/torch-gelsy/cpu/1", "absent", "not installed")
    paths = [runs.write(run, tmp_path / name) for run, name in ((old, "old"), (new, "new"))]
    done = call("compare", *paths, "--json", "--fail-if-slower", "200%")
    assert done.returncode == 1
    assert "missing in the new run: line/torch-gelsy/cpu/1" in done.stderr
    found = json.loads(done.stdout)
    assert found["missing"] == ["line/torch-gelsy/cpu/1"]
    assert found["slower"] == []
    assert len(found["changes"]) == 5
    for change in found["changes"]:
        assert change["ratio_low"] <= change["ratio"] <= change["ratio_high"]
        assert change["verdict"] == "cannot tell"


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("200%", 2.0)])
def test_a_limit_may_be_more_than_all(text: str, share: float) -> None:
    assert parse_limit(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["5", "0", "-5%", "nan", "inf%", "x", "%"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"needs a share such as 5%, 0\.05 or 200%"):
        parse_limit(text)


def test_a_precision_is_below_one() -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        parse_share("--precision", "200%")
