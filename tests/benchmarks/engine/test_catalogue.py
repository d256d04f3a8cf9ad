"""Plug-ins are imported by child processes alone; whatever they do there is one line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from backends.description import Description, PluginError
from benchmarks.engine import catalogue
from tests.benchmarks.engine.sources import DIARY, GOOD, Write, diary

ROOT = Path(__file__).parents[3]


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
    before = set(sys.modules)
    described = catalogue.known((path,))["mine"]
    assert isinstance(described, Description)
    assert (described.plugin, described.source) == (str(path), "mine.py")
    assert described.methods == ("least squares",)
    assert described.requires == ("numpy",)
    assert os.getpid() not in diary(path)
    assert not any("plugin_mine" in name for name in set(sys.modules) - before)


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


LEAVES: dict[str, tuple[str, str]] = {
    "sys.exit(0)": ("import sys; sys.exit(0)", "SystemExit: 0"),
    "os._exit(0)": ("import os; os._exit(0)", "its process exited with status 0"),
    "SystemExit": ("raise SystemExit", "SystemExit"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a signal": ("import os; os.kill(os.getpid(), 11)", "its process crashed: SIGSEGV"),
    "a nameless signal": ("import os; os.kill(os.getpid(), 40)", "killed by someone: signal 40"),
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
        "import types\nhelper = types.ModuleType('helper')\n"
        "exec('import nosuch_module', vars(helper))",
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
        "while True: pass",
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(60)",
    ],
)
def test_one_that_hangs_is_given_up_and_killed(source: str, write: Write) -> None:
    path = write(DIARY + source)
    began = time.monotonic()
    assert "does not import: its process did not answer within 2 s" in refusal(path, patience=2.0)
    assert time.monotonic() - began < 20
    assert not any(psutil.pid_exists(pid) for pid in diary(path))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux kills the children of the dead")
def test_one_that_hangs_does_not_outlive_who_asks(write: Write) -> None:
    path = write(DIARY + "import time; time.sleep(60)")
    program = (
        "from pathlib import Path; from benchmarks.engine import catalogue;"
        f"catalogue.known([Path({str(path)!r})])"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    ends = time.monotonic() + 30
    while not (pids := diary(path)) and time.monotonic() < ends:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    assert len(pids) == 1
    while psutil.pid_exists(pids[0]) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not psutil.pid_exists(pids[0])


def test_what_it_prints_goes_nowhere(write: Write) -> None:
    loud = "import sys\nfor _ in range(100):\n    sys.stdout.write('x' * 10**6)\n"
    path = write(loud + loud.replace("stdout", "stderr") + GOOD)
    assert "mine" in catalogue.known((path,))


#: Writes to every descriptor that may be that of the answer, and leaves.
FORGES = """
import os
for descriptor in range(3, 1024):
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
