"""A run touches nobody's files but its own, and shares neither a folder nor a core."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.engine import claim, machine
from benchmarks.errors import UserError
from benchmarks.evidence.endings import is_alive
from benchmarks.runfile.run import Run
from benchmarks.runfile.writer import RunWriter
from tests.reports import runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.conftest import Done

ROOT = Path(__file__).parents[2]
CHECK = ("check", "--workloads", "line", "--backends", "numpy-gelsd", "--quiet", "--out")


def test_a_folder_with_other_things_in_it_is_left_as_it_was(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    theirs = {
        name: tmp_path / name
        for name in ("data/mine.csv", "figures/mine.png", "logs/mine.log", "notes.md", "run.txt")
    }
    for path in theirs.values():
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    for _ in range(2):
        assert call(*CHECK, tmp_path).returncode == 0
    assert {path.read_text() for path in theirs.values()} == {"mine"}
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["mine.csv"]


@pytest.mark.parametrize("name", ["index.html", "summary.md", "run.jsonl"])
def test_somebody_elses_file_of_the_same_name_is_not_written_over(
    tmp_path: Path, name: str, call: Callable[..., Done]
) -> None:
    (tmp_path / name).write_text('{"mine": true}\n')
    done = call(*CHECK, tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / name} is no" in done.stderr
    assert "choose another folder, --out" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == '{"mine": true}\n'


def test_a_folder_that_is_called_like_a_page_is_one_line(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    (tmp_path / "index.html").mkdir()
    done = call(*CHECK, tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"linreg-bench: cannot read {tmp_path / 'index.html'}: Is a directory\n"


def test_whoever_may_not_write_takes_nothing_away(tmp_path: Path) -> None:
    """The half of a record is that of a run which goes on."""
    path = tmp_path / "run.jsonl"
    first = RunWriter(path)
    first.write(runs.header())
    with path.open("ab") as file:
        file.write(b'{"record": ')
    before = path.read_bytes()
    with pytest.raises(UserError, match="another run is writing to"):
        RunWriter(path)
    assert path.read_bytes() == before
    first.close()


def test_one_run_at_a_time_writes_to_a_folder(tmp_path: Path, call: Callable[..., Done]) -> None:
    first = RunWriter(tmp_path / "run.jsonl")
    first.write(runs.header())
    done = call(*CHECK, tmp_path)
    assert done.returncode == 2
    assert "another run is writing to" in done.stderr
    first.write(runs.footer())
    first.close()
    assert Run.read(tmp_path).footer is not None
    assert call(*CHECK, tmp_path).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="claims are Linux's")
def test_one_run_at_a_time_measures_on_a_core() -> None:
    one, said = machine.usable_cores()[:1], list[str]()
    with claim.cores(one, wait=False, say=said.append):
        with pytest.raises(UserError, match=f"core {one[0]} is in use by another run"):
            claim.cores(one, wait=False, say=said.append).__enter__()
        with claim.cores([10**6], wait=False, say=said.append):
            pass  # another core
    with claim.cores(one, wait=False, say=said.append):
        pass
    assert said == []


@pytest.mark.skipif(sys.platform != "linux", reason="claims are Linux's")
def test_a_run_waits_for_another_and_says_for_whom() -> None:
    core = 10**6 + 1
    program = (
        "import time; from benchmarks.engine import claim\n"
        f"with claim.cores([{core}], False, print): print('held', flush=True); time.sleep(1)"
    )
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with claim.cores([core], wait=True, say=said.append):
            assert other.poll() is not None or other.wait(5) == 0
    assert len(said) == 1
    assert f"process {other.pid} (" in said[0]


def test_cores_that_are_not_there_are_refused(call: Callable[..., Done], tmp_path: Path) -> None:
    for text, message in (
        ("99999", "core 99999 is not usable here; these are: "),
        ("x", "needs numbers of cores"),
        ("-1", "needs numbers of cores"),
    ):
        done = call(*CHECK, tmp_path, f"--cores={text}")
        assert done.returncode == 2
        assert message in done.stderr


@pytest.mark.parametrize("room", random.Random(0).sample(range(500, 20_000), 50))
def test_a_full_disk_takes_a_record_whole_or_not_at_all(tmp_path: Path, room: int) -> None:
    """A limit on the size of files stands in for the disk; it is gone again for the footer."""
    path, soft = tmp_path / "run.jsonl", resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = RunWriter(path)
    writer.write(runs.header())
    written = 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, soft[1]))
    try:
        while path.stat().st_size < 10**6:
            writer.write(runs.plain("w", weight=[0.125] * 10, bias=1.0))
            written += 1
    except UserError as error:
        assert "cannot write" in str(error)  # noqa: PT017 - after some that were written
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, soft)
    assert path.read_bytes().endswith(b"}\n")
    writer.write(runs.footer())
    writer.close()
    found = Run.read(path)
    assert len(found.records) == written + 1
    assert found.footer is not None


def test_a_record_that_was_torn_in_the_middle_of_a_file_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    writer = RunWriter(path)
    for record in (runs.header(), runs.plain("w"), runs.footer()):
        writer.write(record)
    writer.close()
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:40] + third)
    found = Run.read(path)
    assert [type(record).kind for record in found.records] == ["header", "footer"]
    # What is no record at all is still refused.
    path.write_bytes(first + b"nonsense\n" + third)
    with pytest.raises(UserError, match="line 2: not a record of a run"):
        Run.read(path)


def printed(call: Callable[..., Done], folder: Path, source: str) -> str:
    """The log of the worker of a plug-in's backend `mine`, which passes."""
    plugin = folder / "plugin.py"
    plugin.write_text(source)
    given = ("check", "--workloads", "line", "--plugin", plugin, "--backends", "mine")
    assert call(*given, "--quiet", "--out", folder / "out").returncode == 0
    [log] = (folder / "out" / "logs").glob("*-mine-*")
    return log.read_text()


def test_a_worker_that_prints_without_end_fills_no_disk(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    text = printed(
        call,
        tmp_path,
        "from backends.numpy import NumpyGelsd\n"
        "class Loud(NumpyGelsd):\n"
        "    name = 'mine'\n"
        "    def fit(self):\n"
        "        print('first words' if not hasattr(self, 'said') else '')\n"
        "        self.said = True\n"
        "        for _ in range(160): print('x' * 100_000)\n"
        "        print('last words', flush=True)\n"
        "        return super().fit()\n",
    )
    assert len(text) < 3 << 20
    assert text.startswith("first words")
    assert text.endswith("last words\n")


def test_what_a_worker_leaves_in_a_session_of_its_own_ends_with_it(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    text = printed(
        call,
        tmp_path,
        "import subprocess\n"
        "from backends.numpy import NumpyGelsd\n"
        "class Leaves(NumpyGelsd):\n"
        "    name = 'mine'\n"
        "    def fit(self):\n"
        "        child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "        print('child', child.pid, flush=True)\n"
        "        return super().fit()\n",
    )
    pid, deadline = int(text.split()[1]), time.monotonic() + 2
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)


def test_a_run_file_says_nothing_of_where_the_data_were(
    tmp_path: Path, call: Callable[..., Done]
) -> None:
    """They are in a folder for temporary files, which is gone."""
    assert call(*CHECK, tmp_path).returncode == 0
    lines = (tmp_path / "run.jsonl").read_text().splitlines()
    assert all("linreg-bench-" not in json.dumps(json.loads(text)) for text in lines)
