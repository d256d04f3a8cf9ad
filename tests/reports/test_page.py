"""The page, the summary and the figures."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.errors import UserError
from benchmarks.runfile.header import EntryRecord, GpuModel, Machine, Suite, Variant
from benchmarks.runfile.records import FitRecord, SampleRecord, WorkerRecord, WorkloadRecord
from benchmarks.runfile.run import Run
from reports import page
from reports.analysis.rows import rows
from reports.document import Document
from reports.figures.marks import PHASES
from reports.sections import descent
from reports.text import seconds
from tests.reports import runs
from tests.reports.pages import documented, written

_VOID = {"meta", "br", "hr", "img", "input", "link", "col", "wbr"}


class _Page(HTMLParser):
    """A page's elements, ids and text; fails on tags that do not match."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag not in _VOID:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self._note(attrs)

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[key] for key in ("href", "xlink:href", "src") if key in found]
        assert not any(name.startswith("on") for name in found)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def _read(folder: Path) -> _Page:
    return _Page((folder / "index.html").read_text(encoding="utf-8"))


def test_the_page_stands_alone(folder: Path) -> None:
    found = _read(folder)
    assert all(link.startswith("#") for link in found.links)
    assert found.tags["link"] == found.tags["img"] == 0
    assert found.tags["script"] == 1
    source = (folder / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", source)
    assert len(source.encode()) < 3_000_000


def test_ids_are_unique_and_links_lead_somewhere(folder: Path) -> None:
    found = _read(folder)
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links} <= set(found.ids)


def test_every_row_is_there_with_its_evidence(folder: Path, full: Run) -> None:
    found = _read(folder)
    source = (folder / "index.html").read_text(encoding="utf-8")
    assert source.count('<div class="evidence">') == len(rows(full))
    assert "LAPACK Users' Guide" in found.text
    assert "OpenBLAS" in found.text


def test_a_row_is_light(folder: Path, full: Run) -> None:
    """A run of 47 workloads has 500 rows: what each of them takes, a page has 500 times."""
    source = (folder / "index.html").read_text(encoding="utf-8")
    rows_of = re.findall(r'<tbody class="entry".*?</tbody>', source, re.DOTALL)
    assert len(rows_of) == len(rows(full)) > 30
    assert max(row.count("</") + row.count("/>") for row in rows_of) < 110
    assert sum(map(len, rows_of)) / len(rows_of) < 5_000


def test_what_failed_is_neither_ranked_nor_drawn(seen: Document, folder: Path) -> None:
    section = next(s for s in seen.workloads if s.name == "ill-conditioned")
    assert [row.entry.name for row in section.refused] == ["tensorflow-cholesky"]
    drawn = (folder / "figures/ill-conditioned-ranking.svg").read_text(encoding="utf-8")
    assert "tensorflow-qr" in drawn
    assert "tensorflow-cholesky" not in drawn
    assert "weights are off by 3.2e+01, bound 4.1e-09 (numerical)" in _read(folder).text


def test_absences_warnings_and_assumed_intervals_are_told(folder: Path) -> None:
    words = _read(folder).text
    assert "torch-eager and torch-gelsy on cuda no NVIDIA GPU on this machine" in words
    assert "the load rose to 3.1" in words
    assert "tensorflow is not installed: pip install tensorflow-cpu" in words
    assert words.count(", assumed)") == 1  # tensorflow-keras on tutorial has one sample


def test_the_sum_is_what_a_user_who_fits_once_waits_for(seen: Document) -> None:
    for section in seen.workloads:
        sums = [row.once or 0.0 for row in section.once]
        assert sums == sorted(sums)
        for row, total in zip(section.once, sums, strict=True):
            assert list(row.phases) == list(PHASES)
            parts = [seconds or 0.0 for seconds in row.phases.values()]
            assert total == pytest.approx(sum(parts))
            assert min(parts) > 0


def test_every_figure_is_a_file_that_can_be_read(folder: Path) -> None:
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert {"tutorial-data", "tutorial-predictions", "tutorial-train-loss"} <= names
    assert {"line-ranking", "line-phases"} <= names
    assert "line-data" not in names
    for name in names:
        ElementTree.parse(folder / f"figures/{name}.svg")
        assert (folder / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_inline_figures_follow_the_theme_and_are_described(seen: Document) -> None:
    for section in seen.workloads:
        for picture in section.pictures:
            forms = [
                element
                for element in ElementTree.fromstring(f"<div>{picture.inline}</div>").iter()
                if element.tag.endswith("svg")
            ]
            assert len(forms) == (2 if picture.narrow else 1)
            for element in forms:
                assert element.get("role") == "img"
                assert element.get("aria-label")
            assert not re.search("#(ffffff|1b1f24|dce0e5)", picture.inline)
            assert "currentColor" in picture.inline
            assert not re.search(r"\d\.\d{3}", re.sub(r'aria-label="[^"]*"', "", picture.inline))


def test_the_predictions_differ_by_what_is_said(full: Run, seen: Document) -> None:
    tutorial = seen.workloads[0]
    points = full.workloads["tutorial"].points
    assert points
    fits = [fit for fit in full.of(FitRecord) if fit.entry.startswith("tutorial/")]
    lines = [(fit.weight[0], fit.bias) for fit in fits if fit.weight and fit.bias is not None]
    predicted = np.array([weight * np.array(points.X_test) + bias for weight, bias in lines])
    most = max(np.abs(a - b).max() for a in predicted for b in predicted)
    captions = [caption for _, caption in tutorial.descent]
    assert f"no two differ by more than {most:.1e}" in captions[1]
    assert "6 backends" in captions[1]


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    made = runs.run(("line",))
    assert written(made, tmp_path / "1") == written(made, tmp_path / "2")


def test_the_summary_has_winners_in_bold_and_not_those_of_whom_little_is_known(
    tmp_path: Path,
) -> None:
    """Two samples each: nobody can tell 1 ms from 1.5 ms."""
    names = {"torch-gelsy": 1e-3, "numpy-gelsd": 1.02e-3, "sklearn-linear": 1.5e-3}
    made = runs.run(("line",), rounds=2, only=tuple(names))
    made = runs.altered(
        made, SampleRecord, lambda s: replace(s, seconds=names[s.entry.split("/")[1]])
    )
    assert [row.place for row in rows(made)] == ["1–3"] * 3
    written(made, tmp_path)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8").replace("\xa0", " ")
    assert sorted(re.findall(r"\*\*([\d.]+ ms)\*\*", summary)) == ["1.00 ms", "1.02 ms"]


def test_the_summary_fits_into_a_pull_request(folder: Path) -> None:
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert len(summary.splitlines()) < 60
    assert summary.splitlines()[2].startswith(
        "- Gradient descent: **tensorflow-xla**. Right on both"
    )
    figures = re.findall(r"\((figures/[^)]+)\)", summary)
    assert len(figures) == 6
    assert all((folder / path).exists() for path in figures)
    assert "| tutorial | tensorflow-xla is the fastest that is right" in summary
    assert "tensorflow-cholesky failed: weights are off" in summary


def test_a_large_run_has_a_short_summary(tmp_path: Path) -> None:
    made = runs.run(("line",), rounds=3, threads=(1, 2, 3, 4, 5, 6, 7))
    for entry in made.header.entries[:20]:
        made = runs.fail(made, entry.id, "wrong")
    written(made, tmp_path)
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    # 22 of 42 passed, of which 13 are listed; 20 failures and one absence, of which 6 are.
    assert "| and 9 more in index.html |" in lines
    assert "- and 15 more in index.html" in lines


def _beside_main(made: Run, slow_down: float) -> Run:
    """The same run with `--against main`, where torch was so many times as fast."""

    def there(record: Any) -> Any:
        then = replace(record, entry=record.entry.replace("/cpu", "@main/cpu"))
        if isinstance(then, SampleRecord) and "torch" in then.entry:
            return replace(then, seconds=then.seconds / slow_down)
        return then

    main = Variant(kind="revision", name="main", source="0123abc")
    entries = [
        replace(entry, id=entry.id.replace("/cpu", "@main/cpu"), variant=main)
        for entry in made.header.entries
    ]
    also = [there(record) for record in made.records if hasattr(record, "entry")]
    return runs.add(runs.with_header(made, entries=[*made.header.entries, *entries]), *also)


def test_a_run_against_a_revision_says_first_what_changed(tmp_path: Path) -> None:
    made = runs.run(("line",), rounds=40, only=("torch-gelsy", "numpy-gelsd"))
    written(_beside_main(made, 1.25), tmp_path)
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    (slower,) = [line for line in lines if line.startswith("- **slower**")]
    assert "line/torch-gelsy/cpu/1: +25.0%" in slower
    assert "- 1 of 2 entries: no difference that this run could tell" in lines
    words = _read(tmp_path).text
    assert "line torch-gelsy 2.12.0 main 2.12.0 1.2500 1.1" in words
    assert "--against 0123abc" in words  # in the command that repeats such a row


def test_of_many_changes_the_summary_tells_the_first(tmp_path: Path) -> None:
    made = runs.run(
        ("line",), rounds=12, threads=(1, 2, 3, 4), only=("torch-gelsy", "torch-cholesky")
    )
    written(_beside_main(made, 1.25), tmp_path)
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("- **slower**") for line in lines) == 5
    assert "- and 3 more in index.html" in lines
    assert "- 0 of 8 entries: no difference that this run could tell" in lines


def test_figures_of_an_earlier_report_go_and_those_of_others_stay(tmp_path: Path) -> None:
    written(runs.run(("line", "tall"), rounds=3), tmp_path)
    figures = tmp_path / "figures"
    (figures / "mine.svg").write_text("<svg/>")
    (figures / "mine.png").write_bytes(b"\x89PNG")
    assert {"tall-ranking.svg", "tall-phases.png"} <= {path.name for path in figures.iterdir()}
    written(runs.run(("line",), rounds=3), tmp_path)
    left = {path.stem for path in figures.iterdir()}
    assert left == {"line-ranking", "line-phases", "mine"}


def test_losses_that_circle_are_dashes_and_no_block() -> None:
    values = np.array([1.0, 0.5, 0.3, *[0.2, 0.1, 0.15] * 30])
    restless = descent.jumps(values)
    assert restless[5:-3].all()
    assert not restless[:2].any()
    assert not descent.jumps(np.geomspace(1, 1e-9, 100)).any()
    noisy = np.geomspace(1, 0.9, 100) * (1 + 0.01 * np.array([1, -1] * 50))
    assert not descent.jumps(noisy).any()
    assert descent.jumps(np.array([0.5])).tolist() == [False]


def test_each_further_fit_is_drawn_beside_the_phases(folder: Path, seen: Document) -> None:
    drawn = (folder / "figures/line-phases.svg").read_text(encoding="utf-8")
    assert "time to the first answer" in drawn
    assert "each further fit, log scale" in drawn
    for row in seen.workloads[2].once:
        assert row.time
        assert seconds(row.time) in drawn


def test_devices_are_compared_only_where_there_are_several(tmp_path: Path) -> None:
    one = runs.run(("line",), rounds=12)
    written(one, tmp_path / "one")
    written(runs.also_on_cuda(one), tmp_path / "two")
    assert "CPU against CUDA" not in _read(tmp_path / "one").text
    assert "CPU against CUDA" in _read(tmp_path / "two").text
    assert not (tmp_path / "one/figures/line-devices.svg").exists()
    drawn = (tmp_path / "two/figures/line-devices.svg").read_text(encoding="utf-8")
    assert "torch-gelsy" in drawn
    assert "cuda:0" in drawn
    assert "numpy-gelsd" not in drawn


def _with_logs(folder: Path, made: Run) -> Run:
    """The same run, with logs that are as hostile as it."""
    (folder / "logs").mkdir(parents=True)
    for worker in made.of(WorkerRecord):
        path = folder / worker.log
        path.write_text(runs.HOSTILE + "</pre>", encoding="utf-8", errors="replace")
    return made


def test_hostile_text_stays_text(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    folder = tmp_path / "a folder with 'quotes' & <b>"
    written(_with_logs(folder, runs.hostile()), folder)
    assert not recwarn.list
    tmp_path = folder
    found = _read(tmp_path)
    assert found.tags["script"] == 1
    assert "<script>alert(1)</script>" in found.text
    assert "49" not in found.text.split()
    assert "{{ 7*7 }}" in found.text
    for figure in (tmp_path / "figures").glob("*.svg"):
        ElementTree.parse(figure)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "<script" not in summary
    assert not re.search(r"(?<!\\)\]\(http", summary)
    tables = [line for line in summary.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {3}
    left = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert left == {"index.html", "summary.md", "figures", "logs"}
    for text in (summary, (tmp_path / "index.html").read_text(encoding="utf-8")):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def _called(made: Run, name: str) -> Run:
    """The same run with another name of its workload."""

    def renamed(record: Any) -> Any:
        if isinstance(record, WorkloadRecord):
            return replace(record, name=name)
        is_of_entry = hasattr(record, "entry")
        return replace(record, entry=f"{name}/{record.entry}") if is_of_entry else record

    entries = [replace(e, workload=name, id=f"{name}/{e.id}") for e in made.header.entries]
    renamed_run = runs.of(*map(renamed, made.records))
    return runs.with_header(renamed_run, entries=entries)


def _together(*parts: Run) -> Run:
    """One run of all workloads."""
    entries: list[EntryRecord] = [entry for part in parts for entry in part.header.entries]
    records = [record for part in parts for record in part.records[1:-1]]
    return runs.of(replace(parts[0].header, entries=entries), *records, runs.footer())


def test_dollar_signs_are_no_formulas(tmp_path: Path) -> None:
    made = runs.run(("line",), rounds=3, only=("torch-gelsy",))
    entries = [replace(made.header.entries[0], backend=r"a$\frac$b")]
    written(runs.with_header(made, entries=entries), tmp_path)
    assert r"a$\frac$b" in (tmp_path / "figures/line-ranking.svg").read_text(encoding="utf-8")


def test_what_is_a_plugin_is_marked_and_the_mark_explained(tmp_path: Path) -> None:
    made = runs.run(("line",), rounds=3)
    mark = '<small class="plugin"'
    assert mark not in written(made, tmp_path)
    first, *others = made.header.entries
    entries = [replace(first, backend="mine", plugin="<mine>.py"), *others]
    found = written(runs.with_header(made, entries=entries), tmp_path)
    [name] = re.findall(rf'<th scope="row">(\S+) {mark} title="([^"]*)">plug-in</small>', found)
    note = "its code runs in its own process, and what it says of itself is not checked"
    assert name[0] == "mine"
    assert name[1].startswith(f"from &lt;mine&gt;.py: {note}")
    assert "<mine>" not in found
    # A title is not seen on a phone.
    assert f"from &lt;mine&gt;.py: {note}" in found.replace(mark + f' title="{name[1]}"', "")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\S+) \(plug-in\) \|", summary, re.M) == ["mine"]


def test_names_that_look_alike_have_figures_of_their_own(tmp_path: Path) -> None:
    made = runs.run(("line",))
    written(_together(made, _called(made, "LINE"), _called(made, "line!")), tmp_path)
    found = _read(tmp_path)
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links} <= set(found.ids)
    for name in ("line-ranking", "line-2-ranking", "line-3-ranking"):
        assert (tmp_path / f"figures/{name}.svg").exists()


def _cut(full: Run) -> Run:
    """Killed when the first two workloads had four samples."""
    first = next(i for i, record in enumerate(full.records) if isinstance(record, SampleRecord))
    reached = {"tutorial", "line-descent"}

    def is_written(record: Any) -> bool:
        if isinstance(record, WorkloadRecord):
            return record.name in reached
        return getattr(record, "entry", "tutorial").split("/")[0] in reached

    return runs.of(*filter(is_written, full.records[: first + 4]))


def test_a_run_that_was_cut_off_says_so_and_shows_the_rest(full: Run, tmp_path: Path) -> None:
    source = written(_cut(full), tmp_path)
    words = _read(tmp_path).text
    assert "This run has no end" in words
    assert "not reached" in words
    assert source.count('<div class="evidence">') == len(full.header.entries)


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    made = runs.run(("line",))
    written(runs.of(*made.records[:-1], runs.footer("interrupted")), tmp_path)
    assert "This run was interrupted" in _read(tmp_path).text


@pytest.mark.parametrize(
    "machine", [Machine(), replace(runs.MACHINE, gpus=[GpuModel(name="H100")])]
)
def test_a_header_alone_makes_a_page(tmp_path: Path, machine: Machine) -> None:
    written(runs.of(runs.header(machine=machine, suite=Suite())), tmp_path)
    assert "This run has no entries" in _read(tmp_path).text
    assert not list((tmp_path / "figures").iterdir())


def test_a_check_has_verdicts_and_no_ranking(tmp_path: Path) -> None:
    made = runs.run(("tutorial", "wide"), rounds=0)
    written(runs.fail(made, "wide/torch-gelsy/cpu/1", "too far off"), tmp_path)
    words = _read(tmp_path).text
    assert "6 of 6 fits passed; none was timed." in words
    assert "5 of 6 fits passed; none was timed." in words
    assert "too far off" in words
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert "tutorial-predictions" in names
    assert "tutorial-ranking" not in names


def test_losses_that_are_zero_or_no_numbers_are_left_out(tmp_path: Path) -> None:
    losses = {
        "tutorial/torch-eager/cpu/1": ([1.0, 0.0, math.nan, math.inf, 0.5], None),
        "tutorial/numpy-loop/cpu/1": (None, [0.0, math.inf]),
    }

    def changed(fit: FitRecord) -> FitRecord:
        train, test = losses[fit.entry]
        return replace(fit, train_losses=train, test_losses=test)

    made = runs.run(("tutorial",), only=("torch-eager", "numpy-loop"))
    written(runs.altered(made, FitRecord, changed), tmp_path)
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert "tutorial-train-loss" in names
    assert "tutorial-test-loss" not in names


def test_a_folder_that_cannot_be_written_is_a_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the report"):
        page.write(documented(runs.of(runs.header())), tmp_path / "file")


def test_caches_are_shown_as_the_system_calls_them(folder: Path) -> None:
    assert "caches L1d 32K, L2 512K, L3 32M" in _read(folder).text


def _copies(names: list[str]) -> Run:
    """A run of workloads with these names, all alike."""
    one = runs.run(("line",), rounds=3, only=("torch-gelsy",))
    return _together(*(_called(one, name) for name in names))


SIZES = [f"{size}x1" for size in range(10, 22)]


def test_where_all_workloads_have_a_section_of_theirs_the_answers_are_open(tmp_path: Path) -> None:
    source = written(_copies([*SIZES, "22x1"]), tmp_path)
    assert re.search(r"<details open>\s*<summary>13, of certified data", source)


def test_of_many_workloads_those_with_a_section_of_theirs_are_folded_up(tmp_path: Path) -> None:
    source = written(_copies(["line", *SIZES]), tmp_path)
    assert source.count('<details class="brief">') == 12
    assert "12 more, of certified data and series of sizes" in source
    assert (tmp_path / "figures/line-ranking.svg").exists()
    assert not (tmp_path / "figures/10x1-ranking.svg").exists()
    found = _read(tmp_path)
    assert {link[1:] for link in found.links} <= set(found.ids)
