"""Time to accuracy on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports import page
from reports.analysis.rows import rows
from reports.sections import accuracy
from reports.sections.accuracy import Shown
from tests.reports import runs


def shown() -> Shown:
    records = runs.race()
    [found] = accuracy.races(records, rows(records))
    return found


def test_the_table_says_when_and_not_reached() -> None:
    """30 of 100 epochs to 1e-3, 60 to 1e-6; fits that end at 1e-7 of the bias are within both."""
    found = shown()
    assert found.heads == ["time to 10⁻³", "time to 10⁻⁶"]
    by_name = {line.backend: line for line in found.lines}
    assert len(by_name) == 12
    keras = by_name["tensorflow-keras"]
    first, second, whole = (_ms(words) for words in (*(t for t, _ in keras.times), keras.whole))
    assert first / whole == pytest.approx(0.3, rel=0.01)
    assert second / whole == pytest.approx(0.6, rel=0.01)
    assert (keras.method, by_name["numpy-gelsd"].method) == ("descent", "closed form")


def _ms(words: str) -> float:
    value, unit = words.split()
    return float(value) * {"s": 1000, "ms": 1}[unit]


def test_what_never_arrives_is_not_reached_and_comes_last() -> None:
    records = runs.race()
    for record in records:
        if record["record"] == "fit" and record["entry"].startswith("line-descent/torch-eager"):
            record["bias"] *= 1.01
    [found] = accuracy.races(records, rows(records))
    assert found.lines[-1].backend == "torch-eager"
    assert found.lines[-1].times == [("not reached", "")] * 2


def test_the_sentence_names_the_first_of_either_kind() -> None:
    sentence = shown().sentence
    assert "tensorflow-xla (descent)" in sentence
    assert "(closed form)" in sentence
    assert "10⁻⁶" in sentence


def test_without_a_closed_form_that_arrives_the_sentence_says_so() -> None:
    records = runs.race()
    for record in records:
        if record["record"] == "verdict" and record["entry"].startswith("line/"):
            record["weight_error"] = 1e-4
    [found] = accuracy.races(records, rows(records))
    assert "within 10⁻⁶, no closed form does" in found.sentence


def test_the_page_the_summary_and_the_figures_hold_it(tmp_path: Path) -> None:
    source = page.write(runs.race(), tmp_path).read_text(encoding="utf-8")
    assert 'id="accuracy"' in source
    assert (tmp_path / "figures/accuracy-1.svg").exists()
    assert "To reach the least-squares solution" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(("races", "opened"), [(2, 2), (3, 0)])
def test_the_curves_of_many_races_are_folded_up(tmp_path: Path, races: int, opened: int) -> None:
    records = runs.race()
    header, rest = records[0], records[1:]
    entries = list(header["entries"])
    for number in range(1, races):
        for record in rest:
            keys = {"name", "entry", "workload"} & set(record)
            again = record | {key: f"n{number}-{record[key]}" for key in keys}
            if "sha256" in record:
                again["sha256"] = str(number)
            records.append(again)
        keys = ("entry", "workload")
        header["entries"] += [e | {key: f"n{number}-{e[key]}" for key in keys} for e in entries]
    source = page.write(records, tmp_path).read_text(encoding="utf-8")
    assert source.count("<summary>Curves and times</summary>") == races
    assert len(re.findall(r"<details open>\s*<summary>Curves and times", source)) == opened
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.count("To reach the least-squares solution") == 2
    assert "line-descent and line: To reach" in summary
    assert ("1 more race in index.html." in summary) == (races == 3)


def test_a_run_without_a_race_has_no_such_part(folder: Path) -> None:
    assert 'id="accuracy"' not in (folder / "index.html").read_text(encoding="utf-8")
