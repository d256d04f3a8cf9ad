"""The page, the summary and the figures."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import UserError
from benchmarks.runfile import Record
from reports import page
from reports.analysis.rows import rows
from reports.document import View
from reports.figures import descent
from reports.figures.times import PHASES
from reports.text import seconds
from tests.reports import runs

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


def test_every_row_is_there_with_its_evidence(folder: Path, full: list[Record]) -> None:
    found = _read(folder)
    source = (folder / "index.html").read_text(encoding="utf-8")
    assert source.count('<div class="evidence">') == len(rows(full))
    assert "LAPACK Users' Guide" in found.text
    assert "OpenBLAS" in found.text


def test_a_row_is_light(folder: Path, full: list[Record]) -> None:
    """A run of 47 workloads has 500 rows: what each of them takes, a page has 500 times."""
    source = (folder / "index.html").read_text(encoding="utf-8")
    rows_of = re.findall(r'<tbody class="entry".*?</tbody>', source, re.DOTALL)
    assert len(rows_of) == len(rows(full)) > 30
    assert max(row.count("</") + row.count("/>") for row in rows_of) < 110
    assert sum(map(len, rows_of)) / len(rows_of) < 5_000


def test_what_failed_is_neither_ranked_nor_drawn(seen: View, folder: Path) -> None:
    section = next(s for s in seen.sections if s.name == "ill-conditioned")
    assert [row.backend for row in section.others] == ["tensorflow-cholesky"]
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


def test_the_sum_is_what_a_user_who_fits_once_waits_for(seen: View) -> None:
    for section in seen.sections:
        sums = [row.once_seconds or 0.0 for row in section.once]
        assert sums == sorted(sums)
        for row, total in zip(section.once, sums, strict=True):
            parts = [getattr(row, name) for name in PHASES]
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


def test_inline_figures_follow_the_theme_and_are_described(seen: View) -> None:
    for section in seen.sections:
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
            assert "#ffffff" not in picture.inline
            assert "currentColor" in picture.inline


def test_the_predictions_differ_by_what_is_said(full: list[Record], seen: View) -> None:
    tutorial = seen.sections[0]
    x = np.array(next(r for r in full if r["record"] == "workload")["points"]["X_test"])[:, 0]
    fits = [r for r in full if r["record"] == "fit" and r["entry"].startswith("tutorial/")]
    predicted = np.array([fit["weight"][0] * x + fit["bias"] for fit in fits])
    most = max(np.abs(a - b).max() for a in predicted for b in predicted)
    captions = [caption for _, caption in tutorial.descent]
    assert f"no two differ by more than {most:.1e}" in captions[1]
    assert "6 backends" in captions[1]


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    records = runs.run(("line",))
    one, two = page.write(records, tmp_path / "1"), page.write(records, tmp_path / "2")
    assert one.read_bytes() == two.read_bytes()


def test_the_summary_has_winners_in_bold_and_not_those_of_whom_little_is_known(
    tmp_path: Path,
) -> None:
    """Two samples each: nobody can tell 1 ms from 1.5 ms."""
    names = {"torch-gelsy": 1e-3, "numpy-gelsd": 1.02e-3, "sklearn-linear": 1.5e-3}
    records = runs.run(("line",), rounds=2, only=tuple(names))
    for record in records:
        if record["record"] == "sample":
            record["seconds"] = names[record["entry"].split("/")[1]]
    assert [row.rank for row in rows(records)] == ["1="] * 3
    page.write(records, tmp_path)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8").replace("\xa0", " ")
    assert sorted(re.findall(r"\*\*(.*?)\*\*", summary)) == ["1.00 ms", "1.02 ms"]


def test_the_summary_fits_into_a_pull_request(folder: Path) -> None:
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert len(summary.splitlines()) < 60
    assert summary.splitlines()[2].startswith("On this machine, first or sharing the first place")
    figures = re.findall(r"\((figures/[^)]+)\)", summary)
    assert len(figures) == 6
    assert all((folder / path).exists() for path in figures)
    assert "| tutorial | tensorflow-xla is the fastest that is right" in summary
    assert "tensorflow-cholesky failed: weights are off" in summary


def test_a_large_run_has_a_short_summary(tmp_path: Path) -> None:
    records = runs.run(("line",), rounds=3, threads=(1, 2, 3, 4, 5, 6, 7))
    for entry in records[0]["entries"][:20]:
        records = runs.fail(records, entry["entry"], "wrong")
    page.write(records, tmp_path)
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    # 22 of 42 passed, of which 15 are listed; 20 failures and one absence, of which 6 are.
    assert "| and 7 more in index.html |" in lines
    assert "- and 15 more in index.html" in lines


def _against_main(slow_down: float) -> list[Record]:
    """A run with `--against main`, in which one backend takes longer than it did there."""
    records = runs.run(("line",), rounds=40, only=("torch-gelsy", "numpy-gelsd"))
    made: list[Record] = []
    for record in records:
        made.append(record)
        if "entry" in record:
            name = record["entry"].replace("/cpu", "@main/cpu")
            then = record | {"entry": name}
            if record["record"] == "sample" and "torch" in name:
                then["seconds"] = record["seconds"] / slow_down
            made.append(then)
    before = [
        entry
        | {
            "entry": entry["entry"].replace("/cpu", "@main/cpu"),
            "backend": f"{entry['backend']}@main",
            "variant_of": entry["entry"],
        }
        for entry in records[0]["entries"]
    ]
    made[0] = records[0] | {"entries": [*records[0]["entries"], *before]}
    return made


def test_a_run_against_a_revision_says_first_what_changed(tmp_path: Path) -> None:
    page.write(_against_main(1.25), tmp_path)
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    (slower,) = [line for line in lines if line.startswith("- **slower**")]
    assert "line/torch-gelsy/cpu/1: +25.0%" in slower
    assert "- 1 of 2 entries: no difference that this run could tell" in lines
    words = _read(tmp_path).text
    assert "line torch-gelsy 2.12.0 main 2.12.0 1.2500 1.2" in words
    assert "--against main" in words  # in the command that repeats such a row


def test_figures_of_an_earlier_report_go_and_those_of_others_stay(tmp_path: Path) -> None:
    page.write(runs.run(("line", "tall"), rounds=3), tmp_path)
    figures = tmp_path / "figures"
    (figures / "mine.svg").write_text("<svg/>")
    (figures / "mine.png").write_bytes(b"\x89PNG")
    assert {"tall-ranking.svg", "tall-phases.png"} <= {path.name for path in figures.iterdir()}
    page.write(runs.run(("line",), rounds=3), tmp_path)
    left = {path.stem for path in figures.iterdir()}
    assert left == {"line-ranking", "line-phases", "mine"}


def test_losses_that_circle_are_dashes_and_no_block() -> None:
    values = np.array([1.0, 0.5, 0.3, *[0.2, 0.1, 0.15] * 30])
    restless = descent._restless(values)
    assert restless[5:-3].all()
    assert not restless[:2].any()
    assert not descent._restless(np.geomspace(1, 1e-9, 100)).any()
    noisy = np.geomspace(1, 0.9, 100) * (1 + 0.01 * np.array([1, -1] * 50))
    assert not descent._restless(noisy).any()
    assert descent._restless(np.array([0.5])).tolist() == [False]


def test_each_further_fit_is_drawn_beside_the_phases(folder: Path, seen: View) -> None:
    drawn = (folder / "figures/line-phases.svg").read_text(encoding="utf-8")
    assert "time to the first answer" in drawn
    assert "each further fit, log scale" in drawn
    for row in seen.sections[2].once:
        assert row.seconds_median
        assert seconds(row.seconds_median) in drawn


def test_devices_are_compared_only_where_there_are_several(tmp_path: Path) -> None:
    one = runs.run(("line",), rounds=12)
    page.write(one, tmp_path / "one")
    page.write(runs.also_on_cuda(one), tmp_path / "two")
    assert "CPU against CUDA" not in _read(tmp_path / "one").text
    assert "CPU against CUDA" in _read(tmp_path / "two").text
    assert not (tmp_path / "one/figures/line-devices.svg").exists()
    drawn = (tmp_path / "two/figures/line-devices.svg").read_text(encoding="utf-8")
    assert "torch-gelsy" in drawn
    assert "cuda:0" in drawn
    assert "numpy-gelsd" not in drawn


def _with_log(folder: Path, records: list[Record]) -> list[Record]:
    """The same records, with logs that are as hostile as they."""
    (folder / "logs").mkdir(parents=True)
    for record in records:
        if record["record"] == "worker":
            path = folder / record["log"]
            path.write_text(runs.HOSTILE + "</pre>", encoding="utf-8", errors="replace")
    return records


def test_hostile_text_stays_text(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    folder = tmp_path / "a folder with 'quotes' & <b>"
    page.write(_with_log(folder, runs.hostile()), folder)
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
    written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert written == {"index.html", "summary.md", "figures", "logs"}
    for text in (summary, (tmp_path / "index.html").read_text(encoding="utf-8")):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_dollar_signs_are_no_formulas(tmp_path: Path) -> None:
    records = runs.run(("line",), rounds=3, only=("torch-gelsy",))
    records[0]["entries"][0]["backend"] = r"a$\frac$b"
    page.write(records, tmp_path)
    assert r"a$\frac$b" in (tmp_path / "figures/line-ranking.svg").read_text(encoding="utf-8")


def test_names_that_look_alike_have_figures_of_their_own(tmp_path: Path) -> None:
    records = [*runs.run(("line",)), *runs.run(("line",))]
    records = [record for record in records if record["record"] != "footer"]
    half = len(records) // 2
    for record in records[half:]:
        for key in ("entry", "name"):
            if key in record:
                record[key] = record[key].replace("line", "LINE", 1)
    for entry in records[half]["entries"]:
        entry |= {"workload": "LINE", "entry": entry["entry"].replace("line", "LINE", 1)}
    records[0]["entries"] += records.pop(half)["entries"]
    page.write(records, tmp_path)
    found = _read(tmp_path)
    assert len(found.ids) == len(set(found.ids))
    assert (tmp_path / "figures/line-2-ranking.svg").exists()


def _cut(full: list[Record]) -> list[Record]:
    """Killed when the first two workloads had their first round."""
    last = next(i for i, r in enumerate(full) if r["record"] == "sample")
    keep = [
        r for r in full if r["record"] != "workload" or r["name"] in ("tutorial", "line-descent")
    ]
    timed = {r["entry"] for r in full[last : last + 8]}
    done = ("header", "workload", "worker")
    return [r for r in keep[: last + 4] if r["record"] in done or r["entry"] in timed]


def test_a_run_that_was_cut_off_says_so_and_shows_the_rest(
    full: list[Record], tmp_path: Path
) -> None:
    page.write(_cut(full), tmp_path)
    found = _read(tmp_path)
    assert "This run has no end" in found.text
    assert "not reached" in found.text
    source = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert source.count('<div class="evidence">') == len(full[0]["entries"])


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    page.write([*runs.run(("line",))[:-1], runs.footer("interrupted")], tmp_path)
    assert "This run was interrupted" in _read(tmp_path).text


@pytest.mark.parametrize("machine", [{}, None, runs.MACHINE | {"gpus": [{"name": "H100"}]}])
def test_a_header_alone_makes_a_page(tmp_path: Path, machine: Record | None) -> None:
    page.write([runs.header([], machine=machine, suite=None)], tmp_path)
    assert "This run has no entries" in _read(tmp_path).text
    assert not list((tmp_path / "figures").iterdir())


def test_a_check_has_verdicts_and_no_ranking(tmp_path: Path) -> None:
    records = runs.run(("tutorial", "wide"), rounds=0)
    page.write(runs.fail(records, "wide/torch-gelsy/cpu/1", "too far off"), tmp_path)
    words = _read(tmp_path).text
    assert "6 of 6 fits passed; none was timed." in words
    assert "5 of 6 fits passed; none was timed." in words
    assert "too far off" in words
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert "tutorial-predictions" in names
    assert "tutorial-ranking" not in names


def test_losses_that_are_zero_or_no_numbers_are_left_out(tmp_path: Path) -> None:
    records = runs.run(("tutorial",), only=("torch-eager", "numpy-loop"))
    fits = [record for record in records if record["record"] == "fit"]
    fits[0]["train_losses"] = [1.0, 0.0, "nan", "inf", 0.5]
    fits[0]["test_losses"], fits[1]["test_losses"] = None, [0.0, "inf"]
    page.write(records, tmp_path)
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert "tutorial-train-loss" in names
    assert "tutorial-test-loss" not in names


def test_a_folder_that_cannot_be_written_is_a_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the report"):
        page.write([runs.header([])], tmp_path / "file")


def _copies(names: list[str]) -> list[Record]:
    """A run of workloads with these names, all alike."""
    records = runs.run(("line",), rounds=3, only=("torch-gelsy",))
    made = [records[0] | {"entries": []}]
    for name in names:
        for record in records[1:]:
            keys = {"name", "entry", "workload"} & set(record)
            made.append(record | {key: record[key].replace("line", name, 1) for key in keys})
        entry = records[0]["entries"][0]
        made[0]["entries"].append(
            entry | {"workload": name, "entry": entry["entry"].replace("line", name, 1)}
        )
    return made


SIZES = [f"{size}x1" for size in range(10, 22)]


def test_where_all_workloads_have_a_section_of_theirs_the_answers_are_open(tmp_path: Path) -> None:
    source = page.write(_copies([*SIZES, "22x1"]), tmp_path).read_text(encoding="utf-8")
    assert re.search(r"<details open>\s*<summary>13, of certified data", source)


def test_of_many_workloads_those_with_a_section_of_theirs_are_folded_up(tmp_path: Path) -> None:
    made = _copies(["line", *SIZES])
    page.write(made, tmp_path)
    source = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert source.count('<details class="brief">') == 12
    assert "12 more, of certified data and series of sizes" in source
    assert (tmp_path / "figures/line-ranking.svg").exists()
    assert not (tmp_path / "figures/10x1-ranking.svg").exists()
    found = _read(tmp_path)
    assert {link[1:] for link in found.links} <= set(found.ids)
