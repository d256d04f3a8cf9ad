"""What a report can be drawn from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import UserError
from reports import export, page, sources
from reports.analysis.rows import rows
from tests.reports import runs


def _benchmark(name: str, median: float, **fields: Any) -> dict[str, Any]:
    """One benchmark as pytest-benchmark writes it, of which it says little."""
    stats = {"median": median, "q1": 0.9 * median, "q3": 1.2 * median, "rounds": 5}
    return {"name": name, "fullname": f"tests/test_x.py::{name}", "stats": stats} | fields


def _write(path: Path, *benchmarks: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"benchmarks": benchmarks, "version": "5.3.1"}))
    return path


def test_a_file_of_pytest_benchmark_is_drawn_and_marked(tmp_path: Path) -> None:
    slow, quick = (
        _benchmark("test_slow", 3e-3, group="g"),
        _benchmark("test_quick", 1e-3, group="g"),
    )
    found = sources.read(_write(tmp_path / "x.json", slow, quick, _benchmark("test_other", 1.0)))
    seen = found.view()
    assert [section.name for section in seen.sections] == ["g", "benchmarks"]
    assert "one benchmark after the other and not in interleaved rounds" in seen.state
    first, second = seen.sections[0].passed
    assert (first.backend, second.backend) == ("quick", "slow")
    assert (first.seconds_low, first.seconds_median, first.seconds_high) == pytest.approx(
        (0.9e-3, 1e-3, 1.2e-3)
    )
    written = page.write_view(seen, tmp_path / "out").read_text()
    assert "not interleaved" in written
    assert "not checked" in written
    assert ">right<" not in written
    assert "How to read this" not in written
    assert (tmp_path / "out/figures/g-ranking.png").exists()
    assert len((tmp_path / "out/summary.md").read_text().splitlines()) < 60


def test_what_was_exported_comes_back_with_the_same_medians(tmp_path: Path) -> None:
    records = runs.run(("line", "tall"))
    path = tmp_path / "ours.json"
    path.write_bytes(export.write(records, "pytest-benchmark"))
    ours = {(r.workload, r.backend, r.device): r.seconds_median for r in rows(records)}
    back = sources.read(path).rows
    assert {(r.workload, r.backend, r.device): r.seconds_median for r in back} == ours
    assert all(row.ratio is None and not row.rank and not row.passed for row in back)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"name": "x"}, "benchmark 2 has no 'stats'"),
        ({"name": "x", "stats": {"median": 1, "q1": 1}}, "benchmark 2 has no 'q3'"),
        ({"stats": {}}, "benchmark 2 has no 'name'"),
        ("nonsense", "benchmark 2 is not one of pytest-benchmark's"),
        ({"name": "x", "stats": {"median": None, "q1": 1, "q3": 1}}, "benchmark 2 is not"),
    ],
)
def test_a_file_that_lacks_something_is_a_clear_line(
    tmp_path: Path, broken: Any, message: str
) -> None:
    path = _write(tmp_path / "x.json", _benchmark("a", 1.0), broken)
    with pytest.raises(UserError, match=message) as raised:
        sources.read(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("content", ["", "[]", '{"benchmarks": 3}', "nonsense"])
def test_other_json_is_no_run(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"x\.json"):
        sources.read(path)
