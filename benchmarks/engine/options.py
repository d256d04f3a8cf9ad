"""How a plan is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """How to run a plan."""

    command: Sequence[str]
    cores: Sequence[int]  # to measure on
    seed: int = 0
    budget: float | None = 45.0  # seconds of measurement for all workloads; None: do not time
    precision: float | None = 0.01  # at which a ratio is known well enough; None: never
    patience: float = 60.0  # seconds that a worker may take to answer
    plugins: tuple[Path, ...] = ()
    memory_bytes: int | None = None  # at which a worker is killed; None: 80 % of what is free
