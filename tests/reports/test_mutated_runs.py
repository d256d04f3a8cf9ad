"""Whatever a run file holds, it is read and reported, or refused with one line.

`python -m tests.reports.test_mutated_runs 3000 [SEED]` tries so many, and draws the page of each.
"""

from __future__ import annotations

import io
import json
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.errors import UserError
from benchmarks.runfile.header import GpuModel, Variant
from benchmarks.runfile.records import (
    DeviceRecord,
    GpuRecord,
    Record,
    TransferRecord,
    WorkloadRecord,
)
from benchmarks.runfile.run import Run
from reports import export, page, sources
from reports.analysis import compare, profiles, roofline
from reports.analysis.rows import Row, rows
from reports.document import document
from reports.sections import accuracy, changes, scaling
from reports.sections.break_even import BreakEven
from reports.sections.profile import ProfileSection
from reports.terminal import comparison, table
from tests.reports import runs

Step = Callable[[Run, Sequence[Row]], object]


@cache
def whole() -> Run:
    """A small run of everything: a race, a series, a GPU, a variant, failures, a warning."""
    race, sizes = runs.race(rounds=4), runs.sizes(rounds=3)
    entries = [*race.header.entries, *sizes.header.entries]
    made = runs.of(
        replace(race.header, entries=entries),
        *race.records[1:-1],
        *sizes.records[1:-1],
        runs.footer(),
    )
    made = runs.also_on_cuda(runs.measured(made))
    made = runs.lose(made, "line/tensorflow-qr/cpu/1", "start", "was lost")
    made = runs.altered(made, WorkloadRecord, _few_points)
    first, *rest = made.header.entries
    other = replace(
        first,
        id=first.id.replace("/cpu", "@main/cpu"),
        variant=Variant(kind="revision", name="main", source="0123abc"),
    )
    machine = replace(runs.MACHINE, gpus=[GpuModel(name="H100", memory_bytes=80 * 10**9)])
    made = runs.with_header(made, entries=[first, other, *rest], machine=machine)
    also: list[Record] = [
        runs.judged(other.id),
        *(runs.sample(other.id, turn, 0.01) for turn in range(4)),
        DeviceRecord(entry=first.id, device_seconds=0.01, joules=3.0),
        TransferRecord(entry=first.id, seconds=[1e-3, 2e-3, 3e-3]),
        GpuRecord(workload="line", gpu=0, clock_mhz=1000.0, limited_by=["power"]),
    ]
    return runs.add(made, *also)


def _few_points(workload: WorkloadRecord) -> WorkloadRecord:
    if workload.points is None:
        return workload
    few = {name: values[:5] for name, values in vars(workload.points).items()}
    return replace(workload, points=replace(workload.points, **few))


@cache
def lines() -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory() as folder:
        return tuple(runs.write(whole(), Path(folder)).read_bytes().splitlines(keepends=True))


@cache
def whole_rows() -> Sequence[Row]:
    return rows(whole())


def analyse(run: Run, found: Sequence[Row]) -> None:
    for race in accuracy.races(run, found):
        for curve in race.curves:
            assert len(curve.seconds) == len(curve.errors)
            curve.time_to(1e-3)
    for one in scaling.series(run, found):
        for points in one.rows.values():
            scaling.exponent(points)
        assert set(one.leading) <= set(one.crossovers)
        for by_place in BreakEven(one).answers.values():
            for even in by_place.values():
                assert even.first_certain is None or even.ratios
    roofline.calls(run)
    changes.changes(run, found)


def answers(run: Run, found: Sequence[Row]) -> None:
    for profile in profiles.profiles(run, found, set(run.workloads)):
        for section in (ProfileSection(1, profile), ProfileSection(1, profile.accurate)):
            assert all(advice.reason for advice in section.advice)


def exports(run: Run, found: Sequence[Row]) -> None:
    for format in export.FORMATS:
        export.write(run, found, format)


def terminal(run: Run, found: Sequence[Row]) -> None:
    console = Console(file=io.StringIO(), width=100)
    table.show(found, console)
    for compared in (
        compare.compare(whole(), whole_rows(), run, found),
        compare.compare(run, found, whole(), whole_rows()),
    ):
        comparison.show(compared, console, 0.05)
    compare.differences(whole(), run)


def pages(run: Run, found: Sequence[Row]) -> None:
    """The page, its figures and the summary."""
    with tempfile.TemporaryDirectory() as folder:
        page.write(document(run, found, Path(folder)), Path(folder))


#: What is done with a run that could be read. Each gives a result or raises UserError.
STEPS: list[Step] = [analyse, answers, exports, terminal]

VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**63, 10**400, -(10**30), 1e308, 1e-320, 0.5, -0.0),
    *(float("nan"), float("inf"), "nan", "-inf", "1e400", "", "x", "\ud800", runs.HOSTILE),
    *([], {}, [[]], [1, "x"], [None], [10**400], ["nan"], {"name": 3}, {"": None}, [[[[1.0]]]]),
]


def mutated(rng: random.Random) -> bytes:
    """The run file with one to three things wrong with it."""
    found = list(lines())
    for _ in range(rng.randint(1, 3)):
        rng.choice(MUTATIONS)(rng, found)
    return b"".join(found)


def _bytes(rng: random.Random, found: list[bytes]) -> None:
    where = rng.randrange(len(found))
    line = found[where]
    at, upto = sorted(rng.choices(range(len(line) + 1), k=2))
    upto = min(upto, at + rng.choice([0, 1, 3]))
    found[where] = line[:at] + rng.randbytes(rng.choice([0, 1, 2])) + line[upto:]


def _line(rng: random.Random, found: list[bytes]) -> None:
    one, other = (rng.randrange(len(found)) for _ in range(2))
    match rng.randrange(5):
        case 0 if len(found) > 1:
            del found[one]
        case 1:
            found.insert(other, found[one])
        case 2:
            found[one], found[other] = found[other], found[one]
        case 3:
            rng.shuffle(found)
        case _:
            found[one] = b"[" * rng.choice([1, 10**5]) + found[one]


def _of_the_same_type(rng: random.Random, value: Any) -> Any:
    """A value that a reader may accept, and that makes no sense where it stands."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return rng.choice([0, 1, 2, 7, 10**6, 10**12, 10**15, 1e-12, 1e-3, 0.5, 1e9, -1, -1e9])
    if isinstance(value, str):
        entry = rng.choice(whole().header.entries)
        return rng.choice([entry.id, entry.workload, entry.backend, entry.device, "nan", "absent"])
    return [*value, *value] if isinstance(value, list) else value


def _value(rng: random.Random, found: list[bytes]) -> None:
    """Replace, drop or swap a value anywhere in a record; the header is as likely as all others."""
    where = 0 if rng.random() < 0.3 else rng.randrange(len(found))
    try:
        record = json.loads(found[where])
    except (ValueError, RecursionError):
        return
    inner = record
    while isinstance(inner, (dict, list)) and inner:
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        key = rng.choice(keys)
        if not isinstance(inner[key], (dict, list)) or not inner[key] or rng.random() < 0.3:
            break
        inner = inner[key]
    if isinstance(inner, (dict, list)) and inner:
        match rng.randrange(6):
            case 0:
                del inner[key]
            case 1:
                inner[key] = inner[rng.choice(keys)]
            case 2 | 3:
                inner[key] = rng.choice(VALUES)
            case _:
                inner[key] = _of_the_same_type(rng, inner[key])
    found[where] = json.dumps(record).encode() + b"\n"


MUTATIONS = (_bytes, _line, *(_value,) * 4)


def attempt(content: bytes, path: Path, steps: Sequence[Step]) -> str:
    """What became of one file: "read", or the message of a refusal."""
    path.write_bytes(content)
    try:
        run = Run.read(path)
        found = rows(run)
        for step in steps:
            step(run, found)
    except UserError as error:
        message = str(error)
        assert "\n" not in message
        return message
    return "read"


def attempts(number: int, seed: int, folder: Path, steps: Sequence[Step] = STEPS) -> int:
    """Try so many mutated files; the number of those that could be read."""
    read = 0
    for case in range(number):
        content = mutated(random.Random(f"{seed}/{case}"))
        try:
            read += attempt(content, folder / "run.jsonl", steps) == "read"
        except Exception as error:
            kept = Path(tempfile.mkdtemp()) / "run.jsonl"
            kept.write_bytes(content)
            raise AssertionError(f"case {seed}/{case}: see {kept}") from error
    return read


@pytest.mark.filterwarnings("error")
def test_the_run_itself_is_read_and_reported(tmp_path: Path) -> None:
    assert attempt(b"".join(lines()), tmp_path / "run.jsonl", STEPS) == "read"
    assert len(accuracy.races(whole(), whole_rows())) == 1
    assert len(scaling.series(whole(), whole_rows())) == 1


@pytest.mark.filterwarnings("error")
def test_a_mutated_run_is_reported_or_refused_with_one_line(tmp_path: Path) -> None:
    read = attempts(60, seed=1, folder=tmp_path)
    assert 10 < read < 50  # both happen


@pytest.mark.filterwarnings("error")
def test_a_mutated_run_is_drawn_or_refused_with_one_line(tmp_path: Path) -> None:
    """Drawing takes seconds: few files in the test, as many as wanted by hand."""
    assert attempts(6, seed=3, folder=tmp_path, steps=[pages]) > 1


def _mutated_benchmarks(rng: random.Random) -> bytes:
    found = [export.write(whole(), whole_rows()[:6], "pytest-benchmark").replace(b"\n", b" ")]
    for _ in range(rng.randint(1, 3)):
        rng.choice((_bytes, *(_value,) * 6))(rng, found)
    return found[0]


@pytest.mark.filterwarnings("error")
def test_a_mutated_file_of_pytest_benchmark_is_read_or_refused(tmp_path: Path) -> None:
    path, read = tmp_path / "x.json", 0
    for case in range(300):
        path.write_bytes(_mutated_benchmarks(random.Random(case)))
        try:
            source = sources.read(path)
        except UserError as error:
            message = str(error)
            assert "\n" not in message
            continue
        table.show(source.rows, Console(file=io.StringIO()))
        read += 1
    assert 50 < read < 290


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        number, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
        done = attempts(number, seed, Path(folder), [*STEPS, pages])
        print(f"{done} of {number} could be read")
