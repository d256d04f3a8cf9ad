"""The report as Markdown that fits into a pull request: under 60 lines."""

from __future__ import annotations

from reports import text
from reports.analysis.changes import Change
from reports.answer import winners
from reports.document import Section, View
from reports.sections import accuracy

# Together with the fixed lines these stay under 60.
_MOST_WORKLOADS, _MOST_BACKENDS, _MOST_NOTES, _MOST_CHANGES = 10, 16, 7, 7
_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "\\`*_[]|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"}
)


def escape(value: object) -> str:
    """Text that Markdown shows as it is, in a table cell as well."""
    return text.line(value).translate(_SPECIAL)


def markdown(view: View) -> str:
    """A run in Markdown; figures by their paths from the report's folder."""
    facts = dict(view.facts)
    run = ", ".join(
        f"{name} {facts[name]}" for name in ("started", "seed", "suite") if name in facts
    )
    lines = ["# Linear regression, compared", ""]
    lines += [escape(view.headline), ""] if view.headline else []
    lines += [escape(view.machine), "", escape(run), ""]
    if view.state:
        lines += [f"**{escape(view.state)}**", ""]
    if view.changes:
        lines += [*_capped(_changes(view.changes), _MOST_CHANGES), ""]
    lines += ["| workload | answer |", "| --- | --- |"]
    lines += _capped([_answer(section) for section in view.sections], _MOST_WORKLOADS)
    lines += ["", *_matrix(view.sections[:_MOST_WORKLOADS])]
    said = _races(view.races)
    said += [sentence for shown in view.series for sentence in shown.sentences]
    said += [sentence for shown in view.break_evens for sentence in shown.sentences]
    if said:
        lines += ["", escape(" ".join(said))]
    for table in view.digits:
        lines += ["", f"{escape(table.dtype)}: {escape(table.sentence)}"]
    if notes := _notes(view):
        lines += ["", *_capped(notes, _MOST_NOTES)]
    drawn = [section for section in view.sections[:_MOST_WORKLOADS] if section.ranking]
    if images := [_image(section) for section in drawn]:
        lines += ["", " ".join(images)]
    return "\n".join(lines) + "\n"


def _races(races: list[accuracy.Shown]) -> list[str]:
    """Time to accuracy; of several races which one is meant, and of many the first ones."""
    if len(races) == 1:
        return [races[0].sentence]
    told = [f"{race.title}: {race.sentence}" for race in races[: accuracy.FEW]]
    more = len(races) - len(told)
    return [*told, *([f"{text.count(more, 'more race')} in index.html."] if more else [])]


def _answer(section: Section) -> str:
    return f"| {escape(section.name)} | {escape(section.answer)} |"


def _changes(changes: list[Change]) -> list[str]:
    """What is slower or faster than what stood beside it, and how many are not."""
    told = [(change, *text.changed(change.ratio)) for change in changes]
    by_word = {word: [f for f in told if f[1] == word] for word in ("slower", "faster")}
    others = len(told) - sum(map(len, by_word.values()))
    lines = [
        f"- **{word}** than {escape(change.other)}: {escape(change.entry)}: {by}"
        for word, found in by_word.items()
        for change, _, by in found
    ]
    return [*lines, f"- {others} of {len(told)} entries: no difference that this run could tell"]


def _image(section: Section) -> str:
    return f"![Ranking of {escape(section.name)}](figures/{section.slug}-ranking.svg)"


def _matrix(sections: list[Section]) -> list[str]:
    """Backend by workload: the median time of one fit, the winners' in bold."""
    cells: dict[str, dict[str, str]] = {}
    for section in sections:
        first = {row.entry for row in winners(section.passed)}
        for row in section.passed:
            time = text.seconds(row.seconds_median)
            bold = f"**{time}**" if row.entry in first else time
            cells.setdefault(section.labels[row.entry], {})[section.slug] = bold
    if not cells:
        return []
    heads = ["median time of one fit", *(escape(section.name) for section in sections)]
    body = [
        [escape(label), *(by_slug.get(section.slug, "") for section in sections)]
        for label, by_slug in sorted(cells.items())
    ]
    table = [_row(heads), _row(["---"] + ["---:"] * len(sections))]
    return table + _capped([_row(row) for row in body], _MOST_BACKENDS)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _notes(view: View) -> list[str]:
    """What is not in the ranking, and why; and what was wrong with the machine."""
    out = [
        f"- {escape(section.name)}: {escape(section.labels[row.entry])} "
        f"{escape(row.status)}: {escape(row.reason)}"
        for section in view.sections
        for row in section.others
    ]
    out += [f"- absent: {escape(what)}: {escape(reason)}" for what, reason in view.absent]
    return [f"- warning: {escape(message)}" for message in view.warnings] + out


def _capped(lines: list[str], most: int) -> list[str]:
    """At most so many lines; the last one says how many more there are."""
    if len(lines) <= most:
        return lines
    more = f"and {len(lines) - most + 1} more in index.html"
    return [*lines[: most - 1], f"| {more} |" if lines[0].startswith("|") else f"- {more}"]
