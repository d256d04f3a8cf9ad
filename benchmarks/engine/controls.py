"""Is the time of a backend the time of its work? What speaks against it, in one line.

`Watch` looks from outside, by clocks and counters that are not the worker's. `kept` looks at fits
of data that the backend had not seen (`backends.worker.renewal`).
"""

import os
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.engine.answers import Renewed, Sampled

#: The parent's clock may say this many times what the worker's does, and seconds for messages.
MOST_CLOCK, MESSAGES = 3.0, 2e-3
#: CPU time may be this many times the threads that were asked for; counted in ticks, so only over
#: some time.
MOST_CPU, LEAST_AWAKE = 1.25, 0.2
#: A first fit of other data may take this many times as long as the next, and seconds: its code and
#: data are not in the caches.
MOST_FRESH, FRESH_SECONDS = 2.0, 5e-6
#: ... and where it is refused, the quickest takes at least this many times as long as the quickest
#: second one: of an honest backend some are as quick, however busy the machine.
SURELY = 1.8
#: Or the quickest takes this many times as long as ordinary ones, which are of another moment.
BEYOND_DOUBT = 3.0
#: What is timed of data that were not seen.
TIMES = ("fresh", "again", "load", "move")
#: `renew` may take so many times as long as moving or copying the arrays, plus the larger of a
#: share of a fit and some seconds.
MOST_MOVES, LOAD_SHARE, LOAD_SECONDS = 3.0, 0.5, 3e-6
#: Fits that take longer are not repeated on other data.
LONGEST = 1.0

_PROC = Path("/proc")

#: Of each process, what /proc/PID/stat says after its name.
Processes = Mapping[int, Sequence[str]]


class Watch:
    """The samples of one entry in one worker, by clocks that are not its own."""

    def __init__(self, pid: int, threads: int, cores: Sequence[int]) -> None:
        """Begins with the first sample.

        Args:
            pid: of the worker, which leads a session.
            threads: that it was asked to use.
            cores: that it was bound to.
        """
        self.pid, self.threads, self.cores = pid, threads, set(cores)
        self._cpu, self._awake = _cpu_seconds(pid, processes()), 0.0
        self._clocks: list[float] = []
        self._fetched: list[int] = []

    def add(self, wall: float, fits: int, sampled: Sampled) -> None:
        """A sample of so many fits took `wall` seconds."""
        claimed = fits * sampled.seconds + sampled.untimed_seconds
        self._fetched += [] if sampled.disk_bytes is None else [sampled.disk_bytes]
        self._awake += wall
        self._clocks.append(wall / (claimed + MESSAGES))

    def clock(self) -> float | None:
        """How many times the worker's clock ours says, typically."""
        return statistics.median(self._clocks) if self._clocks else None

    def disk_bytes(self) -> int | None:
        """Bytes that a fit fetches from a disk, typically; None if that is not known."""
        return statistics.median_low(self._fetched) if self._fetched else None

    def cpu(self, now: Processes) -> float | None:
        """CPU time for each second and thread; None if it is too early to tell."""
        spent = _cpu_seconds(self.pid, now)
        if spent is None or self._cpu is None or self._awake < LEAST_AWAKE:
            return None
        return (spent - self._cpu) / self._awake / self.threads

    def reason(self, now: Processes | None = None) -> str:
        """What speaks against the samples; empty if nothing does.

        With the processes that there were after them; by default, it is looked now.
        """
        now = processes() if now is None else now
        clock, cpu = self.clock(), self.cpu(now)
        if clock is not None and clock > MOST_CLOCK:
            return (
                f"its samples take {clock:.1f} times as long by our clock as by its own: "
                "leave the worker's clock alone, and do nothing after a fit has returned"
            )
        if cpu is not None and cpu > MOST_CPU:
            return (
                f"used {cpu * self.threads:.1f} cores, and was given {self.threads}: "
                "use as many threads as `start` is told"
            )
        if loose := _allowed_cores(self.pid, now) - self.cores:
            return (
                f"changed its binding to cores: it may use {sorted(loose)} as well, and was "
                f"given {sorted(self.cores)}"
            )
        return ""


def kept(looks: Sequence[Renewed], times: Sequence[float], device: str) -> str:
    """What speaks against the times of an entry; empty if nothing does.

    Args:
        looks: the worker's answers to "renewed".
        times: seconds of one fit: what is typical of the samples, and the least beside later looks.
        device: of the entry; loading is a matter of its own on a GPU.
    """
    ordinary = min(times[1:], default=times[0])
    every = {name: [s for visits in looks for s in getattr(visits, name)] for name in TIMES}
    least, load, move = (min(every[name]) for name in ("fresh", "load", "move"))
    allowed = MOST_MOVES * move + max(LOAD_SHARE * min(ordinary, least), LOAD_SECONDS)
    if device == "cpu" and load > allowed:
        return (
            f"loading takes {_time(load)}, moving the arrays {_time(move)}, and a fit "
            f"{_time(ordinary)}: compute nothing from the data in `load` or `renew`; if they "
            "convert arrays, say so in `move`, and if `load` compiles, override `renew`"
        )
    # Both fits of a pair see the same state of the machine; the last look has to confirm the rest.
    pairs = list(zip(every["fresh"], every["again"], strict=True))
    ratios = [first / max(second, 1e-9) for first, second in pairs]
    last = ratios[-len(looks[-1].fresh) :]
    growth = min(statistics.median(ratios), statistics.median(last))
    excess = statistics.median(first - second for first, second in pairs)
    fresh, again = (statistics.median(every[name]) for name in ("fresh", "again"))
    slower = growth > MOST_FRESH and excess > FRESH_SECONDS and least > SURELY * min(every["again"])
    # Without pairs, only what is beyond all doubt: the quickest of all looks.
    if slower or least > BEYOND_DOUBT * ordinary + FRESH_SECONDS:
        return (
            f"a fit of data that it had not seen takes {_time(fresh)}, the next {_time(again)}, "
            f"and {_time(ordinary)} in its samples: keep nothing from one fit to the next, and "
            "override `renew` if `load` compiles"
        )
    return ""


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _cpu_seconds(pid: int, stats: Processes) -> float | None:
    """CPU time so far of a process, of its session and of its descendants; None if unknown."""
    if pid not in stats:
        return None
    ticks = sum(sum(map(int, stats[one][11:15])) for one in _belonging(pid, stats))
    return ticks / os.sysconf("SC_CLK_TCK")


def _allowed_cores(pid: int, stats: Processes) -> set[int]:
    """The cores that any thread of a process, its session or its descendants may use."""
    found: set[int] = set()
    for one in _belonging(pid, stats):
        with suppress(OSError):
            for thread in (_PROC / str(one) / "task").iterdir():
                with suppress(OSError):
                    found |= os.sched_getaffinity(int(thread.name))
    return found


def _belonging(pid: int, stats: Processes) -> set[int]:
    """Those in the session of `pid`, and those that it or they have started."""
    found = {one for one, fields in stats.items() if int(fields[3]) == pid} | {pid} & set(stats)
    while more := {o for o, fields in stats.items() if int(fields[1]) in found} - found:
        found |= more
    return found


def processes() -> Processes:
    """All that there are, by id, as `Watch` takes them; none where there is no /proc."""
    found = {}
    with suppress(OSError):
        for entry in _PROC.iterdir():
            if entry.name.isdecimal():
                with suppress(OSError):
                    text = (entry / "stat").read_text()
                    found[int(entry.name)] = text.rpartition(")")[2].split()
    return found
