"""Another interpreter beside today's: made of symbolic links, since only its contents matter."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from benchmarks.engine.environments import Environment

from backends import registry
from backends.worker import installed as survey
from benchmarks import runfile
from benchmarks.engine import environments, plan
from benchmarks.engine.process import Home, Variant, environment
from benchmarks.errors import UserError
from benchmarks.problems.workloads import select
from reports import page
from reports.analysis import changes as beside
from reports.analysis import rows as results
from reports.sections import changes as pairs

ROOT = Path(__file__).parents[3]
SAYS = "3.99.0"


def make(folder: Path, *names: str) -> Path:
    """A virtual environment that has the distributions `names` of this one; its interpreter."""
    venv.create(folder, symlinks=True)
    packages = folder / "packages"
    packages.mkdir()
    for name in names:
        found = distribution(name)
        for top in {Path(file).parts[0] for file in found.files or () if ".." not in str(file)}:
            (packages / top).symlink_to(Path(str(found.locate_file(top))))
    [site] = folder.glob("lib/python*/site-packages")
    (site / "linked.pth").write_text(str(packages))
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with NumPy alone, which calls itself Python 3.99."""
    python = make(tmp_path_factory.mktemp("other"), "numpy")
    [site] = python.parents[1].glob("lib/python*/site-packages")
    says = f"import platform; platform.python_version = lambda: {SAYS!r}\n"
    (site / "says.pth").write_text(says)  # Debian has a sitecustomize.py of its own
    return python


def test_all_backends_import_with_numpy_alone(other: Path) -> None:
    program = (
        "import importlib, pkgutil, backends\n"
        "for m in pkgutil.iter_modules(backends.__path__):\n"
        "    importlib.import_module('backends.' + m.name)\n"
        "from backends import registry\n"
        "print(len(registry.load()))"
    )
    environ = environments.interpreter_environment()
    done = subprocess.run(
        [other, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(len(registry.load())), done.stderr


@pytest.fixture(scope="module")
def folder(other: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three backends beside an environment that can run two of them."""
    out = tmp_path_factory.mktemp("run")
    command = [sys.executable, "-m", "benchmarks.cli", "run", "--env", f"old={other}"]
    command += ["--workloads", "line,line-descent", "--backends", "numpy-*"]
    command += ["--backends", "scipy-gelsd", "--budget", "1s", "--replicates", "1"]
    command += ["--fail-if-slower", "90%"]
    done = subprocess.run(
        [*command, "--out", str(out)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"absent: scipy-gelsd@old on any: {lacks(other)}" in " ".join(done.stdout.split())
    assert "Side by side" in done.stdout
    return out


def lacks(python: Path) -> str:
    return f"scipy.linalg is not installed in environment 'old': {python} -m pip install scipy"


def test_each_backend_stands_beside_itself_in_the_same_rounds(folder: Path) -> None:
    records = runfile.read(folder)
    rows = {row.entry: row for row in results.rows(records)}
    pair = [rows["line/numpy-gelsd/cpu/1"], rows["line/numpy-gelsd@old/cpu/1"]]
    assert all(row.passed for row in pair)
    assert len(set(pair[0].times) & set(pair[1].times)) >= 3
    found = {(change.entry, change.other) for change in beside.changes(records) if change.ratio}
    assert found == {
        ("line/numpy-gelsd/cpu/1", "line/numpy-gelsd@old/cpu/1"),
        ("line-descent/numpy-loop/cpu/1", "line-descent/numpy-loop@old/cpu/1"),
    }


def test_it_really_ran_there(folder: Path) -> None:
    fits = {f["entry"]: f["description"] for f in runfile.of_kind(runfile.read(folder), "fit")}
    assert fits["line/numpy-gelsd@old/cpu/1"]["python"] == SAYS
    assert fits["line/numpy-gelsd/cpu/1"]["python"] != SAYS
    assert all(description["numpy"] for description in fits.values())


def test_what_it_lacks_is_absent_and_says_what_to_install(folder: Path, other: Path) -> None:
    absent = {a["backend"]: a["reason"] for a in runfile.read(folder)[0]["absent"]}
    assert absent["scipy-gelsd@old"] == lacks(other)
    assert "numpy-gelsd@old" not in absent


def test_the_run_and_its_page_say_which_versions(folder: Path, other: Path) -> None:
    records = runfile.read(folder)
    [found] = records[0]["environments"]
    numpy = distribution("numpy").version
    assert found == {
        "name": "old",
        "executable": str(other),
        "python": ".".join(map(str, sys.version_info[:3])),
        "packages": {"numpy": numpy},
    }
    shown = page.html(page.view(records))
    assert "environment old" in shown
    assert f"old {numpy}" in shown
    assert "Side by side" in shown


PHASES = {"transfer_seconds": 0.0, "compile_seconds": 0.0}


def test_a_pair_is_put_in_words() -> None:
    """Today's takes twice as long; of the second pair one side was not timed, of the third none."""
    entries: list[dict[str, Any]] = [
        {"entry": f"w/{name}/cpu/1", "workload": "w", "device": "cpu", "threads": 1}
        | {"backend": name, "framework": "f", "algorithm": "", "known_failure": ""}
        | {"variant_of": f"w/{name.partition('@')[0]}/cpu/1" if "@" in name else None}
        for name in ("x", "x@old", "y", "y@old", "z", "z@old")
    ]
    records: list[dict[str, Any]] = [{"record": "header", "entries": entries}]
    records += [{"record": "workload", "name": "w", "method": {"kind": "least squares"}}]
    for entry in entries:
        common = {"entry": entry["entry"], "replicate": 0}
        verdict = {"passed": True, "reason": "", "weight_error": 0.0, "bound": 1.0, "checks": []}
        records.append({"record": "verdict", **common, **verdict})
        fit = {"description": {"version": "2.0" if "@" in entry["entry"] else "2.1"}}
        records.append({"record": "fit", "worker": 0, **common, **fit, **PHASES})
        if entry["backend"] in ("x", "x@old", "y"):
            seconds = 2e-3 if entry["backend"] == "x" else 1e-3
            records += [
                {"record": "sample", **common, "round": n, "seconds": seconds} for n in range(30)
            ]
    slower, unknown = pairs.pairs(records, beside.changes(records))
    assert slower.cells[:5] == ("w", "x", "2.1", "old 2.0", "2.0000")
    assert slower.verdict == "slower"
    assert unknown.cells == ("w", "y", "2.1", "old 2.0", "–", "–", "not both timed")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


ALAS = {"python": "3.5.1", "trouble": "is too old: workers need 3.11 or newer"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo hello", "is no Python that can run a worker: it says nothing"),
        ("echo '[1]'", "is no Python that can run a worker"),
        ("echo one >&2; echo No module named backends >&2; exit 1", "worker: No module named back"),
        (f"echo '{json.dumps(ALAS)}'", r"\(Python 3\.5\.1\) is too old: workers need 3\.11"),
    ],
)
def test_what_cannot_run_a_worker_is_refused_at_once(
    tmp_path: Path, text: str, message: str
) -> None:
    path = script(tmp_path / "python", text)
    with pytest.raises(UserError, match=f"^--env old: {path} ?.*{message}") as caught:
        environments.find(f"old={path}")
    assert "\n" not in str(caught.value)


def test_an_interpreter_without_numpy_is_refused(tmp_path: Path) -> None:
    python = make(tmp_path / "empty")
    with pytest.raises(UserError, match="has no NumPy, which every worker needs"):
        environments.find(f"old={python}")


def test_an_old_python_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "OLDEST", (4, 0))
    assert survey.survey([])["trouble"] == "is too old: workers need 4.0 or newer"


def test_a_plugin_that_does_not_load_there_is_named(other: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("import no_such_package")
    with pytest.raises(UserError, match=r"cannot load backends: plug-in .*no_such_package"):
        environments.find(f"old={other}", [plugin])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["a=/nowhere/python"], "/nowhere/python is no program that can be run"),
        (["a="], "is no program that can be run"),
        (["nosuch"], r"there is no \.envs/nosuch; .* linreg-bench env create nosuch"),
        (["a/b=/bin/sh"], "a name is letters, digits"),
        (["../x"], "a name is letters, digits"),
        (["x@y=/bin/sh"], "a name is letters, digits"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(asked: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        environments.find_all(asked)


def test_names_are_told_apart(other: Path) -> None:
    [found] = environments.find_all([f"old={other}"])
    with pytest.raises(UserError, match="two variants are called 'old'"):
        plan.make(
            select(["line"]),
            [registry.load()["numpy-gelsd"]],
            ["cpu"],
            n_cores=1,
            n_gpus=0,
            threads=1,
            available_bytes=1 << 40,
            variants=[None, Variant("old")],
            environments=[found],
        )


def test_paths_for_this_interpreter_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/mine")
    there = Home("x", "cpu", 1, Variant("old", python=Path("/other/python")))
    assert "PYTHONPATH" not in environment(there)
    assert environment(Home("x", "cpu", 1))["PYTHONPATH"] == "/mine"
    assert environment(Home("x", "cpu", 1, Variant("main")))["PYTHONPATH"] == "/mine"


def test_a_backend_that_is_known_here_alone_is_lacking_there() -> None:
    there = Environment("old", Path("/python"), "3.11.0", ready=frozenset({"numpy-loop"}))
    known = registry.load()
    assert there.lacks(known["numpy-loop"]) == ""
    assert "in environment 'old': /python -m pip install numpy" in there.lacks(known["numpy-gelsd"])


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Environments go to a folder of the test; pip, which needs a network, is written down."""
    monkeypatch.setattr(environments, "FOLDER", tmp_path / ".envs")
    made: list[list[str]] = []
    really = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        if "venv" in command:
            make(Path(command[-1]), "numpy")
        elif "pip" not in command:
            return really(command, **options)
        made.append(command)
        failed = "nonsense==1" in command
        errors = "a\nERROR: no such\nWARNING: old\nversion\n" if failed else ""
        return subprocess.CompletedProcess(command, int(failed), "", errors)

    monkeypatch.setattr(environments.subprocess, "run", run)
    return made


def test_an_environment_is_made_found_listed_and_removed(calls: list[list[str]]) -> None:
    created = environments.create("old", ["torch==2.12.*"])
    assert created.packages["numpy"] == distribution("numpy").version
    assert calls[0][1:3] == ["-m", "venv"]
    assert calls[1][0] == str(environments.FOLDER / "old" / "bin" / "python")
    assert calls[1][-4:] == ["install", "numpy", "threadpoolctl", "torch==2.12.*"]
    assert environments.find("old") == created
    assert list(environments.made()) == [created]
    with pytest.raises(UserError, match="there is an environment 'old' already"):
        environments.create("old", ["torch"])
    environments.remove("old")
    assert list(environments.made()) == []
    with pytest.raises(UserError, match="there is no environment 'old'"):
        environments.remove("old")


def test_a_package_is_not_asked_for_twice(calls: list[list[str]]) -> None:
    environments.create("old", ["numpy<2.4", "threadpoolctl-extras"])
    assert calls[1][-3:] == ["threadpoolctl", "numpy<2.4", "threadpoolctl-extras"]


def test_what_pip_says_last_is_the_message_and_nothing_is_left(calls: list[list[str]]) -> None:
    with pytest.raises(UserError, match="cannot make environment 'old': a / ERROR: no such / ver"):
        environments.create("old", ["nonsense==1"])
    assert not (environments.FOLDER / "old").exists()


def test_environments_are_kept_out_of_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    assert f"/{environments.FOLDER.relative_to(ROOT)}/" in ignored
