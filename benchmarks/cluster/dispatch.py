"""Which machine does which task, and what happens when one is lost."""

import time
import uuid
from collections import Counter
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future
from distributed.client import ClosedClientError

from benchmarks.cluster.job import Job, Task
from benchmarks.cluster.place import Place, look
from benchmarks.cluster.store import Store
from benchmarks.cluster.task import execute
from benchmarks.engine.process import how_it_ended
from benchmarks.errors import FAILED, NOT_JUDGED, USAGE, UserError
from benchmarks.progress import Progress

#: Seconds between two looks at the cluster.
_LOOK = 0.5
#: So often a task is tried: one that takes its machine down must not take down all of them.
_TRIES = 3
_LOST = "the scheduler is lost: start it again, and go on with --resume"


@dataclass(frozen=True)
class _Running:
    """A task on its way."""

    task: Task
    group: Hashable
    place: Place
    address: str  # of the worker that has it
    future: Future


class Dispatch:
    """The tasks of a job on the machines of a cluster, one at a time on each."""

    def __init__(self, client: Client, job: Job, store: Store, progress: Progress) -> None:
        self.client, self.job, self.store, self.progress = client, job, store, progress
        self.here = look()
        self.places: dict[str, Place] = {}  # by the address of a worker
        self.refused = dict[str, str]()  # why, by the address of a worker
        self.running: list[_Running] = []
        self.todo: dict[Hashable, list[Task]] = {}
        self.tries = Counter[tuple[Hashable, str]]()
        self.missing: list[str] = []  # what could not be done, and why
        self._done = store.done()
        for group, _ in self._done:  # of a run that is resumed: one may not have a machine now
            self._open(group)
        self._seen = time.monotonic()  # when there was a machine for everything

    def go(self) -> list[str]:
        """Do all that is not done yet; what could not be done, and why.

        Raises:
            UserError: a worker that is there from the start cannot take part, no worker comes, or
                the scheduler is lost.
            KeyboardInterrupt: after what was running has been cancelled.
        """
        try:
            self._admit()
            if self.refused:
                worker, reason = next(iter(self.refused.items()))
                raise UserError(f"the worker at {worker} cannot take part: {reason}")
            while self._is_busy():
                self._collect()
                self._start()
                self._give_up()
                names = [f"{one.task.workload} on {one.place.name}" for one in self.running]
                self.progress.status(", ".join(names) or "waiting for a worker of the cluster")
                time.sleep(_LOOK)
                self._admit()
        except (OSError, ClosedClientError):
            raise UserError(_LOST) from None
        finally:
            if self.client.status == "running":
                with suppress(OSError):
                    self.client.cancel([one.future for one in self.running], force=True)
        return self.missing

    def _is_busy(self) -> bool:
        # Before the first worker it is not known which groups there are.
        return bool(self.running or not self.todo or any(self.todo.values()))

    def _admit(self) -> None:
        """Look at workers that are new, and forget those that are gone."""
        addresses = set(self._scheduler()["workers"])
        self.places = {a: place for a, place in self.places.items() if a in addresses}
        new = [one for one in sorted(addresses - set(self.places)) if one not in self.refused]
        if not new:
            return
        answers = self.client.run(look, self.job.cores, workers=new, on_error="return")
        for address, place in answers.items():
            if isinstance(place, OSError):
                continue  # gone again
            if reason := self._refusal(place):
                self.refused[address] = reason
                self.progress.say(f"the worker at {address} takes no part: {reason}")
                continue
            if all(other.key != place.key for other in self.places.values()):
                self.progress.say(f"machine {place.name}: {_described(place)}")
            self.places[address] = place
            self._open(self.store.group(place.machine))

    def _open(self, group: Hashable) -> None:
        """Note what a group of machines has to do, if it is new."""
        left = [task for task in self.job.tasks if (group, task.workload) not in self._done]
        self.todo.setdefault(group, left)

    def _scheduler(self) -> Any:
        """What the scheduler says of itself and its workers."""
        found = self.client.scheduler_info(n_workers=-1)
        if self.client.status != "running":  # what was found is old
            raise UserError(_LOST)
        return found

    def _refusal(self, place: Place | Exception) -> str:
        """Why a worker cannot take part; empty if it can."""
        if isinstance(place, Place):
            differs = self.here.differs(place)
            return f"on {place.name} {differs}" if differs else ""
        if "ModuleNotFoundError" in f"{place!r}":  # Dask wraps it
            return f"it cannot import the suite ({place}): install it there, at the same commit"
        return f"{place!r}"

    def _start(self) -> None:
        """Give each machine that has nothing to do the next task."""
        for address, place in self.places.items():
            group = self.store.group(place.machine)
            if not self.todo[group] or any(one.place.key == place.key for one in self.running):
                continue
            # Who shares fits needs all machines for itself.
            if self.running and (self.running[-1].task.shared or self.todo[group][0].shared):
                continue
            task = self.todo[group].pop(0)
            future = self.client.submit(
                execute,
                task,
                self.job.plugins,
                self._elsewhere(place) if task.shared else (),
                key=f"linreg-bench-{uuid.uuid4().hex}",
                workers=[address],
                allow_other_workers=False,
            )
            self.progress.say(f"{task.workload}: started on {place.name}")
            self.running.append(_Running(task, group, place, address, future))

    def _elsewhere(self, place: Place) -> tuple[str, ...]:
        """The scheduler, and a worker on each of the other machines."""
        others = {p.key: address for address, p in self.places.items() if p.key != place.key}
        return (self.client.scheduler.address, *others.values())

    def _collect(self) -> None:
        """Take what has come back; what is lost is to be done again, from its start."""
        for one in list(self.running):
            lost = one.address not in self.places
            if not lost and one.future.status == "pending":
                continue
            self.running.remove(one)
            self._scheduler()  # or else nothing is known of the worker
            self._settle(one, "its worker is lost" if lost else self._result(one))
            self.client.cancel([one.future], force=True)

    def _result(self, one: _Running) -> str:
        """Store what a task has left; why it is to be tried again, or empty."""
        if one.future.status != "finished":
            error = one.future.exception() if one.future.status == "error" else None
            return f"{type(error).__name__}: {error}" if error else "its worker is lost"
        outcome, where = one.future.result(), one.place.name
        if outcome.status == USAGE:
            self._miss(one.task, where, outcome.said.partition(": ")[2] or "bad input")
            return ""
        if outcome.status not in (0, FAILED, NOT_JUDGED):
            return f"its run {how_it_ended(outcome.status)}"
        if trouble := self.store.add(where, one.task, outcome):
            self._miss(one.task, where, trouble)
        else:
            self._done.add((one.group, one.task.workload))
            self.progress.say(f"{one.task.workload}: done on {where}")
        return ""

    def _settle(self, one: _Running, trouble: str) -> None:
        """Have a task done again if there was trouble, but not for ever."""
        if not trouble:
            return
        self.tries[one.group, one.task.workload] += 1
        if self.tries[one.group, one.task.workload] < _TRIES:
            self.progress.say(
                f"{one.task.workload} on {one.place.name}: {trouble}; it runs again from its start"
            )
            self.todo[one.group].insert(0, one.task)
        else:
            self._miss(one.task, one.place.name, f"{trouble}; it was tried {_TRIES} times")

    def _miss(self, task: Task, where: str, why: str) -> None:
        self.missing.append(f"{task.workload} on {where}: {why}")
        self.progress.say(self.missing[-1])

    def _give_up(self) -> None:
        """Do not wait for ever for a machine that does what is left."""
        alive = {self.store.group(place.machine) for place in self.places.values()}
        lonely = [group for group, tasks in self.todo.items() if tasks and group not in alive]
        if alive and not lonely:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > self.job.patience:
            if not self.todo:
                raise UserError(
                    f"the cluster has no worker that takes part, for {self.job.patience:g} s: "
                    "start one with `dask worker`"
                )
            for group in lonely:
                for task in self.todo[group]:
                    self._miss(task, "the cluster", "no machine for it is left")
                self.todo[group] = []


def _described(place: Place) -> str:
    found = place.machine
    gpus = [gpu.name for gpu in found.gpus]
    cores = f"{found.cores} core{'s' * (found.cores != 1)}"
    return ", ".join([found.cpu, cores, f"{found.memory_bytes / 2**30:.0f} GiB", *gpus])
