"""The commands of the documentation: all are understood, and those of the README are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer

from benchmarks.cli.app import app, main
from benchmarks.cli.options import parse_seconds, parse_share
from benchmarks.engine import catalogue
from benchmarks.engine.choice import choose_backends
from benchmarks.evidence import __main__ as evidence
from benchmarks.problems import workloads
from benchmarks.runfile.records import FailureRecord
from benchmarks.runfile.run import Run
from reports import export
from reports.analysis.rows import rows
from tests.reports import runs

ROOT = Path(__file__).parents[1]
PAGES = (*ROOT.glob("*.md"), *ROOT.glob("*/README.md"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
#: What installs, copies or needs a network or a screen is not tried here.
_LEFT_OUT = ("python3 -m venv", "pip install", "uv sync", "cp ", "chromium ")


def _commands() -> dict[str, list[str]]:
    """Every line of a shell block -> its words."""
    found = {}
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.S):
            for line in block.splitlines():
                words = shlex.split(re.sub(r"^\.venv/bin/|^uv run ", "", line), comments=True)
                if words and not " ".join(words).startswith(_LEFT_OUT):
                    found[f"{page.relative_to(ROOT)}: {' '.join(words)}"] = words
    for page in (ROOT / "README.md", *WORKFLOWS):
        for line in re.findall(r"^ *(?:- run: )?(linreg-bench .*)", page.read_text(), re.M):
            words = shlex.split(line, comments=True)
            found[f"{page.relative_to(ROOT)}: {' '.join(words)}"] = words
    return found


COMMANDS = _commands()
OURS = {name: words[1:] for name, words in COMMANDS.items() if words[0] == "linreg-bench"}


def test_the_documentation_has_commands_and_none_of_an_unknown_kind() -> None:
    assert len(OURS) > 20
    assert {words[0] for words in COMMANDS.values()} == {
        *("linreg-bench", "make", "python", "pytest-benchmark", "zcat"),
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


#: What leaves something in the checkout, and so is tried in a copy of it; with less work.
_IN_A_COPY = {
    "calibrate": "calibrate --budget 1s --workload line --backend numpy-gelsd",
    "env create *": "",
}
#: Instead of what a command asks for: the smallest that is like it.
_SMALL = {
    "--workloads": {
        "scaling": "100x10,300x10",
        "nist": "nist-norris",
        "50000x40:float64": "500x4:float64",
        "tall,wide": "line,line-descent",
    },
    "--budget": {},
    "--backends": {"sklearn-*": "numpy-*", "torch-*": "torch-gelsy"},
    "--against": {"main": "HEAD", "base": "HEAD"},
    "--env": {"next": f"next={sys.executable}"},
    "--fail-if-slower": {"5%": "400%"},
}
_DEFAULT = {"--workloads": "line", "--backends": "numpy-*", "--budget": "200ms"}
#: With these, some of the defaults would change what is asked for.
_KEEPS = {"--data": ("--workloads",), "--resume": ("--workloads", "--backends", "--budget")}


def _small(arguments: list[str], out: Path) -> list[str]:
    """The same command with the least work, whose report goes to `out`."""
    command, *rest = arguments
    if command not in ("run", "check"):
        return arguments
    made, given = [command], set(rest)
    for before, word in zip(arguments, rest, strict=False):
        known = _SMALL.get(before)
        made.append(word if known is None else known.get(word, _DEFAULT.get(before, word)))
    kept = {name for option in given for name in _KEEPS.get(option, ())}
    for name, value in _DEFAULT.items():
        if name not in given | kept and not (command == "check" and name == "--budget"):
            made += [name, value]
    if command == "run":
        made += ["--wait"] + ([] if "--resume" in given else ["--replicates", "1"])
    return [*made, "--out", str(out)]


_RUNS = runs.run(("line",), rounds=12)
#: Cheap: in all tests. Others take some seconds each.
_CHEAP = ("list*", "report *", "export *", "compare *", "check --quiet")
TRIED = [
    pytest.param(words, id=name, marks=() if cheap else pytest.mark.slow)
    for name, words in OURS.items()
    if name.startswith("README.md: ")
    for command in [" ".join(words)]
    if not any(fnmatch(command, pattern) for pattern in _IN_A_COPY)
    for cheap in [any(fnmatch(command, pattern) for pattern in _CHEAP)]
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all is that the commands name."""
    folder = tmp_path_factory.mktemp("place")
    for name in ("reports/latest", "laptop", "server", "OLD", "NEW"):
        runs.write(_RUNS, folder / name)
    stats = {"median": 1e-3, "q1": 9e-4, "q3": 2e-3, "rounds": 5}
    theirs = {"benchmarks": [{"name": "test_x", "stats": stats}]}
    (folder / ".benchmarks/Linux-CPython-3.12-64bit").mkdir(parents=True)
    for path in (
        "theirs.json",
        *(f".benchmarks/Linux-CPython-3.12-64bit/000{n}.json" for n in "12"),
    ):
        (folder / path).write_text(json.dumps(theirs))
    ours = export.write(_RUNS, rows(_RUNS), "pytest-benchmark")
    (folder / "new.json").write_bytes(ours)
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "backends/README.md").read_text(), re.S)
    [backend] = [code for code in examples if "(Backend)" in code]
    (folder / "mine.py").write_text(backend)
    (folder / "table.csv").write_text("x,y\n" + "".join(f"{n},{n * n}\n" for n in range(20)))
    return folder


def _cut_off(out: Path) -> None:
    """Leave a run in `out` that has ended before its first sample."""
    with pytest.raises(SystemExit):
        main(_small(["run"], out))
    path = out / "run.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if '"sample"' in line)
    path.write_text("".join(lines[:first]))


def _doubted(out: Path) -> bool:
    """Whether times of a run were doubted; nothing else may have failed.

    Where others take the processor that is right, and no fault of the command.
    """
    run = Run.read(out)
    failed = [row.entry.id for row in rows(run) if row.status == "failed"]
    for entry in failed:
        assert "control" in {failure.phase for failure in run.of(FailureRecord, entry)}
    return bool(failed)


@pytest.mark.parametrize("arguments", TRIED)
def test_a_command_does_what_it_says(
    arguments: list[str],
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    if "--resume" in arguments:
        _cut_off(tmp_path / "out")
    with pytest.raises(SystemExit) as ended:
        main(_small(arguments, tmp_path / "out"))
    shown = capsys.readouterr()
    doubted = arguments[0] == "run" and _doubted(tmp_path / "out")
    assert ended.value.code in (0, int(doubted)), shown.err
    if arguments[0] in ("run", "check"):
        assert (tmp_path / "out/index.html").exists()
    elif "--out" in arguments:
        assert (place / arguments[arguments.index("--out") + 1]).exists()
    else:
        assert shown.out


_UV = f"""#!{sys.executable}
import sys
from pathlib import Path

[python] = [Path(word) for word in sys.argv if word.endswith("/bin/python")]
[packages] = python.parents[1].glob("lib/*/site-packages")
(packages / "all.pth").write_text({sysconfig.get_path("purelib")!r})
"""


@pytest.mark.slow
@pytest.mark.parametrize("pattern", _IN_A_COPY)
def test_a_command_does_what_it_says_in_a_copy(pattern: str, tmp_path: Path) -> None:
    [words] = [w for n, w in OURS.items() if fnmatch(n, f"README.md: linreg-bench {pattern}")]
    for package in ("backends", "benchmarks", "reports"):
        shutil.copytree(ROOT / package, tmp_path / package)
    # In place of uv, which needs a network: the environment gets the packages of this one.
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text(_UV)
    uv.chmod(0o755)
    arguments = shlex.split(_IN_A_COPY[pattern]) or words
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{uv.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "numpy" in done.stdout


@pytest.mark.parametrize(
    "words", [w for w in COMMANDS.values() if w[0] == "pytest-benchmark"], ids=" ".join
)
def test_pytest_benchmark_does_what_it_says(words: list[str], place: Path) -> None:
    program = "from pytest_benchmark.cli import main; main()"
    command = [sys.executable, "-c", program, *words[1:]]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "numpy-gelsd" in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_is_pinned_with_few_permissions(path: Path) -> None:
    text = path.read_text()
    actions = re.findall(r"uses: (\S+)(.*)", text)
    assert actions
    for action, comment in actions:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
    assert re.search(r"^permissions:( \{\}|\n  contents: read)$", text, re.M)
    assert "pull_request_target" not in text  # runs a fork's code with the rights of the project
    # A job that may write runs no code of a pull request.
    for job in re.split(r"\n  (?=\w+:\n)", text):
        assert not (": write" in job and ("checkout@" in job or "run:" in job))
