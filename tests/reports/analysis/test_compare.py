"""Two runs against each other: what the machine did, what the code did, what cannot be told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.cli.app import app
from benchmarks.errors import UserError
from benchmarks.runfile.header import GpuModel, Variant
from benchmarks.runfile.records import MethodRecord, SampleRecord, WorkloadRecord
from benchmarks.runfile.run import Run
from reports.analysis import compare as comparing
from reports.analysis.compare import Compared, differences
from reports.analysis.rows import rows
from reports.terminal import comparison
from tests.reports import runs

WORKLOADS = ("tutorial", "line-descent", "line")
GELSD, XLA = "line/numpy-gelsd/cpu/1", "tutorial/tensorflow-xla/cpu/1"
Factor = Callable[[str, int], float]  # (entry, round) -> by how much slower


@cache
def _run(seed: int, rounds: int) -> Run:
    return runs.run(WORKLOADS, rounds=rounds, seed=seed)


def run(
    seed: int, factor: Factor = lambda entry, round_: 1.0, keep: str = "", rounds: int = 60
) -> Run:
    """A run of three workloads with six entries each; `keep`: backends that start so only."""
    made = runs.altered(
        _run(seed, rounds),
        SampleRecord,
        lambda s: replace(s, seconds=s.seconds * factor(s.entry, s.round)),
    )
    kept = [entry for entry in made.header.entries if entry.backend.startswith(keep)]
    return runs.with_header(made, entries=kept)


def compare(old: Run, new: Run) -> Compared:
    return comparing.compare(old, rows(old), new, rows(new))


def verdicts(compared: Compared) -> dict[str, str]:
    """Of the entries of which something can be told."""
    found = {change.new.entry.id: change.ratio.against_one() for change in compared.changes}
    return {entry: verdict for entry, verdict in found.items() if verdict != "cannot tell"}


def first_rounds(made: Run, n: int) -> Run:
    """The same run with the first `n` rounds of one entry only."""
    return runs.altered(
        made, SampleRecord, lambda s: None if s.entry == XLA and s.round >= n else s
    )


def test_a_machine_that_slows_down_by_workload_is_no_slower_code() -> None:
    speed = {"tutorial": 1.0, "line-descent": 1.7, "line": 0.6}
    compared = compare(run(1), run(2, lambda entry, _: speed[entry.split("/")[0]]))
    assert len(compared.changes) == 18
    assert verdicts(compared) == {}
    for change in compared.changes:
        assert change.machine == pytest.approx(speed[change.new.entry.workload], rel=0.1)
        assert 0.9 < change.ratio.low < 1 < change.ratio.high < 1.1


@pytest.mark.parametrize(("factor", "verdict"), [(1.3, "slower"), (1 / 1.3, "faster")])
def test_a_change_of_one_backend_is_found_under_the_drift(factor: float, verdict: str) -> None:
    compared = compare(run(1), run(2, lambda e, _: 1.5 * (factor if "xla" in e else 1.0)))
    changed = [c for c in compared.changes if c.new.entry.backend == "tensorflow-xla"]
    assert verdicts(compared) == {change.new.entry.id: verdict for change in changed}
    for change in changed:
        assert change.ratio.low < factor < change.ratio.high
    limits = {0.05: 3, 0.295: 0} if factor > 1 else {0.05: 0}  # two entries, and their mean
    assert {share: len(compared.slower(share)) for share in limits} == limits


def test_an_entry_of_few_rounds_is_not_blamed_for_a_slow_moment() -> None:
    """The machine is slower in the first rounds of the new run, and one entry has no others."""
    slow = run(2, lambda entry, round_: 1.4 if round_ < 12 else 1.0)
    assert verdicts(compare(first_rounds(run(1), 12), first_rounds(slow, 12))) == {}


def test_entries_that_differ_by_chance_raise_the_bar_for_all() -> None:
    rng = np.random.default_rng(5)
    luck = {e.id: math.exp(0.04 * rng.standard_normal()) for e in run(1).header.entries}
    luck[XLA] = 1.12
    assert verdicts(compare(run(1), run(2, lambda entry, _: luck[entry]))) == {}


@pytest.mark.parametrize("chance", [0.0, 0.02])
def test_one_noisy_entry_is_not_taken_for_as_sharp_as_the_others(chance: float) -> None:
    rng = np.random.default_rng(6)
    luck = {e.id: chance * rng.standard_normal() for e in run(1).header.entries}

    def factor(entry: str, round_: int) -> float:
        return math.exp(luck[entry] + 0.9 * (entry == XLA) * rng.standard_normal())

    compared = compare(run(1), run(2, factor))
    reach = {c.new.entry.id: math.log(c.ratio.high / c.ratio.value) for c in compared.changes}
    assert verdicts(compared) == {}
    assert reach[XLA] > 1.5 * max(v for k, v in reach.items() if k != XLA)


def test_what_all_entries_share_is_taken_for_the_machine() -> None:
    """The limit that is stated."""
    assert verdicts(compare(run(1), run(2, lambda *_: 1.5))) == {}


@pytest.mark.parametrize(("factor", "found"), [(1.5, {}), (3.0, {GELSD: "slower"})])
def test_too_few_entries_cannot_tell_the_machine_from_the_code(
    factor: float, found: dict[str, str]
) -> None:
    old, new = (run(n, lambda e, _, f=f: f, keep="numpy") for n, f in ((1, 1.0), (2, factor)))
    compared = compare(old, new)
    assert {change.machine for change in compared.changes} == {None}
    assert verdicts(compared).keys() >= found.keys()
    assert bool(verdicts(compared)) == bool(found)
    assert "--against REV" in shown(compared)


def test_two_rounds_are_known_within_a_factor_only() -> None:
    old, new = (first_rounds(run(seed), 2) for seed in (1, 2))
    [change] = [c for c in compare(old, new).changes if c.new.entry.id == XLA]
    assert change.ratio.high / change.ratio.low == pytest.approx(4)


def test_only_what_newly_fails_is_a_failure() -> None:
    old = runs.fail(run(1), GELSD, "off")
    new = runs.fail(runs.fail(run(2), GELSD, "off"), XLA, "off by a lot")
    known = [replace(e, known_failure="as everyone knows") for e in new.header.entries]
    assert [row.entry.id for row in compare(old, new).newly_failing] == [XLA]
    assert compare(old, runs.with_header(new, entries=known)).newly_failing == []
    assert compare(new, old).newly_failing == []


def test_what_is_in_one_run_only_is_listed() -> None:
    new = runs.lose(run(2), XLA, "absent", "no tensorflow")
    new = runs.with_header(new, entries=[e for e in new.header.entries if e.id != GELSD])
    compared = compare(run(1), new)
    assert dict(compared.unmatched) == {
        GELSD: "timed in the old run, not there now",
        XLA: "timed in the old run, absent now",
    }
    assert len(compared.changes) == 16
    assert compared.newly_failing == []


def test_variants_are_left_out() -> None:
    head = run(2).header
    variant = Variant(kind="revision", name="main")
    entries = [replace(e, variant=variant) if e.id == XLA else e for e in head.entries]
    compared = compare(run(1), runs.with_header(run(2), entries=entries))
    assert XLA not in {change.new.entry.id for change in compared.changes}
    assert dict(compared.unmatched) == {XLA: "timed in the old run, not there now"}


def machine(**fields: Any) -> Run:
    return runs.with_header(run(2), machine=replace(runs.MACHINE, **fields))


def work(**fields: Any) -> Run:
    return runs.altered(
        run(2), WorkloadRecord, lambda w: replace(w, **fields) if w.name == "tutorial" else w
    )


def threads() -> Run:
    first, *rest = run(2).header.entries
    return runs.with_header(run(2), entries=[replace(first, threads=4), *rest])


REFUSED = [
    (machine(cpu="another\nCPU"), "CPU: 'AMD EPYC 7B13', now 'another CPU'"),
    (machine(cores_used=[0, 1]), "number of cores: 4, now 2"),
    (machine(memory_bytes=2**30), "memory in GiB: 16, now 1"),
    (machine(gpus=[GpuModel(name="H100")]), "GPUs: [], now ['H100']"),
    (runs.with_header(run(2), tf32=True), "TF32: False, now True"),
    (work(sha256="cd"), "sha256 of workload 'tutorial'"),
    (work(dtype="float64"), "dtype of workload 'tutorial': 'float32', now 'float64'"),
    (work(method=MethodRecord(kind="least squares")), "method of workload 'tutorial'"),
    (threads(), "threads of 'tutorial/torch-eager/cpu': [1], now [4]"),
]


@pytest.mark.parametrize(("new", "said"), REFUSED)
def test_other_machines_threads_and_work_are_named(new: Run, said: str) -> None:
    [found] = differences(runs.read_back(run(1)), runs.read_back(new))
    assert said in found
    assert "\n" not in found


def test_runs_that_differ_are_compared_only_when_asked(tmp_path: Path) -> None:
    old, new = written(tmp_path / "old", run(1)), written(tmp_path / "new", machine(cpu="other"))
    with pytest.raises(UserError, match="not comparable: CPU: 'AMD EPYC 7B13', now 'other'"):
        CliRunner().invoke(app, ["compare", old, new], catch_exceptions=False)
    anyway = CliRunner().invoke(app, ["compare", old, new, "--anyway"], catch_exceptions=False)
    assert anyway.exit_code == 0
    assert anyway.stderr.count("warning") == 1
    assert "now 'other'" in anyway.stderr


def test_versions_are_what_one_compares() -> None:
    new = machine(packages={"numpy": "2.5.0", "torch": "2.12.0"}, cores_used=[4, 5, 6, 7])
    assert differences(run(1), new) == []
    assert compare(run(1), new).versions == [
        ("numpy", "2.4.0", "2.5.0"),
        ("tensorflow", "2.21.0", "none"),
    ]


@pytest.mark.parametrize(
    ("factor", "options", "status"),
    [
        (1.3, [], 0),
        (1.3, ["--fail-if-slower", "5%"], 1),
        (1.3, ["--fail-if-slower", "40%"], 0),
        (1.0, ["--fail-if-slower", "5%"], 0),
    ],
)
def test_the_exit_status_of_a_slow_down(
    factor: float, options: list[str], status: int, tmp_path: Path
) -> None:
    old = written(tmp_path / "old", run(1))
    new = written(tmp_path / "new", run(2, lambda e, _: factor if e == XLA else 1.0))
    done = CliRunner().invoke(app, ["compare", old, new, *options], catch_exceptions=False)
    assert done.exit_code == status, done.output
    assert ("slower by more than 5% for certain: " + XLA in flat(done.output)) == (status == 1)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([], 0),
        (["--fail-if-slower", "5%"], 1),
        (["--fail-if-slower", "5%", "--allow-missing", "tutorial/tensorflow-*"], 0),
        (["--fail-if-slower", "5%", "--allow-missing", "tutorial/torch-*"], 1),
    ],
)
def test_an_entry_that_vanished_is_not_watched_any_more(
    tmp_path: Path, options: list[str], status: int
) -> None:
    """A renamed backend would otherwise open the gate."""
    new = run(2)
    entries = [entry for entry in new.header.entries if entry.id != XLA]
    paths = (
        written(tmp_path / "old", run(1)),
        written(tmp_path / "new", runs.with_header(new, entries=entries)),
    )
    done = CliRunner().invoke(app, ["compare", *paths, *options], catch_exceptions=False)
    assert done.exit_code == status, done.output
    assert (f"missing in the new run: {XLA}" in flat(done.output)) == (status == 1)


def test_runs_without_a_common_entry_are_not_found_to_be_as_fast(tmp_path: Path) -> None:
    old, new = run(1), runs.with_header(run(2), entries=[])
    paths = (
        written(tmp_path / "old", runs.with_header(old, entries=[])),
        written(tmp_path / "new", new),
    )
    done = CliRunner().invoke(app, ["compare", *paths, "--fail-if-slower", "5%"])
    assert done.exit_code == 1
    assert "nothing was compared" in done.output
    assert CliRunner().invoke(app, ["compare", *paths]).exit_code == 0


def test_the_exit_status_of_a_new_failure(tmp_path: Path) -> None:
    old = written(tmp_path / "old", run(1))
    new = written(tmp_path / "new", runs.fail(run(2), XLA, "off by a lot"))
    done = CliRunner().invoke(app, ["compare", old, new], catch_exceptions=False)
    assert done.exit_code == 1
    assert f"newly failing: {XLA}: off by a lot" in flat(done.output)


def test_hostile_names_are_shown_as_they_are() -> None:
    name = "[bold]x[/nonsense]\x1b[31m"

    def renamed(made: Run) -> Run:
        entries = [runs.entry("line", name), *made.header.entries]
        passed = runs.judged(entries[0].id)
        samples = (runs.sample(entries[0].id, turn, 1e-3) for turn in range(5))
        return runs.add(runs.with_header(made, entries=entries), passed, *samples)

    old, new = renamed(run(1)), runs.fail(renamed(run(2)), f"line/{name}/cpu/1", "[/oops]")
    said = shown(compare(runs.read_back(old), runs.read_back(new)), 0.05)
    assert "newly failing: line/[bold]x[/nonsense] [31m/cpu/1: [/oops]" in said
    assert "\x1b" not in said


def shown(compared: Compared, limit: float | None = None) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        comparison.show(compared, console, limit)
    return flat(capture.get())


def flat(text: str) -> str:
    return " ".join(text.split())


def written(folder: Path, made: Run) -> str:
    return str(runs.write(made, folder))
