"""The run file survives whatever cuts it off."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import runfile
from benchmarks.errors import UserError
from benchmarks.runfile import RunWriter, read
from reports.analysis import rows as results
from tests.reports import runs


@pytest.fixture
def written(tmp_path: Path) -> Path:
    writer = RunWriter(tmp_path / runfile.NAME)
    writer.write("header", format=runfile.FORMAT, entries=[])
    writer.write("sample", entry="a/b/cpu/1", round=0, seconds=np.float32(0.25))
    writer.write("fit", weight=np.array([1.0, np.nan]), bias=float("inf"), note="Zoë 😀\n")
    writer.close()
    return tmp_path / runfile.NAME


def test_what_is_written_is_read(written: Path) -> None:
    header, sample, fit = read(written)
    assert header["record"] == "header"
    assert sample == {"record": "sample", "entry": "a/b/cpu/1", "round": 0, "seconds": 0.25}
    assert fit["note"] == "Zoë 😀\n"
    assert float(fit["weight"][0]) == 1.0
    assert np.isnan(float(fit["weight"][1]))
    assert float(fit["bias"]) == float("inf")
    assert read(written.parent) == read(written)


def test_every_record_is_strict_json_and_on_disk_at_once(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / runfile.NAME)
    writer.write("header", format=runfile.FORMAT, entries=[], bad=float("nan"))

    def refuse(text: str) -> float:
        raise AssertionError(text)

    line = (tmp_path / runfile.NAME).read_text()
    assert line.endswith("\n")
    json.loads(line, parse_constant=refuse)


def test_a_file_cut_at_any_byte_of_its_last_record_gives_all_before_it(written: Path) -> None:
    whole = written.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for cut in range(last, len(whole)):
        written.write_bytes(whole[:cut])
        assert len(read(written)) == 2, cut
    written.write_bytes(whole)
    assert len(read(written)) == 3


def test_appending_to_a_torn_file_loses_nothing_more(written: Path) -> None:
    torn = written.read_bytes()[:-5]
    written.write_bytes(torn)
    writer = RunWriter(written)
    writer.write("footer", outcome="complete")
    writer.close()
    assert [record["record"] for record in read(written)] == ["header", "sample", "footer"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (b'{"record": "sample"}\n', "no header"),
        (b"not json\n", "line 1"),
        (b'{"record": "header", "format": 99}\n', "format 99"),
        (b'{"record": "header", "format": 1}\n[1]\n', "line 2"),
        (b"\xff\xfe\n", "line 1"),
        (b'{"record": "header", "format": 1}\n', "its header has no 'entries'"),
        (b'{"record": "header", "format": 1, "entries": 3}\n', "no objects"),
        (b'{"record": "header", "format": 1, "entries": [3]}\n', "no objects"),
        (
            b'{"record": "header", "format": 1, "entries": [{"entry": "a/b/cpu/1"}]}\n',
            "entry 1 of its header has no 'workload'",
        ),
    ],
)
def test_what_is_no_run_file_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_read_only_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose --out"):
        RunWriter(tmp_path / "file" / "run.jsonl")


def test_a_full_disk_is_said_and_what_was_written_stays(tmp_path: Path) -> None:
    writer = RunWriter(Path("/dev/full"))
    with pytest.raises(UserError, match="No space left"):
        writer.write("header", format=runfile.FORMAT)


def test_an_old_run_is_set_aside(written: Path) -> None:
    runfile.set_aside(written.parent)
    assert not written.exists()
    [kept] = written.parent.glob("run-*.jsonl")
    assert len(read(kept)) == 3
    runfile.set_aside(written.parent)


@pytest.mark.parametrize("missing", ["entry", "workload", "framework", "variant_of"])
def test_a_header_that_lacks_what_rows_are_made_of_is_refused(tmp_path: Path, missing: str) -> None:
    """Each of the fields that `results` takes for granted, and none that it does not."""
    entry = runs.entry("line", "numpy-gelsd")
    written = {"record": "header", "format": runfile.FORMAT, "entries": [entry]}
    path = tmp_path / runfile.NAME
    path.write_text(json.dumps(written) + "\n")
    results.rows(read(path))
    del entry[missing]
    path.write_text(json.dumps(written) + "\n")
    with pytest.raises(UserError, match=f"entry 1 of its header has no '{missing}'"):
        read(path)
