"""The section of one workload: its ranking, its phases, and one device against another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from benchmarks.runfile.records import WorkloadRecord
from benchmarks.runfile.run import Run
from reports import answer, text
from reports.analysis.roofline import Floor, Work, least_fetched
from reports.analysis.rows import Row
from reports.figures import drawing, marks
from reports.figures.axes import device_keys, height, intervals, label_times, name_rows, time_axis
from reports.figures.drawing import NARROW, WIDTH, Picture, device_markers
from reports.figures.marks import PHASES, Marks
from reports.sections import descent

#: Points: thick lines are drawn faster than bars.
_BAR = 12
#: A share of the data that is not worth the name of the disk.
_LITTLE = 0.01


@dataclass(frozen=True)
class WorkloadSection:
    """One workload of a run, or of what pytest-benchmark timed one after the other."""

    name: str
    slug: str  # of its anchor and its files
    rows: Sequence[Row]
    run: Run | None = None  # None: of pytest-benchmark, and so not judged
    folder: Path | None = None  # of the run's logs
    brief: bool = False  # shown in another section as well: not drawn, and folded up

    @cached_property
    def labels(self) -> dict[str, str]:
        """The names of the entries, by id."""
        return text.labels(self.rows)

    @property
    def record(self) -> WorkloadRecord | None:
        """None if its data were not made."""
        return self.run.workloads.get(self.name) if self.run else None

    @cached_property
    def passed(self) -> list[Row]:
        """The table's rows: ranked ones first, then those that were not timed."""
        return [row for row in self.rows if row.passed or not self.run]

    @property
    def refused(self) -> list[Row]:
        """The other rows."""
        return [row for row in self.rows if self.run and not row.passed]

    @cached_property
    def timed(self) -> list[Row]:
        """The fastest first."""
        return [row for row in self.passed if row.time]

    @cached_property
    def once(self) -> list[Row]:
        """Those whose time to the first answer is known, the shortest first."""
        known = [row for row in self.passed if row.once is not None]
        return sorted(known, key=lambda row: row.once or 0.0)

    @property
    def winner(self) -> str:
        """With whose name the answer begins; empty if there is none."""
        return self.labels[self.timed[0].entry.id] if self.timed else ""

    @cached_property
    def answer(self) -> str:
        """The answer in a sentence."""
        if self.run:
            return answer.sentence(self.rows)
        least = text.seconds(self.rows[0].time)
        return f"{self.winner} has the smallest median, {least}; not interleaved."

    @cached_property
    def by_label(self) -> dict[str, Row]:
        """The rows of its table."""
        return {self.labels[row.entry.id]: row for row in self.passed}

    @cached_property
    def winners(self) -> set[str]:
        """The ids of those that are certainly among the fastest."""
        return {row.entry.id for row in answer.winners(self.passed)}

    @cached_property
    def timing(self) -> Marks:
        """In its tables: of one fit."""
        return marks.time_marks({row.entry.id: row for row in self.timed})

    @cached_property
    def waiting(self) -> Marks:
        """In its tables: until the first answer."""
        return marks.phase_marks(self.once)

    @property
    def device_columns(self) -> list[str]:
        """Attributes that say more of a further fit, where any row is on another device."""
        elsewhere = any(row.entry.device != "cpu" for row in self.once)
        names = ("with_transfer", "device_seconds", "joules") if elsewhere else ()
        return [n for n in names if any(getattr(row, n) is not None for row in self.once)]

    @property
    def floors(self) -> dict[str, Floor]:
        """By device and threads."""
        return {text.where(row.entry): row.floor for row in self.rows if row.floor}

    @property
    def source(self) -> str:
        """Where large data came from, in words; empty of small ones, which are in memory."""
        fetched = least_fetched(self.run).get(self.name) if self.run else None
        if fetched is None or self.record is None:
            return ""
        size = Work.least(self.record).bytes
        if fetched < _LITTLE * size:
            return "read from the system's cache"
        return f"read from the disk: {fetched / size:.0%} of X and y in each fit, at least"

    @property
    def has_ranking(self) -> bool:
        """Whether its ranking is drawn."""
        return bool(self.timed) and not self.brief

    @property
    def pictures(self) -> list[Picture]:
        """All that is drawn of it."""
        found = [_ranking(self)] if self.has_ranking else []
        found += [self.devices] if self.devices else []
        found += [_phases(self)] if self.once and not self.brief else []
        return found + [picture for picture, _ in self.descent]

    @cached_property
    def descent(self) -> list[tuple[Picture, str]]:
        """The tutorial's pictures, with captions."""
        if self.record is None or self.record.method.kind != "gradient descent":
            return []
        return descent.pictures(self.slug, self.record, self.passed, self.labels)

    @cached_property
    def devices(self) -> Picture | None:
        """The backends that were timed on several devices, on a log axis; None if there are none.

        Of several numbers of threads the fastest is drawn.
        """
        fastest: dict[str, dict[str, Row]] = {}
        for row in self.timed:
            fastest.setdefault(row.entry.name, {}).setdefault(row.entry.device, row)
        found = {name: list(same.values()) for name, same in fastest.items() if len(same) > 1}
        if self.brief or not found:
            return None
        drawn = [row for same in found.values() for row in same]
        markers = device_markers(drawn)
        times = [" / ".join(text.seconds(row.time) for row in same) for same in found.values()]

        def draw(figure: Figure) -> None:
            axes = figure.add_subplot()
            for index, same in enumerate(found.values()):
                places = [row.time.value if row.time else math.nan for row in same]
                axes.plot(places, [index] * len(same), color=drawing.GRID, lw=1.4, zorder=1)
                for row, place in zip(same, places, strict=True):
                    (dot,) = axes.plot([place], [index], markers[row.entry.device], ms=6.5)
                    dot.set(mfc=drawing.framework_colour(row.entry.framework), mec=drawing.PAPER)
            name_rows(axes, list(found), times)
            time_axis(axes, drawn)
            label_times(axes, self.name, "time of one fit, log scale")
            device_keys(figure, markers)

        alt = "The time of one fit on each device. " + "; ".join(
            f"{row.entry.name} on {row.entry.device}: {text.seconds(row.time)}" for row in drawn
        )
        wide, narrow = (WIDTH, height(len(found))), (NARROW, height(len(found)) + 0.2)
        return drawing.picture(f"{self.slug}-devices", alt, wide, draw, narrow)


def _ranking(section: WorkloadSection) -> Picture:
    """The time of one fit, median and interval, on a log axis."""
    rows, names = section.timed, [section.labels[row.entry.id] for row in section.timed]
    times, markers = [text.seconds(row.time) for row in rows], device_markers(rows)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        intervals(axes, rows, markers)
        name_rows(axes, names, times)
        time_axis(axes, rows)
        label_times(axes, section.name, "time of one fit, log scale")
        if len(markers) > 1:
            device_keys(figure, markers)

    alt = "Median time of one fit with its interval. " + "; ".join(
        f"{name}: {time} ({text.between(row.time)})"
        for name, time, row in zip(names, times, rows, strict=True)
    )
    return drawing.picture(f"{section.slug}-ranking", alt, (WIDTH, height(len(rows))), draw)


def _phases(section: WorkloadSection) -> Picture:
    """What a user who fits once waits for, stacked on a linear axis; and each further fit."""
    rows, names = section.once, [section.labels[row.entry.id] for row in section.once]
    waits = [text.seconds(row.once) for row in rows]
    times = [text.seconds(row.time) for row in rows]

    def draw(figure: Figure) -> None:
        ratios = (3, 2) if any(row.time for row in rows) else (1,)
        first, *further = figure.subplots(1, len(ratios), squeeze=False, width_ratios=ratios)[0]
        left = np.zeros(len(rows))
        for phase, colour in PHASES.items():
            ends = left + np.array([row.phases[phase] for row in rows], dtype=float)
            first.hlines(range(len(rows)), left, ends, color=colour, lw=_BAR)
            left = ends
        name_rows(first, names, waits)
        first.xaxis.set_major_locator(MaxNLocator(4))
        first.xaxis.set_major_formatter(lambda value, _: text.tick(value))
        label_times(first, section.name, "time to the first answer")
        first.set_xlim(0, 1.05 * max(left) or 1.0)
        keys = [Patch(color=colour, label=phase) for phase, colour in PHASES.items()]
        figure.legend(handles=keys, loc="outside upper left", ncols=len(keys))
        for axes in further:
            intervals(axes, rows, device_markers(rows))
            name_rows(axes, [""] * len(rows), times)
            time_axis(axes, rows, most=4)
            axes.set_xlabel("each further fit, log scale")

    alt = "Time to the first answer and its phases, and time of each further fit. " + "; ".join(
        f"{name}: {wait}, {time}" for name, wait, time in zip(names, waits, times, strict=True)
    )
    return drawing.picture(f"{section.slug}-phases", alt, (WIDTH, height(len(rows))), draw)
