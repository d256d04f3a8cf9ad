"""Several runs in one page: machines or revisions side by side, each with its own intervals."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from urllib.parse import quote

from matplotlib.figure import Figure

from benchmarks.errors import UserError
from benchmarks.printable import line
from reports import answer, page, render, text
from reports.analysis.rows import Row, by_workload
from reports.document import unique_slugs
from reports.figures import axes as axes_of
from reports.figures import drawing, marks
from reports.figures.drawing import WIDTH, Picture
from reports.figures.marks import Marks
from reports.sources import Source

#: What a reader must know before anything else.
CAUTION = (
    "Each run is compared with its own baseline, within its own rounds. What stands side by side "
    "was measured on different machines or at different times: no interval goes across runs, and "
    "a difference between two columns may be the machine's. For two runs of one machine there is "
    "linreg-bench compare; for two revisions, linreg-bench run --against."
)
#: Of the figure: of more runs than fit side by side the next stand below.
_MOST_BESIDE = 4


#: One backend on one device: its name, and its row in each run; None where a run has none.
BackendLine = tuple[str, Sequence[Row | None]]


@dataclass(frozen=True)
class WorkloadTable:
    """One workload in all runs; runs are named by letters."""

    name: str
    slug: str
    answers: Mapping[str, str]  # by run; empty where it does not have the workload
    note: str  # what is not the same work, and what is said of the user's own data
    lines: Sequence[BackendLine]

    @property
    def having(self) -> list[str]:
        """The runs that have the workload."""
        return [letter for letter, answer in self.answers.items() if answer]

    def shown(self, rows: Sequence[Row | None]) -> list[tuple[str, Row | None]]:
        """Those of a line that get a column."""
        return [pair for pair in zip(self.answers, rows, strict=True) if self.answers[pair[0]]]

    @property
    def marks(self) -> Marks:
        """All runs on one axis, by `letter/id`: runs have the same entries."""
        return marks.time_marks({f"{letter}/{row.entry.id}": row for _, letter, row in self.cells})

    @property
    def cells(self) -> list[tuple[str, str, Row]]:
        """Name, letter and row, line by line."""
        return [
            (name, letter, row)
            for name, rows in self.lines
            for letter, row in zip(self.answers, rows, strict=True)
            if row
        ]

    @property
    def picture(self) -> Picture | None:
        """The times of one fit, a panel for each run: no interval seems to reach across.

        Returns None where fewer than two runs have times.
        """
        timed = [(name, cells) for name, cells in self.lines if any(c and c.time for c in cells)]
        by_run = zip(*(cells for _, cells in timed), strict=True)
        columns = [(a, rows) for a, rows in zip(self.answers, by_run, strict=False)]
        panels = [(a, rows) for a, rows in columns if any(row and row.time for row in rows)]
        if len(panels) < 2:
            return None
        drawn = [row for _, rows in panels for row in rows if row and row.time]
        markers = drawing.device_markers(drawn)
        n_rows = math.ceil(len(panels) / _MOST_BESIDE)
        n_columns = math.ceil(len(panels) / n_rows)

        def draw(figure: Figure) -> None:
            grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
            for axes in grid[len(panels) :]:
                axes.set_axis_off()
            for number, (axes, (letter, rows)) in enumerate(zip(grid, panels, strict=False)):
                axes_of.intervals(axes, rows, markers)
                axes.set_title(letter, fontsize="medium", loc="left")
                first = number % n_columns == 0
                axes_of.name_rows(axes, [name if first else "" for name, _ in timed])
                axes_of.time_axis(axes, drawn, most=4)

        names = {name for name, _ in timed}
        alt = "The time of one fit in each run. " + "; ".join(
            f"{name}, {letter}: {text.seconds(row.time)}"
            for name, letter, row in self.cells
            if name in names
        )
        size = WIDTH, n_rows * (0.9 + 0.26 * len(timed))
        return drawing.picture(f"{self.slug}-runs", alt, size, draw)


def write(sources: Sequence[Source], folder: Path) -> Path:
    """Leave `index.html`, `summary.md` and `figures/` in `folder`; returns the page's path.

    Raises:
        UserError: the folder cannot be written, or more runs than there are letters.
    """
    if len(sources) > len(ascii_uppercase):
        raise UserError(f"{len(sources)} runs are too many for one page: at most 26")
    runs = dict(zip(ascii_uppercase, sources, strict=False))
    paths = {letter: line(source.path) for letter, source in runs.items()}
    made = tables(runs)
    values = {"runs": runs, "paths": paths, "tables": made, "caution": CAUTION}
    values["pages"] = _pages(runs, folder)
    html = render.html("side_by_side.html", **values)
    markdown = render.markdown("side_by_side.md", **values)
    return page.leave(folder, html, markdown, filter(None, (one.picture for one in made)))


def _pages(runs: Mapping[str, Source], folder: Path) -> dict[str, str]:
    """The pages that runs below `folder` have of their own, seen from there."""
    below = {a: s.folder for a, s in runs.items() if s.folder.is_relative_to(folder)}
    return {
        letter: quote(f"{own.relative_to(folder).as_posix()}/{page.PAGE}")
        for letter, own in below.items()
        if own != folder and (own / page.PAGE).exists()
    }


def tables(runs: Mapping[str, Source]) -> list[WorkloadTable]:
    """A table for each workload that any run has, in the order in which they come."""
    found = {letter: by_workload(source.rows) for letter, source in runs.items()}
    names = dict.fromkeys(name for by_name in found.values() for name in by_name)
    result = []
    for name, slug in unique_slugs(names).items():
        rows = {letter: by_name.get(name, []) for letter, by_name in found.items()}
        answers = {letter: _answer(source, rows[letter]) for letter, source in runs.items()}
        lines = _lines(list(rows.values()))
        own = dict.fromkeys(row.data for same in rows.values() for row in same if row.data)
        note = " ".join(filter(None, [_note(name, runs), *own]))
        result.append(WorkloadTable(name, slug, answers, note, lines))
    return result


def _answer(source: Source, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    if source.run:
        return answer.sentence(rows)
    return f"{rows[0].entry.name} has the smallest median; not interleaved."


def _note(name: str, runs: Mapping[str, Source]) -> str:
    """Whether the runs that have a workload were given the same bytes."""
    known = {
        letter: source.run.workloads[name].sha256
        for letter, source in runs.items()
        if source.run and name in source.run.workloads
    }
    if len(set(known.values())) < 2:
        return ""
    return f"Not the same data in {text.both(list(known))}: another seed, or another version."


def _lines(runs: Sequence[Sequence[Row]]) -> list[BackendLine]:
    """Rows of the same backend and device together; threads tell apart only within a run."""
    cells: dict[tuple[str, str, int], list[Row | None]] = {}
    for number, rows in enumerate(runs):
        met = Counter[tuple[str, str]]()
        for row in sorted(rows, key=lambda row: row.entry.threads):
            place = row.entry.name, row.entry.device
            met[place] += 1
            cells.setdefault((*place, met[place]), [None] * len(runs))[number] = row
    several = len({device for _, device, _ in cells}) > 1
    names = [f"{name}, {device}" if several else name for name, device, _ in cells]
    order = {id(row): place for place, row in enumerate(row for rows in runs for row in rows)}
    lines = zip(names, cells.values(), strict=True)
    return sorted(lines, key=lambda pair: order[id(next(filter(None, pair[1])))])
