"""The report as Markdown that fits into a pull request: under 60 lines."""

from __future__ import annotations

from collections.abc import Sequence

from reports import text
from reports.analysis.changes import Change
from reports.answer import winners
from reports.document import Document
from reports.sections.accuracy import RaceSection
from reports.sections.workload import WorkloadSection

# Together with the fixed lines these stay under 60.
_MOST_WORKLOADS, _MOST_BACKENDS, _MOST_NOTES, _MOST_CHANGES = 10, 16, 7, 7
#: Of more races than this, the page folds up the curves, and the first ones are told here.
FEW_RACES = 2
_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "\\`*_[]|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"}
)


def escape(value: str) -> str:
    """Text that Markdown shows as it is, in a table cell as well."""
    return value.translate(_SPECIAL)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], align: str = "---") -> list[str]:
    """The lines of a table; of all columns but the first, how they are aligned."""
    under = ["---", *[align] * (len(heads) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (heads, under, *rows)]


def markdown(document: Document) -> str:
    """A run in Markdown; figures by their paths from the report's folder."""
    shown = document.workloads[:_MOST_WORKLOADS]
    names = ("started", "seed", "suite")
    run = ", ".join(f"{name} {value}" for name, value in document.facts if name in names)
    lines = ["# Linear regression, compared", ""]
    for paragraph in (document.headline, document.machine, run):
        lines += [escape(paragraph), ""] if paragraph else []
    lines += [f"**{escape(document.state)}**", ""] if document.state else []
    if document.changes:
        lines += [*_capped(_changes(document.changes), _MOST_CHANGES), ""]
    answers = [[escape(one.name), escape(one.answer)] for one in document.workloads]
    head, rule, *rows = table(["workload", "answer"], answers)
    lines += [head, rule, *_capped(rows, _MOST_WORKLOADS), "", *_medians(shown)]
    said = _races(document.races)
    said += [sentence for one in document.series for sentence in one.sentences]
    said += [sentence for one in document.break_evens for sentence in one.sentences]
    lines += ["", escape(" ".join(said))] if said else []
    for one in document.certified:
        lines += ["", f"{escape(one.dtype)}: {escape(one.sentence)}"]
    if notes := _notes(document):
        lines += ["", *_capped(notes, _MOST_NOTES)]
    images = [
        f"![Ranking of {escape(section.name)}](figures/{section.slug}-ranking.svg)"
        for section in shown
        if section.has_ranking
    ]
    lines += ["", " ".join(images)] if images else []
    return "\n".join(lines) + "\n"


def _races(races: Sequence[RaceSection]) -> list[str]:
    """Time to accuracy; of several races which one is meant, and of many the first ones."""
    if len(races) == 1:
        return [races[0].sentence]
    told = [f"{race.title}: {race.sentence}" for race in races[:FEW_RACES]]
    more = len(races) - len(told)
    return [*told, *([f"{text.count(more, 'more race')} in index.html."] if more else [])]


def _changes(changes: Sequence[Change]) -> list[str]:
    """What is slower or faster than what stood beside it, and how many are not."""
    lines = [
        f"- **{word}** than {escape(change.other)}: {escape(change.entry)}: {by}"
        for wanted in ("slower", "faster")
        for change in changes
        for word, by in [text.changed(change.ratio)]
        if word == wanted
    ]
    others = len(changes) - len(lines)
    total = f"{others} of {len(changes)} entries"
    return [*lines, f"- {total}: no difference that this run could tell"]


def _medians(sections: Sequence[WorkloadSection]) -> list[str]:
    """Backend by workload: the median time of one fit, the winners' in bold."""
    cells: dict[str, dict[str, str]] = {}
    for section in sections:
        first = {row.entry.id for row in winners(section.passed)}
        for row in section.passed:
            time = text.seconds(row.time)
            bold = f"**{time}**" if row.entry.id in first else time
            cells.setdefault(section.labels[row.entry.id], {})[section.slug] = bold
    if not cells:
        return []
    heads = ["median time of one fit", *(escape(section.name) for section in sections)]
    rows = [
        [escape(label), *(by_slug.get(section.slug, "") for section in sections)]
        for label, by_slug in sorted(cells.items())
    ]
    head, rule, *lines = table(heads, rows, "---:")
    return [head, rule, *_capped(lines, _MOST_BACKENDS)]


def _notes(document: Document) -> list[str]:
    """What was wrong with the machine; what is not in the ranking, and why."""
    notes = [f"warning: {message}" for message in document.warnings]
    notes += [
        f"{section.name}: {section.labels[row.entry.id]} {row.status}: {row.reason}"
        for section in document.workloads
        for row in section.refused
    ]
    notes += [f"absent: {what}: {reason}" for what, reason in document.absences]
    return [f"- {escape(note)}" for note in notes]


def _capped(lines: Sequence[str], most: int) -> list[str]:
    """At most so many lines; the last one says how many more there are."""
    if len(lines) <= most:
        return list(lines)
    more = f"and {len(lines) - most + 1} more in index.html"
    return [*lines[: most - 1], f"| {more} |" if lines[0].startswith("|") else f"- {more}"]
