"""What comes before the samples: start workers, load, fit once and judge; all of it recorded."""

from collections.abc import Iterable, Sequence

from benchmarks.engine.first_fit import FirstFit
from benchmarks.engine.plan import Entry
from benchmarks.engine.process import Process
from benchmarks.engine.recorder import Recorder
from benchmarks.engine.worker import WorkerFailed
from benchmarks.samples import Sample

#: Data that a core has in its own cache.
_FEW_BYTES = 1 << 20


class Opening:
    """Opens entries in processes, and knows what that took."""

    def __init__(self, recorder: Recorder, n_cores: int) -> None:
        """Nothing is started yet."""
        self.recorder, self.pool = recorder, recorder.pool
        self.plan, self.progress = recorder.plan, recorder.progress
        self.n_cores = n_cores
        self._start_seconds: dict[Process, float] = {}
        self._first_fits: dict[tuple[Entry, Process], FirstFit] = {}

    def start(self, processes: Iterable[Process], why: str) -> None:
        """Start the workers that are not there yet."""
        missing = [process for process in processes if process not in self.pool.workers]
        if missing:
            self.progress.say(f"starting {len(missing)} workers for {why}")
        # Cold ones one by one: the time that each takes is wanted.
        at_once = 1 if self.plan.cold else self.n_cores
        for ready, (process, answer) in enumerate(self.pool.start(missing, at_once), start=1):
            done = f"started {ready} of {len(missing)} workers"
            self.progress.status(f"{done}: {process.name}")
            self.recorder.started(process, answer)
            if not isinstance(answer, WorkerFailed):
                imported = 0.0 if process.forking else answer.import_seconds
                self._start_seconds[process] = imported + answer.start_seconds

    def fit(self, wanted: Sequence[tuple[Entry, Process]], title: str) -> None:
        """Make the first fits; an entry that fails drops out.

        But one that has lacked only memory for one process more has not failed.
        """

        def going_on() -> Iterable[tuple[Entry, Process]]:
            for entry, process in wanted:
                if entry.id not in self.recorder.dropped:
                    self.progress.status(f"{title}: first fit of {process.name}")
                    yield entry, process

        at_once = self._at_once([entry for entry, _ in wanted])
        if at_once > 1:
            wanted = self.pool.longest_first(wanted)
        for entry, process, first in self.pool.first_fits(going_on(), at_once):
            if isinstance(first, WorkerFailed):
                if first.kind != "memory" or not self.is_open(entry, entry.process):
                    self.recorder.failed(entry, process, "fit", first)
            else:
                self.recorder.fitted(entry, process, first)
                self._first_fits[entry, process] = first

    def fit_seconds(self, entry: Entry) -> float:
        """What the shortest of its fits so far took."""
        known = (first for (one, _), first in self._first_fits.items() if one is entry)
        return min(first.fit_seconds for first in known)

    def second(self, entry: Entry) -> Sample | None:
        """Its second fit, if that is too expensive to discard."""
        first = self._first_fits[entry, entry.process]
        return first.sample(self.recorder.replicate(entry.process))

    def is_open(self, entry: Entry, process: Process) -> bool:
        """Whether an entry has had a right first fit in a process."""
        return (entry, process) in self._first_fits and entry.id not in self.recorder.dropped

    def seconds(self, entry: Entry, started: bool) -> float:
        """What opening an entry in a further process may take, which may be started already."""
        start = 0.0 if started else self._start_seconds.get(entry.process, 0.0)
        first = self._first_fits.get((entry, entry.process))
        return start + (first.answer.seconds if first else 0.0)

    def _at_once(self, entries: Sequence[Entry]) -> int:
        """How many first fits go on at the same time, each on cores of its own.

        On few data they mostly compile; on many they would compete for memory.
        """
        few = all(e.workload.bytes <= _FEW_BYTES and e.process.device == "cpu" for e in entries)
        if self.plan.cold or not few or not entries:
            return 1
        return max(1, self.n_cores // max(entry.process.threads for entry in entries))
