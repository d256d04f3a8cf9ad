"""Several runs in one page: machines or revisions side by side, each with its own intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from urllib.parse import quote

from matplotlib.figure import Figure

from benchmarks.errors import UserError
from benchmarks.printable import line
from reports import answer, page, render, text
from reports.analysis.rows import Key, Row, by_key, by_workload
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

#: One backend on one device: its name, and its row by run, where that has one.
BackendLine = tuple[str, Mapping[str, Row]]


@dataclass(frozen=True)
class WorkloadTable:
    """One workload in all runs that have it; runs are named by letters."""

    name: str
    slug: str
    answers: Mapping[str, str]  # by run
    note: str  # what is not the same work, and what is said of the user's own data
    lines: Sequence[BackendLine]

    @property
    def marks(self) -> Marks:
        """All runs on one axis, by `letter/id`: runs have the same entries."""
        cells = (cell for _, rows in self.lines for cell in rows.items())
        return marks.time_marks({f"{letter}/{row.entry.id}": row for letter, row in cells})

    @property
    def picture(self) -> Picture | None:
        """The times of one fit, a panel for each run: no interval seems to reach across.

        Returns None where fewer than two runs have times.
        """
        timed = [(name, rows) for name, rows in self.lines if any(r.time for r in rows.values())]
        cells = [cell for _, rows in timed for cell in rows.items() if cell[1].time]
        drawn = [row for _, row in cells]
        panels = [one for one in self.answers if any(letter == one for letter, _ in cells)]
        if len(panels) < 2:
            return None
        markers = drawing.device_markers(drawn)
        n_rows = math.ceil(len(panels) / _MOST_BESIDE)
        n_columns = math.ceil(len(panels) / n_rows)

        def draw(figure: Figure) -> None:
            grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
            for axes in grid[len(panels) :]:
                axes.set_axis_off()
            for number, (axes, letter) in enumerate(zip(grid, panels, strict=False)):
                axes_of.intervals(axes, [rows.get(letter) for _, rows in timed], markers)
                axes.set_title(letter, fontsize="medium", loc="left")
                first = number % n_columns == 0
                axes_of.name_rows(axes, [name if first else "" for name, _ in timed])
                axes_of.time_axis(axes, drawn, most=4)

        alt = "The time of one fit in each run. " + "; ".join(
            f"{name}, {letter}: {text.seconds(row.time)}"
            for name, rows in timed
            for letter, row in rows.items()
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
        rows = {letter: by_name[name] for letter, by_name in found.items() if name in by_name}
        answers = {letter: _answer(runs[letter], same) for letter, same in rows.items()}
        own = dict.fromkeys(row.data for same in rows.values() for row in same if row.data)
        note = " ".join(filter(None, [_note(name, runs), *own]))
        result.append(WorkloadTable(name, slug, answers, note, _lines(rows)))
    return result


def _answer(source: Source, rows: Sequence[Row]) -> str:
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


def _lines(runs: Mapping[str, Sequence[Row]]) -> list[BackendLine]:
    """Rows of the same backend and device together; threads tell apart only within a run."""
    found: dict[Key, dict[str, Row]] = {}
    for letter, same in runs.items():
        for key, row in by_key(same).items():
            found.setdefault(key, {})[letter] = row
    several = len({device for _, device, _ in found}) > 1
    names = [f"{name}, {device}" if several else name for name, device, _ in found]
    every = [id(row) for same in runs.values() for row in same]
    lines = zip(names, found.values(), strict=True)
    return sorted(lines, key=lambda line: every.index(id(next(iter(line[1].values())))))
