"""From which size CUDA pays, on the page, in the summary and in the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.runfile.records import FitRecord, SampleRecord, TransferRecord
from benchmarks.runfile.run import Run
from reports.sections.break_even import BreakEven, when
from tests.reports import runs
from tests.reports.pages import documented, written

#: On the CPU the best takes 1e-4 + 5e-8 n from 2,000 samples on; the transfer takes 1e-8 n.
ON_DEVICE, ON_HOST = 4e-4 / 4.9e-8, 4e-4 / 3.9e-8


def on_both(second: bool = False) -> Run:
    """`runs.sizes` with torch on a GPU as well, 5e-4 + 1e-9 n; or on two."""
    rng = np.random.default_rng(2)
    made = runs.also_on_cuda(runs.sizes())
    if second:
        entries = made.header.entries
        there = [e for e in entries if e.device == "cuda:0"]
        again = [replace(e, id=e.id.replace("cuda:0", "cuda:1"), device="cuda:1") for e in there]
        of: list[Any] = [r for r in made.records if "cuda:0" in getattr(r, "entry", "")]
        further = [replace(r, entry=r.entry.replace("cuda:0", "cuda:1")) for r in of]
        made = runs.add(runs.with_header(made, entries=[*entries, *again]), *further)

    def timed(sample: SampleRecord) -> SampleRecord:
        if "/cuda:" not in sample.entry:
            return sample
        seconds = (5e-4 + 1e-9 * _size(sample.entry)) * np.exp(0.01 * rng.standard_normal())
        return replace(sample, seconds=float(seconds))

    made = runs.altered(made, SampleRecord, timed)
    transfers = []
    for fit in made.of(FitRecord):
        seconds = 1e-8 * _size(fit.entry) if "/cuda:" in fit.entry else 1e-7
        noise = np.exp(0.01 * rng.standard_normal(8))
        transfers.append(TransferRecord(entry=fit.entry, seconds=(seconds * noise).tolist()))
    return runs.add(made, *transfers)


def _size(entry: str) -> int:
    return int(entry.split("x")[0])


def section(made: Run) -> BreakEven:
    [found] = documented(made).break_evens
    return found


SIZE = r"about ([\d,]+) samples \(([\d,]+) to ([\d,]+)\)"


def test_one_sentence_has_both_sizes_and_their_intervals() -> None:
    [sentence] = section(on_both()).sentences
    assert sentence.startswith("CUDA pays from about ")
    at = "at 10 features, float32, least squares."
    assert sentence.endswith(f"the fastest right backend of each device, {at}")
    found = re.findall(SIZE, sentence)
    for words, truth in zip(found, (ON_DEVICE, ON_HOST), strict=True):
        size, low, high = (int(word.replace(",", "")) for word in words)
        assert low < truth < high
        assert size == pytest.approx(truth, rel=0.06)


def test_a_backend_is_held_against_itself() -> None:
    """torch-cholesky alone ran on both, and crosses where the fastest do."""
    found = section(on_both())
    assert list(found.backends) == ["torch-cholesky (CUDA)"]
    points = found.backends["torch-cholesky (CUDA)"]
    assert list(points) == [False, True]
    for point in points.values():
        assert re.match(rf"from {SIZE}$", when(point, "samples"))


def test_each_of_several_gpus_has_a_sentence_and_its_name() -> None:
    found = section(on_both(second=True))
    assert [sentence.split()[0] for sentence in found.sentences] == ["cuda:0", "cuda:1"]
    assert list(found.backends) == ["torch-cholesky (cuda:0)", "torch-cholesky (cuda:1)"]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1e-4, "pays from 100 samples, the fewest tried, with the data on the device"),
        (1e4, "pays at no size up to 25,600 samples with the data on the device"),
    ],
)
def test_what_has_no_crossover_is_said_in_words(factor: float, words: str) -> None:
    made = runs.altered(
        on_both(),
        SampleRecord,
        lambda s: replace(s, seconds=s.seconds * factor) if "/cuda:" in s.entry else s,
    )
    assert words in section(made).sentences[0]


def test_page_summary_and_figure_have_it(tmp_path: Path) -> None:
    source = written(on_both(), tmp_path)
    assert 'id="break-even"' in source
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "CUDA pays from about" in summary
    assert len(summary.splitlines()) < 60
    figure = (tmp_path / "figures/break-even-1.svg").read_text(encoding="utf-8")
    assert "data on the host" in figure


def test_a_run_on_one_device_says_nothing_of_it(tmp_path: Path) -> None:
    source = written(runs.sizes(), tmp_path)
    assert "break-even" not in source
    assert "CUDA pays" not in (tmp_path / "summary.md").read_text(encoding="utf-8")
