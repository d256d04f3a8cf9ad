"""What the suite itself adds to a fit."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process
from benchmarks.evidence import nothing
from benchmarks.problems.workloads import WORKLOADS


@dataclass(frozen=True)
class Overhead:
    """What the suite itself adds, in seconds."""

    empty_fit: float  # per fit, within a sample
    between_samples: float  # per sample: messages, stopping and waking the worker


def overhead(cores: Sequence[int]) -> Overhead:
    """Time an empty fit, and what passes between two samples of it."""
    entry = Entry(WORKLOADS["line"], nothing.Nothing, Process("nothing", "cpu", 1))
    plugins = [Path(nothing.__file__)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Pool(Path(folder), cores, plugins=plugins) as pool,
    ):
        pool.first_fit(entry)
        empty = [pool.sample(entry.process, 1000) for _ in range(20)]
        between = []
        for _ in range(200):
            began = time.perf_counter()
            inside = pool.sample(entry.process, 1)
            between.append(time.perf_counter() - began - inside)
    return Overhead(statistics.median(empty), statistics.median(between))
