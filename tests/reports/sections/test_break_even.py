"""From which size CUDA pays, on the page, in the summary and in the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cli import run as session
from benchmarks.runfile import Record
from reports import page
from reports.analysis.rows import rows
from reports.sections import break_even
from reports.sections.break_even import Shown
from tests.reports import runs

#: On the CPU the best takes 1e-4 + 5e-8 n from 2,000 samples on; the transfer takes 1e-8 n.
ON_DEVICE, ON_HOST = 4e-4 / 4.9e-8, 4e-4 / 3.9e-8


def on_both(second: bool = False) -> list[Record]:
    """`runs.sizes` with torch on a GPU as well, 5e-4 + 1e-9 n; or on two."""
    rng = np.random.default_rng(2)
    records = runs.also_on_cuda(runs.sizes())
    if second:
        extra = [
            {key: _second(value) for key, value in record.items()}
            for record in records
            if "cuda:0" in record.get("entry", "")
        ]
        entries = records[0]["entries"]
        entries += [
            {k: _second(v) for k, v in e.items()} for e in entries if "cuda:0" in e["entry"]
        ]
        records += extra
    result = []
    for record in records:
        entry = record.get("entry", "")
        size = int(entry.split("x")[0]) if entry else 0
        if "/cuda:" in entry and record["record"] == "sample":
            record["seconds"] = (5e-4 + 1e-9 * size) * np.exp(0.01 * rng.standard_normal())
        result.append(record)
        if record["record"] == "fit":
            transfer = 1e-8 * size if "/cuda:" in entry else 1e-7
            seconds = list(transfer * np.exp(0.01 * rng.standard_normal(8)))
            result.append(
                {"record": "transfer", "entry": entry, "replicate": 0, "seconds": seconds}
            )
    return result


def _second(value: object) -> object:
    return value.replace("cuda:0", "cuda:1") if isinstance(value, str) else value


def shown(records: list[Record]) -> Shown:
    [found] = break_even.shown(records, rows(records))
    return found


SIZE = r"about ([\d,]+) samples \(([\d,]+) to ([\d,]+)\)"


def test_one_sentence_has_both_sizes_and_their_intervals() -> None:
    [sentence] = shown(on_both()).sentences
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
    [line] = shown(on_both()).lines
    assert line.backend == "torch-cholesky (CUDA)"
    assert re.match(rf"from {SIZE}$", line.on_device)
    assert re.match(rf"from {SIZE}$", line.on_host)


def test_each_of_several_gpus_has_a_sentence_and_its_name() -> None:
    found = shown(on_both(second=True))
    assert [sentence.split()[0] for sentence in found.sentences] == ["cuda:0", "cuda:1"]
    assert {line.backend for line in found.lines} == {
        "torch-cholesky (cuda:0)",
        "torch-cholesky (cuda:1)",
    }


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1e-4, "pays from 100 samples, the fewest tried, with the data on the device"),
        (1e4, "pays at no size up to 25,600 samples with the data on the device"),
    ],
)
def test_what_has_no_crossover_is_said_in_words(factor: float, words: str) -> None:
    records = on_both()
    for record in records:
        if record["record"] == "sample" and "/cuda:" in record["entry"]:
            record["seconds"] *= factor
    assert words in shown(records).sentences[0]


def test_page_summary_figure_and_terminal_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = on_both()
    source = page.write(records, tmp_path).read_text(encoding="utf-8")
    assert 'id="break-even"' in source
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "CUDA pays from about" in summary
    assert len(summary.splitlines()) < 60
    figure = (tmp_path / "figures/break-even-1.svg").read_text(encoding="utf-8")
    assert "data on the host" in figure
    session._show(records, rows(records))
    assert "CUDA pays from about" in capsys.readouterr().out


def test_a_run_on_one_device_says_nothing_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = runs.sizes()
    source = page.write(records, tmp_path).read_text(encoding="utf-8")
    session._show(records, rows(records))
    assert "break-even" not in source
    said = (tmp_path / "summary.md").read_text(encoding="utf-8") + capsys.readouterr().out
    assert "CUDA pays" not in said
