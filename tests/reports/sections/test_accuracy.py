"""Time to accuracy on the page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runfile.header import EntryRecord
from benchmarks.runfile.records import FitRecord, VerdictRecord, WorkloadRecord
from benchmarks.runfile.run import Run
from reports.sections.accuracy import Race
from tests.reports import runs
from tests.reports.pages import documented, written


def section(made: Run) -> Race:
    [found] = documented(made).races
    return found


def table(made: Run, tmp_path: Path) -> dict[str, list[str]]:
    """The cells of each row, by backend."""
    source = written(made, tmp_path)
    source = source[source.index('id="accuracy"') :]
    source = source[source.index("<tbody>") : source.index("</tbody>")]
    return {
        name: [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", cells)]
        for name, cells in re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', source, re.DOTALL)
    }


def test_the_table_says_when_and_not_reached(tmp_path: Path) -> None:
    """30 of 100 epochs to 1e-3, 60 to 1e-6; fits that end at 1e-7 of the bias are within both."""
    found = table(runs.race(), tmp_path)
    assert len(found) == 12
    kind, *times, _, whole = found["tensorflow-keras"]
    first, second = (_ms(words.split(" (")[0]) for words in times)
    assert first / _ms(whole) == pytest.approx(0.3, rel=0.01)
    assert second / _ms(whole) == pytest.approx(0.6, rel=0.01)
    assert (kind, found["numpy-gelsd"][0]) == ("descent", "closed form")
    source = (tmp_path / "index.html").read_text(encoding="utf-8")
    for head in ("time to 10⁻³", "time to 10⁻⁶"):
        assert f'<th scope="col" class="n">{head}</th>' in source


def _ms(words: str) -> float:
    value, unit = words.split()
    return float(value) * {"s": 1000, "ms": 1}[unit]


def test_what_never_arrives_is_not_reached_and_comes_last(tmp_path: Path) -> None:
    def off(fit: FitRecord) -> FitRecord:
        is_meant = fit.entry.startswith("line-descent/torch-eager")
        return replace(fit, bias=1.01 * fit.bias) if is_meant and fit.bias else fit

    found = table(runs.altered(runs.race(), FitRecord, off), tmp_path)
    assert list(found)[-1] == "torch-eager"
    assert found["torch-eager"][1:3] == ["not reached"] * 2


def test_the_sentence_names_the_first_of_either_kind() -> None:
    sentence = section(runs.race()).sentence
    assert "tensorflow-xla (descent)" in sentence
    assert "(closed form)" in sentence
    assert "10⁻⁶" in sentence


def test_without_a_closed_form_that_arrives_the_sentence_says_so() -> None:
    made = runs.altered(
        runs.race(),
        VerdictRecord,
        lambda v: replace(v, weight_error=1e-4) if v.entry.startswith("line/") else v,
    )
    assert "within 10⁻⁶, no closed form does" in section(made).sentence


def test_the_page_the_summary_and_the_figures_hold_it(tmp_path: Path) -> None:
    source = written(runs.race(), tmp_path)
    assert 'id="accuracy"' in source
    assert (tmp_path / "figures/accuracy-1.svg").exists()
    assert "To reach the least-squares solution" in (tmp_path / "summary.md").read_text()


def _with_another(made: Run, prefix: str) -> Run:
    """The same run with one more race, of other data."""

    def again(record: Any) -> Any:
        if isinstance(record, WorkloadRecord):
            return replace(record, name=prefix + record.name, sha256=prefix)
        return replace(record, entry=prefix + record.entry) if hasattr(record, "entry") else record

    race = runs.race()
    entries: list[EntryRecord] = [
        replace(entry, id=prefix + entry.id, workload=prefix + entry.workload)
        for entry in race.header.entries
    ]
    further = map(again, race.records[1:-1])
    return runs.add(runs.with_header(made, entries=[*made.header.entries, *entries]), *further)


@pytest.mark.parametrize(("races", "opened"), [(2, 2), (3, 0)])
def test_the_curves_of_many_races_are_folded_up(tmp_path: Path, races: int, opened: int) -> None:
    made = runs.race()
    for number in range(1, races):
        made = _with_another(made, f"n{number}-")
    source = written(made, tmp_path)
    assert source.count("<summary>Curves and times</summary>") == races
    assert len(re.findall(r"<details open>\s*<summary>Curves and times", source)) == opened
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.count("To reach the least-squares solution") == 2
    assert "line-descent and line: To reach" in summary
    assert ("1 more race in index.html." in summary) == (races == 3)


def test_a_run_without_a_race_has_no_such_part(folder: Path) -> None:
    assert 'id="accuracy"' not in (folder / "index.html").read_text(encoding="utf-8")
