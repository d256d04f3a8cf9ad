"""The run file survives whatever cuts it off, and refuses what is not sound in one line."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runfile.header import EntryRecord, Header, Machine, Variant
from benchmarks.runfile.records import (
    FitRecord,
    Footer,
    MethodRecord,
    Points,
    SampleRecord,
    WarningRecord,
    WorkloadRecord,
)
from benchmarks.runfile.run import Run
from benchmarks.runfile.writer import FORMAT, NAME, RunWriter, set_aside

ENTRY = EntryRecord(
    id="line/numpy-gelsd/cpu/1",
    workload="line",
    backend="numpy-gelsd",
    device="cpu",
    threads=1,
    framework="numpy",
    algorithm="gelsd",
)
HEADER = Header(
    format=FORMAT, entries=[ENTRY], seed=0, budget_seconds=45.0, precision=0.01, replicates=1
)
SAMPLE = SampleRecord(entry=ENTRY.id, round=0, seconds=0.25)
FIT = FitRecord(
    entry=ENTRY.id,
    weight=[1.0, math.nan],
    bias=math.inf,
    description={"note": "Zoë 😀\n", "deep": {"list": [1, None, "\x1b[31mred"]}},
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    writer = RunWriter(tmp_path / NAME)
    for record in (HEADER, SAMPLE, FIT):
        writer.write(record)
    writer.close()
    return tmp_path / NAME


def test_what_is_written_is_read(written: Path) -> None:
    run = Run.read(written)
    header, sample, fit = run.records
    assert header is run.header
    assert (run.header.entries, run.header.seed, run.header.precision) == ([ENTRY], 0, 0.01)
    assert sample == SAMPLE
    assert isinstance(fit, FitRecord)
    assert fit.weight
    assert fit.weight[0] == 1.0
    assert math.isnan(fit.weight[1])
    assert fit.bias == math.inf
    assert Run.read(written.parent).header == run.header


def test_texts_are_made_printable_where_they_are_read(written: Path) -> None:
    [fit] = Run.read(written).of(FitRecord)
    assert fit.description == {"note": "Zoë 😀", "deep": {"list": [1, None, "[31mred"]}}


def test_records_are_found_by_kind_entry_and_name(written: Path) -> None:
    run = Run.read(written)
    assert run.of(SampleRecord) == run.of(SampleRecord, ENTRY.id) == [SAMPLE]
    assert run.of(SampleRecord, "another") == []
    assert run.rounds(ENTRY.id)[0].seconds == 0.25
    assert run.first_fit(ENTRY.id) is run.of(FitRecord)[0]
    assert (run.verdict(ENTRY.id), run.footer, run.workloads) == (None, None, {})


def test_every_record_is_strict_json_and_on_disk_at_once(tmp_path: Path) -> None:
    RunWriter(tmp_path / NAME).write(replace(HEADER, precision=math.nan))

    def refuse(text: str) -> float:
        raise AssertionError(text)

    line = (tmp_path / NAME).read_text()
    assert line.endswith("\n")
    json.loads(line, parse_constant=refuse)


def test_a_file_cut_at_any_byte_of_its_last_record_gives_all_before_it(written: Path) -> None:
    whole = written.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for cut in range(last, len(whole)):
        written.write_bytes(whole[:cut])
        assert len(Run.read(written).records) == 2, cut
    written.write_bytes(whole)
    assert len(Run.read(written).records) == 3


def test_appending_to_a_torn_file_loses_nothing_more(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-5])
    writer = RunWriter(written)
    writer.write(Footer(outcome="complete"))
    writer.close()
    assert [type(record) for record in Run.read(written).records] == [Header, SampleRecord, Footer]


def test_unknown_kinds_and_fields_are_ignored_and_the_order_is_free(written: Path) -> None:
    lines = written.read_text().splitlines()
    later = json.loads(lines[1]) | {"new_field": 1}
    unknown = [{"record": "tomorrow", "x": 1}, {"record": 7}, {}]
    shuffled = [json.dumps(later), *map(json.dumps, unknown), lines[0], lines[2]]
    written.write_text("\n".join(shuffled) + "\n")
    run = Run.read(written)
    assert run.header.entries == [ENTRY]
    assert run.of(SampleRecord) == [SAMPLE]


GOOD = {"record": "header", "format": 2, "entries": [], "seed": 0, "replicates": 1}
GOOD |= {"budget_seconds": None, "precision": None}
GIVEN: dict[str, Any] = {**vars(ENTRY)}


def with_entry(**changes: Any) -> dict[str, Any]:
    """The header with one entry, changed; None takes the field away."""
    fields = {k: v for k, v in (GIVEN | changes).items() if v is not None}
    return GOOD | {"entries": [fields]}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no header"),
        ([{"record": "sample"}], "no header"),
        (["not json"], "line 1"),
        ([b"\xff\xfe"], "line 1"),
        ([b"[" * 100_000], "line 1"),
        ([GOOD, [1]], "line 2: not a record of a run"),
        ([GOOD, GOOD], "line 2: a second header"),
        ([GOOD | {"format": 99}], "format 99; this version reads 1 and 2"),
        ([GOOD | {"format": None}], "format None"),
        ([{"record": "header", "format": 1}], "line 1: entries: Field required"),
        ([GOOD | {"entries": 3}], "line 1: entries: "),
        ([GOOD | {"entries": [3]}], "line 1: entries.0: "),
        ([with_entry(workload=None)], "line 1: entries.0.workload: Field required"),
        ([with_entry(framework=None)], "line 1: entries.0.framework"),
        ([with_entry(threads="many")], "line 1: entries.0.threads: "),
        ([with_entry(variant={"kind": "x", "name": "y"})], "entries.0.variant.kind"),
        ([GOOD | {"entries": [GIVEN, GIVEN]}], "'line/numpy-gelsd/cpu/1' stands there twice"),
        ([GOOD, {"record": "sample", "entry": "e", "round": 0}], "line 2: seconds: Field"),
        (
            [GOOD, {"record": "sample", "entry": "e", "round": 0, "seconds": 0}],
            "seconds: .*0000001",
        ),
        ([GOOD, {"record": "sample", "entry": "e", "round": -1, "seconds": 1}], "round: "),
        ([GOOD, b'{"record": "done", "workload": ' + b"9" * 5000 + b"}"], "line 2: "),
    ],
)
def test_what_is_not_sound_is_refused_in_one_line_with_line_and_field(
    tmp_path: Path, lines: list[Any], message: str
) -> None:
    path = tmp_path / "x.jsonl"
    as_bytes = [
        line
        if isinstance(line, bytes)
        else (line if isinstance(line, str) else json.dumps(line, default=str)).encode()
        for line in lines
    ]
    path.write_bytes(b"".join(line + b"\n" for line in as_bytes))
    with pytest.raises(UserError, match=message) as caught:
        Run.read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


SIZES: dict[str, Any] = {"dtype": "float32", "n_samples": 3, "n_features": 2}


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": [1.0]},
        {"solution": [1.0, 2.0]},
        {"certified": [1.0]},
        {"descent_errors": [1.0, 0.5]},
    ],
)
def test_a_workload_has_as_many_numbers_as_its_data_need(wrong: dict[str, Any]) -> None:
    method = MethodRecord(kind="gradient descent", epochs=2)
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} has . numbers and not 3|2"):
        WorkloadRecord(name="w", method=method, **SIZES, **wrong)


def test_points_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="as many targets as features"):
        Points(X=[1.0, 2.0], y=[1.0])


@pytest.mark.parametrize(
    ("weight", "bias"), [([[1.0]], [2.0]), (1.5, "x"), (["a"], None), ({}, [])]
)
def test_whatever_a_backend_returned_for_numbers_is_left_out(
    tmp_path: Path, weight: Any, bias: Any
) -> None:
    writer = RunWriter(tmp_path / NAME)
    writer.write(HEADER)
    writer.write(FitRecord(entry=ENTRY.id, weight=weight, bias=bias))
    if bias == "x" or weight == ["a"]:  # text that is no number: no run of ours has it
        with pytest.raises(UserError, match=r"line 2: (weight|bias)"):
            Run.read(tmp_path)
        return
    [fit] = Run.read(tmp_path).of(FitRecord)
    assert (fit.weight, fit.bias) == (None, None)


def test_a_missing_file_and_a_read_only_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        Run.read(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose --out"):
        RunWriter(tmp_path / "file" / "run.jsonl")


def test_a_full_disk_is_said_and_what_was_written_stays() -> None:
    writer = RunWriter(Path("/dev/full"))
    with pytest.raises(UserError, match="No space left"):
        writer.write(WarningRecord(message="the disk is full"))


def test_an_old_run_is_set_aside(written: Path) -> None:
    set_aside(written.parent)
    assert not written.exists()
    [kept] = written.parent.glob("run-*.jsonl")
    assert len(Run.read(kept).records) == 3
    set_aside(written.parent)


OLD_ENTRY = {
    "entry": "line/numpy-gelsd/cpu/1",
    "workload": "line",
    "backend": "numpy-gelsd",
    "device": "cpu",
    "threads": 1,
    "framework": "numpy",
    "algorithm": "gelsd",
    "style": "idiomatic",
    "known_failure": "",
    "variant_of": None,
}


def old_variant(name: str) -> dict[str, Any]:
    changes = {"entry": f"line/numpy-gelsd@{name}/cpu/1", "backend": f"numpy-gelsd@{name}"}
    return OLD_ENTRY | changes | {"variant_of": OLD_ENTRY["entry"]}


def test_a_file_of_format_1_is_read(tmp_path: Path) -> None:
    """It had variants in the names of backends, and the calibration as an object."""
    header = {
        "record": "header",
        "format": 1,
        "entries": [OLD_ENTRY, old_variant("old"), old_variant("main")],
        "environments": [
            {"name": "old", "executable": "/old/python", "python": "3.11.2", "packages": {}}
        ],
        "calibration": {"cpu": "A", "line": "this machine can tell 2 %"},
        "machine": {"cpu": "A", "cores": 2, "cores_used": [0, 1], "gpus": [], "load": 0.5},
        "seed": 3,
        "budget_seconds": 45.0,
        "precision": 0.01,
        "replicates": 2,
        "cold": False,
        "plugins": [],
        "absent": [],
        "command": ["linreg-bench", "run"],
    }
    (tmp_path / NAME).write_text(json.dumps(header) + "\n")
    found = Run.read(tmp_path).header
    plain, environment, revision = found.entries
    assert (plain.id, plain.variant) == (OLD_ENTRY["entry"], None)
    assert environment.backend == revision.backend == "numpy-gelsd"
    assert environment.name == "numpy-gelsd@old"
    assert environment.original == revision.original == plain.id
    assert environment.variant == Variant(kind="environment", name="old", source="/old/python")
    assert revision.variant == Variant(kind="revision", name="main", source="main")
    assert found.calibration == "this machine can tell 2 %"
    assert found.machine == Machine(cpu="A", cores=2, cores_used=[0, 1], gpus=[], load=0.5)


def test_what_somebody_else_adds_is_cut_off_and_said(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / NAME)
    writer.write(HEADER)
    with (tmp_path / NAME).open("a") as file:
        file.write('{"record": "sample"}\n')
    with pytest.raises(UserError, match=r"somebody else has written to .*: 21 bytes were added"):
        writer.write(SAMPLE)
    writer.write(Footer(outcome="interrupted"))
    assert [type(record) for record in Run.read(tmp_path).records] == [Header, Footer]


def test_what_somebody_else_removes_is_said(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / NAME)
    writer.write(HEADER)
    writer.write(SAMPLE)
    os.truncate(tmp_path / NAME, (tmp_path / NAME).stat().st_size - 5)
    with pytest.raises(UserError, match=r"somebody else has written to .*: 5 bytes are missing"):
        writer.write(Footer(outcome="complete"))
    assert [type(record) for record in Run.read(tmp_path).records] == [Header]
