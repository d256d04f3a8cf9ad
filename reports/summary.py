"""The report as Markdown that fits into a pull request: under 60 lines."""

from collections.abc import Sequence
from typing import TypeVar

from reports import render, text
from reports.document import Document
from reports.sections.changes import Change

T = TypeVar("T")

# Together with the fixed lines these stay under 60.
_MOST_WORKLOADS, _MOST_BACKENDS, _MOST_NOTES, _MOST_CHANGES = 10, 14, 7, 6
#: Of more races than this, the page folds up the curves, and the first ones are told here.
FEW_RACES = 2


def markdown(document: Document) -> str:
    """A run in Markdown; figures by their paths from the report's folder."""
    names = ("started", "seed", "suite")
    races, more_races = document.races[:FEW_RACES], len(document.races[FEW_RACES:])
    titles = [f"{race.title}: " if len(document.races) > 1 else "" for race in races]
    said = [title + race.sentence for title, race in zip(titles, races, strict=True)]
    if more_races:
        said.append(f"{text.count(more_races, 'more race')} in index.html.")
    said += [sentence for one in document.series for sentence in one.sentences]
    said += [sentence for one in document.break_evens for sentence in one.sentences]
    told = _differences(document.changes)
    shown = document.workloads[:_MOST_WORKLOADS]
    plugins = {label for one in shown for label, row in one.by_label.items() if row.entry.plugin}
    return render.markdown(
        "summary.md",
        document=document,
        run=", ".join(f"{name} {value}" for name, value in document.facts if name in names),
        data=" ".join(dict.fromkeys(row.data for one in shown for row in one.rows if row.data)),
        unchanged=f"{len(document.changes) - len(told)} of {len(document.changes)} entries",
        differences=_cut(told, _MOST_CHANGES),
        answers=_cut(document.workloads, _MOST_WORKLOADS),
        sections=shown,
        labels=_cut(sorted({label for one in shown for label in one.by_label}), _MOST_BACKENDS),
        plugins=plugins,
        said=" ".join(said),
        notes=_cut(_notes(document), _MOST_NOTES),
    )


def _cut(items: Sequence[T], most: int) -> tuple[Sequence[T], int]:
    """The items that fit into `most` lines, and the number of the others, said in the last one."""
    kept = len(items) if len(items) <= most else most - 1
    return items[:kept], len(items) - kept


def _differences(changes: Sequence[Change]) -> list[tuple[str, Change, str]]:
    """What is slower, then what is faster than what stood beside it, and by how much."""
    told = [(word, one, by) for one in changes for word, by in [text.changed(one.ratio)]]
    return [one for wanted in ("slower", "faster") for one in told if one[0] == wanted]


def _notes(document: Document) -> list[str]:
    """What was wrong with the machine; what is not in the ranking, and why."""
    refused = [
        f"{section.name}: {section.labels[row.entry.id]} {row.status}: {row.reason}"
        for section in document.workloads
        for row in section.refused
    ]
    absent = [f"absent: {what}: {reason}" for what, reason in document.absences]
    return [*(f"warning: {message}" for message in document.warnings), *refused, *absent]
