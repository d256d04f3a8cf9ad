"""The marks in the cells of tables stand where the numbers beside them say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest

from reports.analysis.rows import Row, rows
from reports.figures import marks
from reports.figures.marks import Marks
from tests.reports import runs


@pytest.fixture(scope="module")
def timed() -> list[Row]:
    return rows(runs.run(("tutorial",)))


def by_id(timed: list[Row]) -> dict[str, Row]:
    return {row.entry.id: row for row in timed}


def _numbers(mark: str, name: str) -> list[float]:
    return [float(found) for found in re.findall(rf' {name}="([-\d.]+)%"', mark)]


def _ticks(made: Marks) -> list[float]:
    return [float(found) for found in re.findall(r"left:([\d.]+)%", made.axis)]


def test_equal_ratios_of_times_are_equal_distances(timed: list[Row]) -> None:
    made = marks.time_marks(by_id(timed))
    places, logs = [], []
    for row in timed:
        [low], [high], [middle] = (
            _numbers(made.of[row.entry.id], key) for key in ("x1", "x2", "x")
        )
        assert 5 <= low < middle < high <= 95
        places += [low, middle, high]
        assert row.time
        logs += list(np.log([row.time.low, row.time.value, row.time.high]))
    slope, start = np.polyfit(logs, places, 1)
    assert slope > 0
    assert np.allclose(slope * np.array(logs) + start, places, atol=0.02)
    # 1 ms, 10 ms and so on stand a decade apart, on the same axis.
    assert "100\xa0ms" in made.axis
    assert all(
        b - a == pytest.approx(slope * np.log(10), abs=0.02) for a, b in pairwise(_ticks(made))
    )
    assert [f"{place:.2f}% 0/1px" in made.grid for place in _ticks(made)] == [True] * 4


def test_phases_are_stacked_from_zero_in_proportion(timed: list[Row]) -> None:
    made = marks.phase_marks(timed)
    per_second = []
    for row in timed:
        starts, widths = (_numbers(made.of[row.entry.id], key) for key in ("x", "width"))
        assert starts == pytest.approx([0, *np.cumsum(widths)[:-1]], abs=0.03)
        assert sum(widths) < 100
        assert widths == pytest.approx(
            [seconds * sum(widths) / row.once for seconds in row.phases.values()], abs=0.02
        )
        per_second.append(sum(widths) / row.once)
    assert np.allclose(per_second, per_second[0], rtol=0.01)


def test_a_device_has_its_marker_and_the_marker_its_key() -> None:
    both = [row for row in rows(runs.also_on_cuda(runs.run(("line",)))) if row.status == "passed"]
    made = marks.time_marks(by_id(both))
    assert [device for device, _ in made.keys] == ["cpu", "cuda:0"]
    shapes = {device: re.findall(r' d="([^"]+)"', key) for device, key in made.keys}
    assert shapes["cpu"] != shapes["cuda:0"]
    for row in both:
        assert re.findall(r' d="([^"]+)"', made.of[row.entry.id]) == shapes[row.entry.device]
    assert marks.time_marks(by_id(both[:1])).keys == ()


def test_text_of_a_run_does_not_reach_the_marks() -> None:
    made = marks.time_marks(by_id(rows(runs.hostile())))
    assert made.of
    for mark in made.of.values():
        assert ElementTree.fromstring(mark).get("class") == "mark"
        assert "alert" not in mark


def test_of_nothing_there_are_no_marks() -> None:
    assert marks.time_marks({}) == marks.phase_marks([]) == Marks()
