"""What a run has measured, in a terminal."""

from rich.console import Console
from rich.text import Text

from reports.document import Document
from reports.sections import changes
from reports.terminal import table


def show(document: Document, console: Console) -> None:
    """Print each workload's ranking, then what concerns several workloads."""
    table.show([row for section in document.workloads for row in section.rows], console)
    for what, why in document.absences:
        console.print(Text(f"absent: {what}: {why}", style="dim"))
    if document.side_by_side:
        console.print(Text(changes.CAPTION, style="bold"))
        console.print(table.grid(changes.HEADS, document.side_by_side))
        console.print()
    for certified in document.certified:
        console.print(Text(f"{certified.dtype}: {certified.sentence}"))
    for sentence in (said for one in document.break_evens for said in one.sentences):
        console.print(Text(sentence))
    for sentence in document.sharing.sentences if document.sharing else ():
        console.print(Text(sentence))
    for advice in document.advice:
        console.print(Text(f"{advice.about}: take {advice.take}. {advice.reason}"))
