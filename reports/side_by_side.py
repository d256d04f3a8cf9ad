"""Several runs in one page: machines or revisions side by side, each with its own intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase

from benchmarks.errors import UserError
from reports import answer, page, text
from reports.analysis.rows import Row, workloads
from reports.document import unique_slugs
from reports.figures import marks
from reports.figures.drawing import Picture
from reports.figures.marks import Marks
from reports.figures.panels import panels
from reports.sources import Source
from reports.summary import escape

#: What a reader must know before anything else.
CAUTION = (
    "Each run is held against its own baseline, within its own rounds. What stands side by side "
    "was measured on different machines or at different times: no interval goes across runs, and "
    "a difference between two columns may be the machine's. For two runs of one machine there is "
    "linreg-bench compare; for two revisions, linreg-bench run --against."
)


@dataclass(frozen=True)
class Column:
    """One run."""

    letter: str
    path: str
    source: Source


@dataclass(frozen=True)
class Line:
    """One backend on one device, in every run that has it."""

    name: str
    first: Row  # its row in the first run that has it
    cells: list[Row | None]  # a column each


@dataclass(frozen=True)
class Table:
    """One workload."""

    name: str
    slug: str
    answers: list[str]  # a column each; empty where a run does not have the workload
    note: str  # what is not the same work; empty if it is the same as far as is known
    lines: list[Line]
    marks: Marks  # all runs on one axis, by `letter/entry`
    picture: Picture | None


def write(sources: Sequence[Source], folder: Path) -> Path:
    """Leave `index.html`, `summary.md` and `figures/` in `folder`; returns the page's path.

    Raises:
        UserError: the folder cannot be written, or more runs than there are letters.
    """
    if len(sources) > len(ascii_uppercase):
        raise UserError(f"{len(sources)} runs are too many for one page: at most 26")
    columns = [
        Column(letter, text.line(source.path), source)
        for letter, source in zip(ascii_uppercase, sources, strict=False)
    ]
    made = tables(columns)
    written = folder / "index.html"
    try:
        page.draw([t.picture for t in made if t.picture], folder / "figures")
        html = page.render(
            "side_by_side.html",
            columns=columns,
            tables=made,
            caution=CAUTION,
            against=text.against,
        )
        written.write_text(html, encoding="utf-8")
        (folder / "summary.md").write_text(summary(columns, made), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write the report to {folder}: {error.strerror}") from error
    return written


def tables(columns: Sequence[Column]) -> list[Table]:
    """A table for each workload that any run has, in the order in which they come."""
    names = list(dict.fromkeys(row.workload for column in columns for row in column.source.rows))
    slugs = unique_slugs(names)
    result = []
    for name in names:
        letters = [column.letter for column in columns]
        of = [[row for row in c.source.rows if row.workload == name] for c in columns]
        lines = _lines(of)
        result.append(
            Table(
                name=text.line(name),
                slug=slugs[name],
                answers=[_answer(c, rows) for c, rows in zip(columns, of, strict=True)],
                note=_note(name, columns),
                lines=lines,
                marks=_marks(columns, of),
                picture=panels(slugs[name], letters, [(line.name, line.cells) for line in lines]),
            )
        )
    return result


def _marks(columns: Sequence[Column], of: Sequence[Sequence[Row]]) -> Marks:
    """The same backend has the same entry in every run, so the letter of the run goes before it."""
    return marks.times(
        [
            replace(row, entry=f"{column.letter}/{row.entry}")
            for column, rows in zip(columns, of, strict=True)
            for row in rows
            if row.seconds_median is not None
        ]
    )


def _answer(column: Column, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    if column.source.records:
        return answer.sentence(rows)
    return f"{text.line(rows[0].backend)} has the smallest median; not interleaved."


def _note(name: str, columns: Sequence[Column]) -> str:
    """Whether the runs that have a workload were given the same bytes."""
    known = {
        column.letter: workloads(column.source.records)[name].get("sha256")
        for column in columns
        if name in workloads(column.source.records)
    }
    if len(set(known.values())) < 2:
        return ""
    return f"Not the same data in {text.both(list(known))}: another seed, or another version."


def _lines(of: Sequence[Sequence[Row]]) -> list[Line]:
    """Rows of the same backend and device together; threads tell apart only within a run."""
    keyed: dict[tuple[str, str, int], list[Row | None]] = {}
    for number, rows in enumerate(of):
        met: dict[tuple[str, str], int] = {}
        for row in sorted(rows, key=lambda row: row.threads):
            place = (row.backend, row.device)
            met[place] = met.get(place, 0) + 1
            keyed.setdefault((*place, met[place]), [None] * len(of))[number] = row
    order = {
        id(row): (column, index) for column, rows in enumerate(of) for index, row in enumerate(rows)
    }
    lines = []
    everywhere = {device for _, device, _ in keyed}
    for (backend, device, _), cells in keyed.items():
        first = next(row for row in cells if row)
        where = f", {text.line(device)}" if len(everywhere) > 1 else ""
        lines.append(Line(text.line(backend) + where, first, cells))
    return sorted(lines, key=lambda line: order[id(line.first)])


def summary(columns: Sequence[Column], made: Sequence[Table]) -> str:
    """The answers in Markdown, a column for each run."""
    lines = ["# Linear regression, compared: several runs", "", escape(CAUTION), ""]
    for column in columns:
        lines.append(
            f"- **{column.letter}**: {escape(column.path)}: {escape(column.source.machine)}"
        )
    heads = ["workload", *(column.letter for column in columns)]
    lines += ["", f"| {' | '.join(heads)} |", f"| {' | '.join(['---'] * len(heads))} |"]
    lines += [
        f"| {' | '.join([escape(table.name), *map(escape, table.answers)])} |" for table in made
    ]
    return "\n".join(lines) + "\n"
