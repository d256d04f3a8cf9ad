"""What the documentation shows must work as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backends import registry
from benchmarks.engine import catalogue
from benchmarks.problems.workloads import DEFAULT, select

ROOT = Path(__file__).parents[1]


def _examples() -> list[str]:
    """The Python in the README of the backends."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "backends/README.md").read_text(), re.S)


def test_the_example_of_scikit_learn_prints_what_it_says(capsys: pytest.CaptureFixture) -> None:
    [source] = [code for code in _examples() if "LinearRegression" in code]
    with np.printoptions(precision=2, suppress=True):
        exec(source)
    printed = capsys.readouterr().out.splitlines()
    assert printed == re.findall(r"# (\[.*\])", source)
    assert printed == ["[0.35 1.21 0.97 1.   1.  ]", "[1. 1. 1. 1. 1.]"]


def test_the_example_of_a_backend_is_complete_short_and_right(tmp_path: Path) -> None:
    [source] = [code for code in _examples() if "(Backend)" in code]
    assert source.count("\n") <= 25
    plugin = tmp_path / "numpy_qr.py"
    plugin.write_text(source)
    suite = "tests/backends/test_conformance.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", suite, "--plugin", plugin, "-k", "numpy-qr"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b[1-9]\d* passed", done.stdout)
    assert "failed" not in done.stdout
    assert "skipped" not in done.stdout


def test_the_example_of_a_workload_is_complete(tmp_path: Path) -> None:
    [source] = [code for code in _examples() if "(CustomWorkload)" in code]
    plugin = tmp_path / "heavy_tails.py"
    plugin.write_text(source)
    workload = catalogue.survey([plugin]).workloads["heavy-tails"]
    assert workload.make(0).data.X.shape == (5_000, 10)


def test_the_readme_names_every_workload() -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(f"| `{workload.name}` |" in readme for workload in select(DEFAULT))


def test_the_table_of_backends_tells_their_style_and_whether_they_are_in_the_default_run() -> None:
    table = {}
    for line in (ROOT / "backends/README.md").read_text().splitlines():
        cells = line.split("|")[1:-1]
        if len(cells) == 3 and ".py" in cells[0]:
            for style, cell in zip(("idiomatic", "tuned"), cells[1:], strict=True):
                found = re.findall(r"`([^`]+)`(\\\*)?", cell)
                table.update({name: (style, bool(mark)) for name, mark in found})
    assert table == {name: (b.style, b.optional) for name, b in registry.load().items()}


def test_every_file_that_a_page_links_to_exists() -> None:
    for page in ROOT.glob("*/README.md"), ROOT.glob("benchmarks/*/README.md"), ROOT.glob("*.md"):
        for path in page:
            for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
                assert (path.parent / target).exists(), f"{path.name} links to {target}"
