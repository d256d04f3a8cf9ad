"""What a run on a cluster consists of: tasks, and what the machines must have for them."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from benchmarks.errors import UserError, os_errors
from benchmarks.runfile import writer
from benchmarks.runfile.run import adapter, trouble

#: The file of a job, in the folder of its run.
NAME = "cluster.json"


@dataclass(frozen=True)
class Task:
    """All of one workload, on one machine: those that are compared never part."""

    workload: str
    words: tuple[str, ...]  # of `linreg-bench run` for it, without the paths of the machine
    sha256: str = ""  # of the user's table, which each machine has a copy of
    shared: bool = False  # whether workers on other machines share some of its fits


@dataclass(frozen=True)
class Plugin:
    """A file with backends or workloads, which travels."""

    path: str  # absolute, on the machine of the client
    content: str


@dataclass(frozen=True)
class Job:
    """A run on a cluster, as it was asked for."""

    command: tuple[str, ...]
    tasks: tuple[Task, ...]
    each_machine: bool  # whether every kind of machine does all tasks
    budget: float  # seconds of measurement, for all workloads on one machine
    patience: float  # seconds without a machine after which it gives up
    cores: tuple[int, ...] = ()  # of each machine; empty: all that are usable
    plugins: tuple[Plugin, ...] = ()


def read_plugins(paths: Iterable[Path]) -> tuple[Plugin, ...]:
    """The files of `--plugin`.

    Raises:
        UserError: one cannot be read.
    """
    found = []
    for path in paths:
        with os_errors(f"cannot read {path}"):
            found.append(Plugin(str(path.resolve()), path.read_text()))
    return tuple(found)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other clients away from `folder` while the block runs.

    Raises:
        UserError: another one has it, or it cannot be written.
    """
    path = folder / NAME
    with ExitStack() as stack:
        with os_errors(f"cannot write {path}"):
            folder.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("ab"))
        writer.lock(file, path)
        yield


def save(job: Job, folder: Path) -> None:
    """Leave the job in `folder`, for `load`.

    Raises:
        UserError: it cannot be written, or what is there is somebody else's.
    """
    path = folder / NAME
    with os_errors(f"cannot write {path}"):
        if path.exists() and path.stat().st_size:
            load(folder)
        path.write_bytes(adapter(Job).dump_json(job, indent=1))


def load(folder: Path) -> Job:
    """The job that is in `folder`.

    Raises:
        UserError: there is none, or it is not sound.
    """
    path = folder / NAME
    with os_errors(f"nothing to resume: cannot read {path}"):
        content = path.read_bytes()
    try:
        job: Job = adapter(Job).validate_json(content)
    except ValidationError as error:
        reason = f"is not a run on a cluster ({trouble(error)})"
        raise UserError(f"{path} {reason}: choose another folder, --out") from None
    return job
