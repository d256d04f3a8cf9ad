"""The report of a run: one self-contained page, a summary for a pull request, and the figures."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks import estimates
from benchmarks.errors import os_errors
from reports import render, summary
from reports.analysis.accuracy import TOLERANCES
from reports.document import Document
from reports.figures import drawing, marks
from reports.figures.drawing import Picture
from reports.sections import break_even, changes


def write(document: Document, folder: Path) -> Path:
    """Leave `index.html`, `summary.md` and `figures/*.svg|png` in `folder`.

    Returns the path of the page.

    Raises:
        UserError: the folder cannot be written.
    """
    html = render.html(
        "page.html",
        document=document,
        changes=changes,
        places=break_even.PLACES,
        tolerances=TOLERANCES,
        few_races=summary.FEW_RACES,
        phases=marks.PHASES,
        estimates=estimates,
    )
    return leave(folder, html, summary.markdown(document), document.pictures)


def leave(folder: Path, html: str, markdown: str, pictures: Iterable[Picture]) -> Path:
    """Write the files of a report, and return the path of its page.

    Figures of an earlier report are removed, but only those that bear the mark of this suite.

    Raises:
        UserError: the folder cannot be written.
    """
    page, figures = folder / "index.html", folder / "figures"
    files: dict[str, bytes] = {}
    for picture in pictures:
        files |= {f"{picture.name}.svg": picture.svg.encode(), f"{picture.name}.png": picture.png}
    with os_errors(f"cannot write the report to {folder}"):
        figures.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (figures / name).write_bytes(content)
        for path in [*figures.glob("*.svg"), *figures.glob("*.png")]:
            if path.name not in files and drawing.MARK.encode() in path.read_bytes():
                path.unlink()
        (folder / "summary.md").write_text(markdown, encoding="utf-8")
        page.write_text(html, encoding="utf-8")
    return page
