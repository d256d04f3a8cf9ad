"""Two runs against each other: what the machine did, what the code did, what cannot be told."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.errors import UserError
from benchmarks.runfile import Record
from reports.analysis.compare import Compared, compare, differences
from reports.terminal import comparison
from tests.reports import runs

WORKLOADS = ("tutorial", "line-descent", "line")
GELSD, XLA = "line/numpy-gelsd/cpu/1", "tutorial/tensorflow-xla/cpu/1"
Factor = Callable[[str, int], float]  # (entry, round) -> by how much slower


@cache
def _run(seed: int, rounds: int) -> list[Record]:
    return runs.run(WORKLOADS, rounds=rounds, seed=seed)


def run(
    seed: int, factor: Factor = lambda entry, round_: 1.0, keep: str = "", rounds: int = 60
) -> list[Record]:
    """A run of three workloads with six entries each; `keep`: backends that start so only."""
    records = copy.deepcopy(_run(seed, rounds))
    for record in records:
        if record["record"] == "sample":
            record["seconds"] *= factor(record["entry"], record["round"])
    header = records[0]
    header["entries"] = [e for e in header["entries"] if e["backend"].startswith(keep)]
    return records


def verdicts(compared: Compared) -> dict[str, str]:
    """Of the entries of which something can be told."""
    return {c.new.entry: c.verdict for c in compared.changes if c.verdict != "cannot tell"}


def test_a_machine_that_slows_down_by_workload_is_no_slower_code() -> None:
    speed = {"tutorial": 1.0, "line-descent": 1.7, "line": 0.6}
    compared = compare(run(1), run(2, lambda entry, _: speed[entry.split("/")[0]]))
    assert len(compared.changes) == 18
    assert verdicts(compared) == {}
    for change in compared.changes:
        assert change.machine == pytest.approx(speed[change.new.workload], rel=0.1)
        assert 0.9 < change.ratio.low < 1 < change.ratio.high < 1.1


@pytest.mark.parametrize(("factor", "verdict"), [(1.3, "slower"), (1 / 1.3, "faster")])
def test_a_change_of_one_backend_is_found_under_the_drift(factor: float, verdict: str) -> None:
    compared = compare(run(1), run(2, lambda e, _: 1.5 * (factor if "xla" in e else 1.0)))
    changed = [c for c in compared.changes if c.new.backend == "tensorflow-xla"]
    assert verdicts(compared) == {change.new.entry: verdict for change in changed}
    for change in changed:
        assert change.ratio.low < factor < change.ratio.high
    limits = {0.05: 3, 0.295: 0} if factor > 1 else {0.05: 0}  # two entries, and their mean
    assert {share: len(compared.slower(share)) for share in limits} == limits


def test_an_entry_of_few_rounds_is_not_blamed_for_a_slow_moment() -> None:
    """The machine is slower in the first rounds of the new run, and one entry has no others."""

    def cut(records: list[Record]) -> list[Record]:
        return [r for r in records if r.get("entry") != XLA or r.get("round", 0) < 12]

    slow = run(2, lambda entry, round_: 1.4 if round_ < 12 else 1.0)
    assert verdicts(compare(cut(run(1)), cut(slow))) == {}


def test_entries_that_differ_by_chance_raise_the_bar_for_all() -> None:
    rng = np.random.default_rng(5)
    luck = {e["entry"]: math.exp(0.04 * rng.standard_normal()) for e in run(1)[0]["entries"]}
    luck[XLA] = 1.12
    assert verdicts(compare(run(1), run(2, lambda entry, _: luck[entry]))) == {}


@pytest.mark.parametrize("chance", [0.0, 0.02])
def test_one_noisy_entry_is_not_taken_for_as_sharp_as_the_others(chance: float) -> None:
    rng = np.random.default_rng(6)
    luck = {e["entry"]: chance * rng.standard_normal() for e in run(1)[0]["entries"]}

    def factor(entry: str, round_: int) -> float:
        return math.exp(luck[entry] + 0.9 * (entry == XLA) * rng.standard_normal())

    compared = compare(run(1), run(2, factor))
    reach = {c.new.entry: math.log(c.ratio.high / c.ratio.value) for c in compared.changes}
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
    old, new = (
        [r for r in run(seed) if r.get("entry") != XLA or r.get("round", 0) < 2] for seed in (1, 2)
    )
    [change] = [c for c in compare(old, new).changes if c.new.entry == XLA]
    assert change.ratio.high / change.ratio.low == pytest.approx(4)


def test_only_what_newly_fails_is_a_failure() -> None:
    old = runs.fail(run(1), GELSD, "off")
    new = runs.fail(runs.fail(run(2), GELSD, "off"), XLA, "off by a lot")
    known = copy.deepcopy(new)
    for entry in known[0]["entries"]:
        entry["known_failure"] = "as everyone knows"
    assert [row.entry for row in compare(old, new).newly_failing] == [XLA]
    assert compare(old, known).newly_failing == []
    assert compare(new, old).newly_failing == []


def test_what_is_in_one_run_only_is_listed() -> None:
    new = runs.lose(run(2), XLA, "absent", "no tensorflow")
    new[0]["entries"] = [e for e in new[0]["entries"] if e["entry"] != GELSD]
    compared = compare(run(1), new)
    assert dict(compared.unmatched) == {
        GELSD: "timed in the old run, not there now",
        XLA: "timed in the old run, absent now",
    }
    assert len(compared.changes) == 16
    assert compared.newly_failing == []


def other(where: Callable[[list[Record]], dict[str, Any]], **fields: Any) -> list[Record]:
    records = run(2)
    where(records).update(fields)
    return records


def _machine(records: list[Record]) -> dict[str, Any]:
    return records[0].setdefault("machine", {})  # type: ignore[no-any-return]


def _workload(records: list[Record]) -> dict[str, Any]:
    return next(record for record in records if record["record"] == "workload")


REFUSED = [
    (_machine, {"cpu": "another\nCPU"}, "CPU: 'AMD EPYC 7B13', now 'another\\nCPU'"),
    (_machine, {"cores_used": [0, 1]}, "number of cores: 4, now 2"),
    (_machine, {"gpus": [{"name": "H100"}]}, "GPUs: [], now ['H100']"),
    (_workload, {"sha256": "cd"}, "sha256 of workload 'tutorial'"),
    (_workload, {"dtype": "float64"}, "dtype of workload 'tutorial': 'float32', now 'float64'"),
    (_workload, {"method": {"kind": "least squares"}}, "method of workload 'tutorial'"),
    (
        lambda records: records[0]["entries"][0],
        {"threads": 4},
        "threads of 'tutorial/torch-eager/cpu': [1], now [4]",
    ),
]


@pytest.mark.parametrize(("where", "fields", "said"), REFUSED)
def test_other_machines_threads_and_work_are_refused(
    where: Callable[[list[Record]], dict[str, Any]],
    fields: dict[str, Any],
    said: str,
    tmp_path: Path,
) -> None:
    old, new = written(tmp_path / "old", run(1)), written(tmp_path / "new", other(where, **fields))
    with pytest.raises(UserError, match="not comparable") as refusal:
        CliRunner().invoke(app, ["compare", old, new], catch_exceptions=False)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    anyway = CliRunner().invoke(app, ["compare", old, new, "--anyway"], catch_exceptions=False)
    assert anyway.exit_code == 0
    assert anyway.stderr.count("warning") == 1
    assert said in anyway.stderr


def test_versions_are_what_one_compares() -> None:
    new = other(_machine, packages={"numpy": "2.5.0", "torch": "2.12.0"}, cores_used=[4, 5, 6, 7])
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


def test_the_exit_status_of_a_new_failure(tmp_path: Path) -> None:
    old = written(tmp_path / "old", run(1))
    new = written(tmp_path / "new", runs.fail(run(2), XLA, "off by a lot"))
    done = CliRunner().invoke(app, ["compare", old, new], catch_exceptions=False)
    assert done.exit_code == 1
    assert f"newly failing: {XLA}: off by a lot" in flat(done.output)


def test_hostile_names_are_shown_as_they_are() -> None:
    name = "[bold]x[/nonsense]\x1b[31m"
    old, new = (json.loads(json.dumps(run(n)).replace("torch-gelsy", "NAME")) for n in (1, 2))
    old, new = (
        json.loads(json.dumps(r).replace("NAME", json.dumps(name)[1:-1])) for r in (old, new)
    )
    said = shown(compare(old, runs.fail(new, f"line/{name}/cpu/1", "[/oops]")), 0.05)
    assert "newly failing: line/[bold]x[/nonsense] [31m/cpu/1: [/oops]" in said
    assert "\x1b" not in said


def shown(compared: Compared, limit: float | None = None) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        comparison.show(compared, console, limit)
    return flat(capture.get())


def flat(text: str) -> str:
    return " ".join(text.split())


def written(folder: Path, records: list[Record]) -> str:
    folder.mkdir()
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "run.jsonl").write_text(lines)
    return str(folder)
