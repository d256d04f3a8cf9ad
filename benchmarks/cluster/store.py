"""What has come back from the machines: a folder with a run file for each of them.

Results of two machines never stand in one file, so no interval can go across machines.
"""

import tempfile
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cluster.job import Job, Task
from benchmarks.cluster.place import kind
from benchmarks.cluster.task import Outcome
from benchmarks.engine import resume
from benchmarks.errors import UserError, os_errors
from benchmarks.runfile import records
from benchmarks.runfile.header import Header, Machine, Record
from benchmarks.runfile.run import Run
from benchmarks.runfile.writer import MACHINES, NAME, RunWriter, set_aside

#: Lists of a header, which are those of all tasks of a machine.
_LISTS = ("entries", "absent", "environments", "files")


class Store:
    """The folder of a run on a cluster."""

    def __init__(self, folder: Path, job: Job) -> None:
        self.folder, self.job = folder, job

    def set_aside(self) -> None:
        """Rename the run files of an earlier run: what was measured is never overwritten.

        Raises:
            UserError: another run is still writing, or a file is somebody else's.
        """
        for folder in (self.folder, *self.machines()):
            set_aside(folder)

    def machines(self) -> list[Path]:
        """The folder of each machine that has results."""
        return sorted(path.parent for path in self.folder.glob(f"{MACHINES}/*/{NAME}"))

    def group(self, machine: Machine) -> Hashable:
        """Machines of which one has to do each task: all of them, or identical ones."""
        return kind(machine) if self.job.each_machine else None

    def done(self) -> set[tuple[Hashable, str]]:
        """The tasks that are done, as the group of the machine and the workload.

        Raises:
            UserError: a run file is not sound.
        """
        return {
            (self.group(run.header.machine), record.workload)
            for run in map(Run.read, self.machines())
            for record in run.of(records.DoneRecord)
        }

    def add(self, machine: str, task: Task, outcome: Outcome) -> str:
        """Put what a task has measured beside the rest of its machine: all of it, or nothing.

        Returns why it is not the result of the task; empty if it is.

        Raises:
            UserError: the disk does not take it.
        """
        new = _read(outcome.run_file)
        if new is None or new.footer is None or new.footer.outcome != "complete":
            return "its run was cut off"
        if task.sha256 and task.sha256 not in {file.sha256 for file in new.header.files}:
            return "the table of --data is another one there"
        folder = self.folder / MACHINES / machine
        before = Run.read(folder) if (folder / NAME).exists() else None
        number = len(before.of(records.DoneRecord)) if before else 0
        logs = {f"logs/{name}": f"logs/{number:02d}-{name}" for name in outcome.logs}
        with os_errors(f"cannot write {folder}"):
            (folder / "logs").mkdir(parents=True, exist_ok=True)
            for name, content in outcome.logs.items():
                (folder / logs[f"logs/{name}"]).write_bytes(content)
        end = replace(new.footer, outcome="interrupted")  # until all tasks are done
        past = _body(before) if before else []
        _write(folder, [self._header(before, new), *past, *_renumbered(new, before, logs), end])
        return ""

    def complete(self) -> None:
        """Say of the run file of each machine that nothing is missing."""
        for folder in self.machines():
            footer = Run.read(folder).footer or records.Footer()
            writer = RunWriter(folder / NAME)
            writer.write(replace(footer, outcome="complete"))
            writer.close()

    def is_complete(self) -> bool:
        """Whether nothing is missing, as far as the run files tell."""
        footers = [Run.read(folder).footer for folder in self.machines()]
        return bool(footers) and all(f and f.outcome == "complete" for f in footers)

    def _header(self, before: Run | None, new: Run) -> Header:
        """Of a machine that has done one task more."""
        head, job = new.header, self.job
        if before:
            both = {name: _union(before.header, head, name) for name in _LISTS}
            order = [task.workload for task in job.tasks]
            both["entries"].sort(key=lambda entry: order.index(entry.workload))
            made: Header = _replaced(before.header, both)
            return made
        paths = [plugin.path for plugin in job.plugins]
        return replace(head, command=job.command, plugins=paths, budget_seconds=job.budget)


def _read(content: bytes) -> Run | None:
    """A run file that has come back, if it is one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        path.write_bytes(content)
        try:
            return Run.read(path)
        except UserError:
            return None


def _body(run: Run) -> list[Record]:
    """What stands between header and footer."""
    return [one for one in run.records if not isinstance(one, Header | records.Footer)]


def _union(old: Header, new: Header, name: str) -> list[Any]:
    both = list(getattr(old, name))
    return both + [one for one in getattr(new, name) if one not in both]


def _renumbered(new: Run, before: Run | None, logs: Mapping[str, str]) -> list[Record]:
    """The records of a task, whose processes are none of those that were there `before`."""
    taken = resume.earlier(before) if before else resume.Earlier()
    shifts = {"worker": taken.workers, "replicate": taken.replicates}
    found = []
    for record in _body(new):
        changed: dict[str, Any] = {
            name: getattr(record, name) + by for name, by in shifts.items() if hasattr(record, name)
        }
        if log := getattr(record, "log", ""):
            changed["log"] = logs.get(log, "")
        found.append(_replaced(record, changed))
    return found


def _replaced(record: Any, changed: Mapping[str, Any]) -> Any:
    return replace(record, **changed)


def _write(folder: Path, lines: Sequence[Record]) -> None:
    """Write a run file anew, whole or not at all."""
    hidden = folder / f".{NAME}"
    with os_errors(f"cannot write {folder}"):
        hidden.unlink(missing_ok=True)
        writer = RunWriter(hidden)
        for record in lines:
            writer.write(record)
        writer.close()
        hidden.replace(folder / NAME)
