"""What a report can be drawn from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runfile.records import SampleRecord
from reports import export, page, side_by_side, sources
from reports.analysis.rows import Row, rows
from reports.document import of_source
from tests.reports import runs


def _benchmark(name: str, median: float, **fields: Any) -> dict[str, Any]:
    """One benchmark as pytest-benchmark writes it, of which it says little."""
    stats = {"median": median, "q1": 0.9 * median, "q3": 1.2 * median, "rounds": 5}
    return {"name": name, "fullname": f"tests/test_x.py::{name}", "stats": stats} | fields


def _write(path: Path, *benchmarks: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"benchmarks": benchmarks, "version": "5.3.1"}))
    return path


def test_the_benchmarks_of_pytest_benchmark_are_rows_by_group_and_speed(tmp_path: Path) -> None:
    slow, quick = (
        _benchmark("test_slow", 3e-3, group="g"),
        _benchmark("test_quick", 1e-3, group="g"),
    )
    path = _write(tmp_path / "x.json", slow, _benchmark("test_other", 1e-6), quick)
    found = sources.read(path)
    names = [(row.entry.workload, row.entry.name) for row in found.rows]
    assert names == [("g", "quick"), ("g", "slow"), ("benchmarks", "other")]
    assert found.run is None
    first = found.rows[0]
    assert first.time is not None
    assert (first.time.low, first.time.value, first.time.high) == pytest.approx(
        (0.9e-3, 1e-3, 1.2e-3)
    )
    assert (first.status, first.passed, first.samples) == ("passed", False, 5)
    assert found.facts == [("measured by", "pytest-benchmark 5.3.1")]


def test_what_was_exported_comes_back_with_the_same_medians(tmp_path: Path) -> None:
    run = runs.run(("line", "tall"))
    path = tmp_path / "ours.json"
    path.write_bytes(export.write(run, rows(run), "pytest-benchmark"))

    def medians(found: Sequence[Row]) -> dict[tuple[str, str, str], float | None]:
        places = [(row.entry.workload, row.entry.name, row.entry.device) for row in found]
        return dict(zip(places, (row.time and row.time.value for row in found), strict=True))

    back = sources.read(path)
    assert medians(back.rows) == medians(rows(run))
    assert all(row.ratio is None and not row.place and not row.passed for row in back.rows)
    assert back.machine == "AMD EPYC 7B13, Linux 6.1, Python 3.11.9"
    assert dict(back.facts)["commit"] == "0123456789ab"


def test_our_samples_that_are_all_alike_come_back_too(tmp_path: Path) -> None:
    run = runs.altered(
        runs.run(("line",), only=("numpy-gelsd",)),
        SampleRecord,
        lambda sample: replace(sample, seconds=0.1),
    )
    path = tmp_path / "ours.json"
    path.write_bytes(export.write(run, rows(run), "pytest-benchmark"))
    [row] = sources.read(path).rows
    assert row.time is not None
    assert row.time.low <= row.time.value <= row.time.high


def test_a_run_is_read_with_its_rows_and_facts(tmp_path: Path) -> None:
    run = runs.run(("line",))
    found = sources.read(runs.write(run, tmp_path))
    assert found.run is not None
    assert [row.entry.id for row in found.rows] == [row.entry.id for row in rows(run)]
    assert found.machine.startswith("AMD EPYC 7B13")
    assert found.folder == tmp_path == sources.read(tmp_path).folder


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"name": "x"}, "benchmarks.1.stats.median: Field required"),
        ({"name": "x", "stats": {"median": 1, "q1": 1}}, "benchmarks.1.stats.q3: Field required"),
        ({"name": "x", "stats": 3}, "benchmarks.1.stats.median: "),
        ({"stats": {}}, "benchmarks.1.name: Field required"),
        ("nonsense", "benchmarks.1: "),
        (_benchmark("x", -1.0), "benchmarks.1.stats.median: Input should be "),
        (_benchmark("x", 1e300), "benchmarks.1.stats.median: Input should be "),
    ],
)
def test_a_file_that_lacks_something_is_a_clear_line(
    tmp_path: Path, broken: Any, message: str
) -> None:
    path = _write(tmp_path / "x.json", _benchmark("a", 1.0), broken)
    with pytest.raises(UserError, match=message) as raised:
        sources.read(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("none", [math.nan, math.inf, 0.0])
def test_a_benchmark_without_a_time_is_left_out_and_named(tmp_path: Path, none: float) -> None:
    empty = [_benchmark(f"test_{n}", none, fullname=f"t.py::{n}") for n in range(7)]
    path = _write(tmp_path / "x.json", *empty, _benchmark("test_a", 1.0))
    source = sources.read(path)
    assert [row.entry.name for row in source.rows] == ["a"]
    said = "Left out, as their statistics are NaN, infinite or 0: t.py::0, t.py::1, t.py::2, "
    assert source.note == f"{said}t.py::3, t.py::4 and 2 more."
    written = page.write(of_source(source), tmp_path / "one").parent
    for folder in (written, side_by_side.write([source, source], tmp_path / "two").parent):
        assert said in (folder / "index.html").read_text(encoding="utf-8")
    assert "t.py::4 and 2 more" in (written / "summary.md").read_text(encoding="utf-8")
    with pytest.raises(UserError, match=r"no benchmark with a time: .* of t\.py::0 are"):
        sources.read(_write(path, *empty))


def test_benchmarks_of_one_name_in_several_files_are_rows_of_their_own(tmp_path: Path) -> None:
    files = ("test_torch.py", "test_sklearn.py", "test_jax.py::TestQuick")
    path = _write(
        tmp_path / "x.json",
        *(
            _benchmark("test_fit", ms / 1000, fullname=f"tests/{file}::test_fit")
            for file, ms in zip(files, (2, 9, 5), strict=True)
        ),
    )
    page.write(of_source(sources.read(path)), tmp_path)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8").replace("\xa0", " ")
    assert re.findall(r"^\| (?:\\\S|[^|\\])+ \| \**[\d.]+ ms\** \|$", summary, re.M) == [
        "| fit (tests/test\\_jax.py::TestQuick) | 5.00 ms |",
        "| fit (tests/test\\_sklearn.py) | 9.00 ms |",
        "| fit (tests/test\\_torch.py) | 2.00 ms |",
    ]


def test_parameters_stay_where_a_backend_has_a_name(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "x.json",
        *(
            _benchmark(
                f"test_fit[{backend}-{n}]",
                1e-3 * n,
                params={"backend": backend, "n": n},
                extra_info={"backend": backend},
            )
            for backend in ("torch", "jax")
            for n in (1, 2)
        ),
    )
    names = {row.entry.name for row in sources.read(path).rows}
    assert names == {"torch[n=1]", "torch[n=2]", "jax[n=1]", "jax[n=2]"}


@pytest.mark.parametrize("extra_info", [{}, {"backend": "torch"}])
def test_no_two_rows_have_one_name(tmp_path: Path, extra_info: dict[str, Any]) -> None:
    twice = [_benchmark("test_x", ms / 1000, extra_info=extra_info) for ms in (1, 2)]
    other = _benchmark("test_y", 1.0, extra_info=extra_info)
    names = [
        row.entry.name for row in sources.read(_write(tmp_path / "x.json", *twice, other)).rows
    ]
    assert len(set(names)) == 3
    assert names[1] == f"{names[0]} #2"


@pytest.mark.parametrize("given", [".benchmarks", ".benchmarks/Linux-CPython-3.12-64bit"])
def test_a_folder_in_which_pytest_benchmark_saves_is_all_of_its_files(
    tmp_path: Path, given: str
) -> None:
    folder = tmp_path / ".benchmarks/Linux-CPython-3.12-64bit"
    folder.mkdir(parents=True)
    saved = [_write(folder / f"000{n}_x.json", _benchmark("test_x", 1.0)) for n in (2, 1)]
    (folder / "other.json").write_text("[]")
    assert [source.path for source in sources.read_all(tmp_path / given)] == saved[::-1]


def test_a_run_is_read_as_one_whatever_lies_beside_it(tmp_path: Path) -> None:
    runs.write(runs.run(("line",)), tmp_path)
    _write(tmp_path / "x.json", _benchmark("test_x", 1.0))
    [found] = sources.read_all(tmp_path)
    assert found.run is not None


def test_a_folder_that_holds_nothing_is_a_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*: No such file"):
        sources.read_all(tmp_path)


def test_no_benchmark_at_all_is_a_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.json has no benchmark"):
        sources.read(_write(tmp_path / "x.json"))


def test_what_others_put_beside_the_statistics_may_be_anything(tmp_path: Path) -> None:
    odd = {"threads": "four", "device": 3, "backend": ["x"], "framework": None}
    path = tmp_path / "x.json"
    benchmark = _benchmark("test_a", 1.0, extra_info=odd, group=None)
    for machine in (None, [], {"cpu": "old"}, {"cpu": {"brand_raw": 3}, "system": {}}):
        content = {"benchmarks": [benchmark], "machine_info": machine, "commit_info": None}
        path.write_text(json.dumps(content))
        found = sources.read(path)
        [row] = found.rows
        assert (row.entry.name, row.entry.device, row.entry.threads) == ("a", "", 0)
        assert found.machine == "unknown machine"


def test_hostile_text_of_a_file_of_pytest_benchmark_is_cleaned(tmp_path: Path) -> None:
    names = {"group": runs.HOSTILE, "extra_info": {"backend": runs.HOSTILE}}
    path = _write(tmp_path / "x.json", _benchmark(runs.HOSTILE, 1.0, **names))
    [row] = sources.read(path).rows
    for shown in (row.entry.workload, row.entry.name, row.entry.algorithm):
        assert shown.startswith(("<script>", "tests/"))
        assert not set("\x1b\x9b\u202e\ud800\n") & set(shown)


@pytest.mark.parametrize("content", ["", "[]", '{"benchmarks": 3}', "nonsense"])
def test_other_json_is_no_run(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"x\.json"):
        sources.read(path)
