"""Plug-ins are imported by child processes alone; whatever they do there is one line."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from backends.description import Description, PluginError
from benchmarks.engine import catalogue, machine, plan
from benchmarks.engine.plan import Options
from benchmarks.engine.run import run
from benchmarks.problems.workloads import select
from benchmarks.runfile.reader import read
from benchmarks.runfile.records import VerdictRecord

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

GOOD = """
from backends.numpy import NumpyGelsd

class Mine(NumpyGelsd):
    name = "mine"
"""

#: Imports it says where: a file beside it has the ids of all processes that did.
DIARY = """
import os
with open(__file__ + ".diary", "a") as diary:
    print(os.getpid(), file=diary)
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Makes a plug-in of a source."""

    def write(source: str, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.write_text(source)
        return path

    return write


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Installs a module with an entry point for its class `Mine`; to be found by children too."""

    def install(source: str, name: str = "mine-point") -> Path:
        site = tmp_path / "site"
        info = site / "mine-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "mine_package.py").write_text(source)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
        points = f"[linreg_bench.backends]\n{name} = mine_package:Mine\n"
        (info / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("PYTHONPATH", str(site))
        return site / "mine_package.py"

    return install


def diary(path: Path) -> list[int]:
    """The processes that imported a plug-in."""
    return list(map(int, Path(f"{path}.diary").read_text().split()))


def refusal(*plugins: Path, patience: float = 30.0) -> str:
    with pytest.raises(PluginError) as caught:
        catalogue.known(plugins, patience)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_without_plugins_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    known = catalogue.known()
    assert "numpy-gelsd" in known
    assert all(description.plugin == "" for description in known.values())


def test_a_plugin_is_described_and_not_imported_here(write: Write) -> None:
    path = write(DIARY + GOOD)
    described = catalogue.known((path,))["mine"]
    assert isinstance(described, Description)
    assert (described.plugin, described.source) == (str(path), "mine.py")
    assert described.methods == ("least squares",)
    assert described.requires == ("numpy",)
    assert os.getpid() not in diary(path)
    assert not any("mine" in name for name in sys.modules)


def test_an_entry_point_is_described_and_not_imported_here(installed: Write) -> None:
    path = installed(DIARY + GOOD)
    described = catalogue.known()["mine"]
    assert (described.plugin, described.source) == ("mine-point", "mine-point")
    assert os.getpid() not in diary(path)
    assert "mine_package" not in sys.modules


def test_the_order_is_own_ones_entry_points_then_files(write: Write, installed: Write) -> None:
    installed(GOOD)
    path = write(GOOD.replace('"mine"', '"yours"'))
    assert list(catalogue.known((path,)))[-2:] == ["mine", "yours"]


def measured(folder: Path, plugins: tuple[Path, ...], *backends: str) -> list[bool]:
    """Whether the fits of some backends passed."""
    made = plan.make(
        select(["line"]),
        plan.choose_backends(backends, catalogue.known(plugins)),
        ["cpu"],
        n_cores=1,
        n_gpus=0,
        threads=1,
        available_bytes=1 << 40,
        replicates=1,
    )
    run(made, Options(["test"], machine.usable_cores(), budget=None, plugins=plugins), folder)
    return [verdict.passed for verdict in read(folder).of(VerdictRecord)]


def test_only_the_worker_of_its_own_backend_imports_a_plugin(
    write: Write, installed: Write, tmp_path: Path
) -> None:
    """Whoever is in the process of a rival can slow it down."""
    pointed = installed(DIARY + GOOD)
    one = write(DIARY + GOOD.replace('"mine"', '"one"'), "one.py")
    other = write(DIARY + GOOD.replace('"mine"', '"other"'), "other.py")
    passed = measured(tmp_path, (one, other), "numpy-gelsd", "mine", "one", "other")
    assert passed == [True] * 4
    # The one that was asked what there is, and the worker.
    asked = {path: diary(path) for path in (pointed, one, other)}
    assert [len(pids) for pids in asked.values()] == [2, 2, 2]
    assert len({pids[0] for pids in asked.values()}) == 1
    assert len({pids[1] for pids in asked.values()}) == 3


LEAVES: dict[str, tuple[str, str]] = {
    "sys.exit(0)": ("import sys; sys.exit(0)", "SystemExit: 0"),
    "os._exit(0)": ("import os; os._exit(0)", "its process exited with status 0"),
    "SystemExit": ("raise SystemExit", "SystemExit"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a signal": ("import os; os.kill(os.getpid(), 11)", "its process was killed by SIGSEGV"),
    "a nameless signal": ("import os; os.kill(os.getpid(), 40)", "was killed by signal 40"),
    "no words": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "E, which cannot say what it is about",
    ),
    "no exit either": (
        "class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E",
        "E, which cannot say what it is about",
    ),
    "many words": ("raise ValueError('a' * 10**6)", "ValueError: aaa"),
    "an escape": ("raise ValueError('a\\n\\x1b[31mb')", "ValueError: a  [31mb"),
    "a missing module": (
        "import importlib.util as u, sys, pathlib\n"
        "p = pathlib.Path(__file__).with_name('helper.py'); p.write_text('import nosuch_module')\n"
        "s = u.spec_from_file_location('helper', p); s.loader.exec_module(u.module_from_spec(s))",
        "No module named 'nosuch_module'",
    ),
    "nothing": ("x = 1", "defines no complete subclass of Backend"),
    "a trap": (
        "class T:\n    @property\n    def __class__(self): raise RuntimeError('trap')\nt = T()",
        "RuntimeError: trap",
    ),
}


@pytest.mark.parametrize(("source", "message"), LEAVES.values(), ids=LEAVES)
def test_whatever_ends_the_import_is_one_line(source: str, message: str, write: Write) -> None:
    path = write(source + "\n" + GOOD if message.startswith("RuntimeError") else source)
    found = refusal(path)
    assert found.startswith(f"plug-in {path} ")
    assert message in found
    assert len(found) < len(str(path)) + 300


@pytest.mark.parametrize("name", ["sys.exit(0)", "os._exit(0)", "a missing module"])
def test_an_entry_point_ends_in_one_line_as_well(name: str, installed: Write) -> None:
    source, message = LEAVES[name]
    installed(source)
    found = refusal()
    assert found.startswith("entry point 'mine-point' does not import: ")
    assert message in found


def test_of_several_the_culprit_is_named(write: Write) -> None:
    good, bad = write(GOOD), write("import os; os._exit(3)", "bad.py")
    assert refusal(good, bad).startswith(f"plug-in {bad} does not import")


@pytest.mark.parametrize(
    "source",
    [
        "import time; time.sleep(60)",
        "while True: pass",
        "import os\nos.closerange(3, 256)\nimport time; time.sleep(60)",
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(60)",
    ],
)
def test_one_that_hangs_is_given_up_and_killed(source: str, write: Write) -> None:
    path = write(DIARY + source)
    began = time.monotonic()
    assert "does not import: its process did not answer within 2 s" in refusal(path, patience=2.0)
    assert time.monotonic() - began < 20
    assert not any(psutil.pid_exists(pid) for pid in diary(path))


def test_what_it_prints_goes_nowhere(write: Write) -> None:
    loud = "import sys\nfor _ in range(100):\n    sys.stdout.write('x' * 10**6)\n"
    path = write(loud + loud.replace("stdout", "stderr") + GOOD)
    assert "mine" in catalogue.known((path,))


#: Writes to every descriptor that may be that of the answer, and leaves.
FORGES = """
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, {answer!r})
    except OSError:
        pass
os._exit(0)
"""


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"hello\n", "its process wrote something that is no answer"),
        (b"[1]\n", "no answer"),
        (b"{}\n", "no answer"),
        (b'{"backends": {"a": 1}}\n', "no answer"),
        (b'{"backends": [[1]]}\n', "no answer"),
        (b'{"backends": [{}]}\n', "name must be a text of 1 to 60 characters"),
        (b"[" * 100_000 + b"\n", "no answer"),
        (b'{"backends": [{"name": ' + b"[" * 400 + b"]" * 400 + b"}]}\n", "name must be"),
        (b'{"trouble": "' + b"a" * 10**5 + b'\\u001b[31m"}\n', "aaa"),
        (b'{"trouble": [1]}\n', "[1]"),
        (b"\xff\xfe\n", "no answer"),
        (b"x" * (17 << 20), "wrote far too much for an answer"),
        (b'{"backends": []', "exited with status 0"),
    ],
    ids=range(13),
)
def test_a_dishonest_answer_is_one_line(answer: bytes, message: str, write: Write) -> None:
    found = refusal(write(FORGES.format(answer=answer)))
    assert message in found
    assert len(found) < 1000


@pytest.mark.parametrize("name", ["numpy-gelsd", "mine"])
def test_a_name_that_is_taken_is_refused(name: str, write: Write) -> None:
    path = write(GOOD + GOOD.replace('"mine"', f'"{name}"').replace("Mine", "Yours"))
    assert refusal(path) == f"plug-in {path}: the name {name!r} is taken"


def test_a_path_without_a_module_starts_nothing(write: Write) -> None:
    assert refusal(write("", "mine.txt")).endswith("mine.txt: not a Python file")
    assert refusal(Path("missing.py")) == "plug-in missing.py: not a Python file"


Call = Callable[..., "Done"]


@pytest.mark.parametrize("command", ["list", "check", "run"])
def test_on_the_command_line_it_is_one_line_and_status_2(
    command: str, write: Write, call: Call
) -> None:
    path = write("import sys; sys.exit(0)")
    done = call(command, "--plugin", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"linreg-bench: plug-in {path} does not import: SystemExit: 0\n"


def test_patience_is_that_of_the_command_line(write: Write, call: Call) -> None:
    done = call("check", "--plugin", write("import time; time.sleep(60)"), "--patience", "1s")
    assert done.returncode == 2
    assert "did not answer within 1 s" in done.stderr


def test_a_name_with_escapes_is_printable_in_the_list(write: Write, call: Call) -> None:
    done = call("list", "--plugin", write(GOOD.replace('"mine"', '"mi\\x1b[31mne"')))
    assert done.returncode == 0
    assert re.search(r"^mi \[31mne +cpu", done.stdout, re.M)
    assert "\x1b" not in done.stdout


LOUD = "print('hello')\n" + GOOD


@pytest.mark.parametrize(
    "beside", [("--env", f"other={sys.executable}"), ("--against", "HEAD")], ids=("env", "against")
)
def test_it_is_timed_beside_its_variant(
    beside: tuple[str, str], write: Write, tmp_path: Path, call: Call
) -> None:
    path = write(LOUD)
    done = call(
        *("run", "--plugin", path, "--backends", "mine", "--workloads", "line", *beside),
        *("--budget", "200ms", "--replicates", 1, "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    written = read(tmp_path / "out")
    assert [entry.plugin for entry in written.header.entries] == ["mine.py"] * 2
    assert [verdict.passed for verdict in written.of(VerdictRecord)] == [True] * 4


def test_a_run_with_it_is_resumed(write: Write, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "out"
    arguments = ("--workloads", "line,line-descent", "--backends", "mine,numpy-loop")
    done = call(
        *("run", "--plugin", write(DIARY + LOUD), *arguments, "--budget", "200ms"),
        *("--replicates", 1, "--out", out),
    )
    assert done.returncode == 0, done.stderr
    lines = (out / "run.jsonl").read_text().splitlines(keepends=True)
    started = next(n for n, line in enumerate(lines) if '"worker"' in line)
    (out / "run.jsonl").write_text("".join(lines[:started]))  # as if it had been cut off there
    done = call("run", "--resume", "--out", out)
    assert done.returncode == 0, done.stderr
    again = read(out)
    assert {entry.backend: entry.plugin for entry in again.header.entries} == {
        "mine": "mine.py",
        "numpy-loop": "",
    }
    assert all(verdict.passed for verdict in again.of(VerdictRecord))
    assert {verdict.entry for verdict in again.of(VerdictRecord)} == {
        entry.id for entry in again.header.entries
    }
    assert os.getpid() not in diary(tmp_path / "mine.py")
