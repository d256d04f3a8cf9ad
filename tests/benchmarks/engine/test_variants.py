"""Another interpreter beside today's: made of symbolic links, since only its contents matter."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import pytest

from backends import registry
from benchmarks.engine import catalogue, plan, variants
from benchmarks.engine.process import Launch, Process, environment, interpreter_environment
from benchmarks.engine.variants import Environment
from benchmarks.errors import UserError
from benchmarks.problems.workloads import select
from benchmarks.runfile.header import Variant
from benchmarks.runfile.records import FitRecord
from benchmarks.runfile.run import Run
from reports import page
from reports.analysis.rows import Row, rows
from reports.document import document
from reports.sections.changes import changes

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
        "for m in pkgutil.walk_packages(backends.__path__, 'backends.'):\n"
        "    if not m.name.endswith('__main__'):\n"
        "        importlib.import_module(m.name)\n"
        "from backends import registry\n"
        "print(len(registry.load()))"
    )
    environ = interpreter_environment()
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


@pytest.fixture(scope="module")
def finished(folder: Path) -> Run:
    return Run.read(folder)


@pytest.fixture(scope="module")
def found(finished: Run) -> list[Row]:
    return rows(finished)


def lacks(python: Path) -> str:
    return f"scipy.linalg is not installed in environment 'old': {python} -m pip install scipy"


def test_each_backend_stands_beside_itself_in_the_same_rounds(
    finished: Run, found: list[Row]
) -> None:
    by_id = {row.entry.id: row for row in found}
    pair = [by_id["line/numpy-gelsd/cpu/1"], by_id["line/numpy-gelsd@old/cpu/1"]]
    assert all(row.passed for row in pair)
    assert len(set(pair[0].times) & set(pair[1].times)) >= 3
    assert {(c.entry, c.other) for c in changes(finished, found) if c.ratio} == {
        ("line/numpy-gelsd/cpu/1", "line/numpy-gelsd@old/cpu/1"),
        ("line-descent/numpy-loop/cpu/1", "line-descent/numpy-loop@old/cpu/1"),
    }


def test_it_really_ran_there(finished: Run) -> None:
    fits = {fit.entry: fit.description for fit in finished.of(FitRecord)}
    assert fits["line/numpy-gelsd@old/cpu/1"]["python"] == SAYS
    assert fits["line/numpy-gelsd/cpu/1"]["python"] != SAYS
    assert all(description["numpy"] for description in fits.values())


def test_what_it_lacks_is_absent_and_says_what_to_install(finished: Run, other: Path) -> None:
    absent = {absence.backend: absence.reason for absence in finished.header.absent}
    assert absent["scipy-gelsd@old"] == lacks(other)
    assert "numpy-gelsd@old" not in absent


def test_the_run_and_its_page_say_which_versions(
    finished: Run, found: list[Row], other: Path, tmp_path: Path
) -> None:
    [recorded] = finished.header.environments
    numpy = distribution("numpy").version
    assert (recorded.name, recorded.executable) == ("old", str(other))
    assert recorded.python == ".".join(map(str, sys.version_info[:3]))
    assert recorded.packages == {"numpy": numpy}
    shown = page.write(document(finished, found), tmp_path).read_text()
    assert "environment old" in shown
    assert f"old {numpy}" in shown
    assert "Side by side" in shown


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


ALAS = {"python": "3.5.1", "trouble": "is too old: workers need 3.11 or newer"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo hello", "is not a Python that can run a worker: exited with status 0"),
        ("echo '[1]' >/dev/fd/$3", "is not a Python that can run a worker"),
        ("echo one >&2; echo No module named backends >&2; exit 1", "worker: No module named back"),
        (
            f"echo '{json.dumps(ALAS)}' >/dev/fd/$3",
            r"\(Python 3\.5\.1\) is too old: workers need 3\.11",
        ),
    ],
)
def test_what_cannot_run_a_worker_is_refused_at_once(
    tmp_path: Path, text: str, message: str
) -> None:
    path = script(tmp_path / "python", text)
    with pytest.raises(UserError, match=f"^--env old: {path} ?.*{message}") as caught:
        variants.find(f"old={path}")
    assert "\n" not in str(caught.value)


def test_an_interpreter_without_numpy_is_refused(tmp_path: Path) -> None:
    python = make(tmp_path / "empty")
    with pytest.raises(UserError, match="has no NumPy, which every worker needs"):
        variants.find(f"old={python}")


def test_a_plugin_that_does_not_load_there_is_named(other: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("import no_such_package")
    with pytest.raises(UserError, match=r"cannot load backends: plug-in .*no_such_package"):
        variants.find(f"old={other}", [plugin])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("a=/nowhere/python", "/nowhere/python is not a program that can be run"),
        ("a=", "is not a program that can be run"),
        ("nosuch", r"there is no \.envs/nosuch; .* linreg-bench env create nosuch"),
        ("a/b=/bin/sh", "a name is letters, digits"),
        ("../x", "a name is letters, digits"),
        ("x@y=/bin/sh", "a name is letters, digits"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(asked: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        variants.find(asked)


def test_names_are_told_apart(other: Path) -> None:
    found = variants.find(f"old={other}")
    with pytest.raises(UserError, match="two variants are called 'old'"):
        plan.make(
            select(["line"]),
            [catalogue.known()["numpy-gelsd"]],
            ["cpu"],
            n_cores=1,
            n_gpus=0,
            threads=1,
            available_bytes=1 << 40,
            launches=[Launch(), Launch(Variant(kind="revision", name="old"))],
            environments=[found],
        )


def test_paths_for_this_interpreter_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/mine")
    other, main = (
        Variant(kind="environment", name="old"),
        Variant(kind="revision", name="main"),
    )
    there = Process("x", "cpu", 1, Launch(other, python=Path("/other/python")))
    assert "PYTHONPATH" not in environment(there)
    assert environment(Process("x", "cpu", 1))["PYTHONPATH"] == "/mine"
    assert environment(Process("x", "cpu", 1, Launch(main)))["PYTHONPATH"] == "/mine"


def test_a_backend_that_is_known_here_alone_is_lacking_there() -> None:
    there = Environment("old", Path("/python"), "3.11.0", ready=frozenset({"numpy-loop"}))
    known = catalogue.known()
    assert there.lacks(known["numpy-loop"]) == ""
    assert "in environment 'old': /python -m pip install numpy" in there.lacks(known["numpy-gelsd"])


class Pip:
    """Makes environments of links, and writes down what was to be installed, from a network."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, list[list[str]]()

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(command))
        if "venv" in command:
            make(Path(command[-1]), "numpy")
        failed = "nonsense==1" in command
        errors = "a\nERROR: no such\nWARNING: old\nversion\n" if failed else ""
        return subprocess.CompletedProcess(command, int(failed), "", errors)

    def create(self, *requirements: str) -> Environment:
        return variants.create("old", requirements, self.folder, self)


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """On a machine that has no uv."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Pip(tmp_path / ".envs")


def test_an_environment_is_made_found_listed_and_removed(pip: Pip) -> None:
    created = pip.create("torch==2.12.*")
    assert created.packages["numpy"] == distribution("numpy").version
    assert pip.calls[0][1:3] == ["-m", "venv"]
    assert pip.calls[1][0] == str(pip.folder / "old" / "bin" / "python")
    assert pip.calls[1][-4:] == ["install", "numpy", "threadpoolctl", "torch==2.12.*"]
    assert variants.find("old", folder=pip.folder) == created
    assert list(variants.made(pip.folder)) == [created]
    with pytest.raises(UserError, match="there is an environment 'old' already"):
        pip.create("torch")
    variants.remove("old", pip.folder)
    assert list(variants.made(pip.folder)) == []
    with pytest.raises(UserError, match="there is no environment 'old'"):
        variants.remove("old", pip.folder)


def test_uv_installs_where_it_is(pip: Pip, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    uv = script(tmp_path / "bin/uv", "")
    pip.create("torch")
    # Away from any project: uv would take its pins, and no other version could be tried.
    told = [str(uv), "--project", "/", "pip", "install", "--compile-bytecode"]
    told += ["--python", str(pip.folder / "old/bin/python")]
    assert pip.calls[1] == [*told, "numpy", "threadpoolctl", "torch"]


def test_a_package_is_not_asked_for_twice(pip: Pip) -> None:
    pip.create("numpy<2.4", "threadpoolctl-extras")
    assert pip.calls[1][-3:] == ["threadpoolctl", "numpy<2.4", "threadpoolctl-extras"]


def test_what_pip_says_last_is_the_message_and_nothing_is_left(pip: Pip) -> None:
    with pytest.raises(UserError, match="cannot make environment 'old': a / ERROR: no such / ver"):
        pip.create("nonsense==1")
    assert not (pip.folder / "old").exists()


def test_environments_are_kept_out_of_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    assert f"/{variants.FOLDER.relative_to(ROOT)}/" in ignored
