"""Everyday tables, and data that no solver is sure of, as a person meets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

PLUGINS = Path(__file__).parents[1] / "plugins"


def of_a_table(folder: Path, head: str, rows: list[str]) -> tuple[object, ...]:
    """The options that fit `y` of a table, and leave the run in `out`."""
    path = folder / "here.csv"
    path.write_text("\n".join([head, *rows, ""]))
    return "--data", path, "--target", "y", "--out", folder / "out"


def test_what_cannot_be_judged_has_a_status_of_its_own(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    """Nothing is right there, and nothing is wrong: a build may not be green by it."""
    workload = ("--workloads", "300x30:condition=1e5", "--out", tmp_path, "--quiet")
    arguments = ("check", *workload, "--plugin", PLUGINS / "wrong.py")
    done = call(*arguments, "--backends", "sklearn-ridge-cholesky")
    assert done.returncode == 3, done.stdout
    # A failure is more.
    done = call(*arguments, "--backends", "sklearn-ridge-cholesky,wrong-nan")
    assert done.returncode == 1
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "sklearn-ridge-cholesky not judged: R² " in summary
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '<td class="muted">not judged</td>' in page


def test_a_feature_lost_by_its_units_is_named_with_its_r2(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    rows = [f"{1e13 * (1 + (7 * n) % 11)},{(3 * n) % 7 / 100},{n % 5 + n % 7}" for n in range(60)]
    given = of_a_table(tmp_path, "dollars,share,y", rows)
    done = call("check", *given, "--backends", "scipy-cholesky,sklearn-linear")
    assert done.returncode == 1
    assert "loses 'share': R² " in " ".join(done.stdout.split())
    assert "1 of 2 fits passed" in done.stdout


def test_numbers_of_any_size_make_a_run_that_can_be_read(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    given = of_a_table(tmp_path, "x,y", [f"{2e14 + 1e13 * n},{n % 3}" for n in range(10)])
    assert call("check", *given, "--backends", "scipy-gels").returncode == 0
    assert call("report", tmp_path / "out").returncode == 0
