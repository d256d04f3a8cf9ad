"""The commands that the documentation shows: all are understood, and the cheap ones are run."""

from __future__ import annotations

import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.cli.app import app
from benchmarks.cli.options import parse_seconds, parse_share
from benchmarks.engine import catalogue
from benchmarks.engine.plan import choose_backends
from benchmarks.evidence import __main__ as evidence
from benchmarks.problems import workloads
from tests.reports import runs

ROOT = Path(__file__).parents[1]
PAGES = (*ROOT.glob("*.md"), *ROOT.glob("*/README.md"))
#: What installs, copies or needs a network or a screen is not tried here.
_LEFT_OUT = ("python3 -m venv", "pip install", "cp ", "chromium ")


def _commands() -> dict[str, list[str]]:
    """Every line of a shell block -> its words."""
    found = {}
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.S):
            for line in block.splitlines():
                words = shlex.split(line.replace(".venv/bin/", ""), comments=True)
                if words and not " ".join(words).startswith(_LEFT_OUT):
                    found[f"{page.relative_to(ROOT)}: {' '.join(words)}"] = words
    return found


COMMANDS = _commands()
OURS = {name: words[1:] for name, words in COMMANDS.items() if words[0] == "linreg-bench"}


def test_the_documentation_has_commands_and_none_of_an_unknown_kind() -> None:
    assert len(OURS) > 20
    assert {words[0] for words in COMMANDS.values()} == {
        *("linreg-bench", "make", "python", "pytest-benchmark"),
    }


@pytest.mark.parametrize("arguments", OURS.values(), ids=OURS)
def test_a_command_of_ours_is_understood(arguments: list[str]) -> None:
    command, *rest = arguments
    group = typer.main.get_command(app)
    context = group.commands[command].make_context(command, list(rest))  # type: ignore[attr-defined]
    given = context.params
    if given.get("workloads") and not given.get("plugin"):  # which would have to be there
        workloads.select(given["workloads"].split(","))
    if given.get("backends") and not given.get("plugin"):
        choose_backends(given["backends"], catalogue.known())
    if given.get("budget"):
        parse_seconds("--budget", given["budget"])
    if given.get("fail_if_slower"):
        parse_share("--fail-if-slower", given["fail_if_slower"])


@pytest.mark.parametrize("wrong", ["run --nosuch", "run --workloads nosuch", "run --budget nosuch"])
def test_a_command_that_is_not_understood_would_be_found(wrong: str) -> None:
    with pytest.raises(Exception, match="nosuch"):
        test_a_command_of_ours_is_understood(wrong.split())


@pytest.mark.parametrize(
    "words", [w for w in COMMANDS.values() if w[0] in ("make", "python")], ids=" ".join
)
def test_a_command_of_others_names_what_there_is(words: list[str]) -> None:
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M)
    elif words[2] == "benchmarks.evidence":
        assert words[3] in typer.main.get_command(evidence.app).commands  # type: ignore[attr-defined]
    else:
        assert words[1:3] == ["-m", "pytest"]
        assert (ROOT / words[3]).exists()


#: Quick, and changing nothing but the folder that they are run in.
_RUN = ("list", "report *", "export *", "compare OLD NEW*")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the runs are that the commands name."""
    folder = tmp_path_factory.mktemp("place")
    run = runs.run(("line",), rounds=12)
    for name in ("reports/latest", "laptop", "server", "OLD", "NEW"):
        runs.write(run, folder / name)
    stats = {"median": 1e-3, "q1": 9e-4, "q3": 2e-3, "rounds": 5}
    theirs = {"benchmarks": [{"name": "test_x", "stats": stats}]}
    (folder / ".benchmarks/Linux-CPython-3.12-64bit").mkdir(parents=True)
    for path in (
        "theirs.json",
        *(f".benchmarks/Linux-CPython-3.12-64bit/000{n}.json" for n in "12"),
    ):
        (folder / path).write_text(json.dumps(theirs))
    return folder


CHEAP = [words for words in OURS.values() if any(fnmatch(" ".join(words), p) for p in _RUN)]


@pytest.mark.parametrize("arguments", CHEAP, ids=" ".join)
def test_a_cheap_command_does_what_it_says(
    arguments: list[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert done.output or "--out" in arguments
    if "--out" in arguments:
        assert (place / arguments[arguments.index("--out") + 1]).exists()
