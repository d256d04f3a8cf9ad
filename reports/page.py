"""The report of a run: one self-contained page, a summary for a pull request, and the figures."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks import estimates
from benchmarks.errors import UserError, os_errors
from reports import render, summary
from reports.document import Document
from reports.figures import drawing, marks
from reports.figures.drawing import Picture
from reports.sections import accuracy, break_even, changes, sharing

PAGE, SUMMARY = "index.html", "summary.md"
#: One of these is in every file of a report: in pictures, and in pages and summaries.
_MARKS = (drawing.MARK.encode(), b"Linear regression, compared")


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
        projected=sharing.PROJECTED,
        tolerances=accuracy.TOLERANCES,
        few_races=summary.FEW_RACES,
        phases=marks.PHASES,
        estimates=estimates,
    )
    return leave(folder, html, summary.markdown(document), document.pictures)


def leave(folder: Path, html: str, markdown: str, pictures: Iterable[Picture]) -> Path:
    """Write the files of a report, and return the path of its page.

    Figures of an earlier report are removed. What is not of this suite is left alone.

    Raises:
        UserError: the folder cannot be written, or holds somebody else's files of these names.
    """
    figures, files = folder / "figures", dict[Path, bytes]()
    for picture in pictures:
        files[figures / f"{picture.name}.svg"] = picture.svg.encode()
        files[figures / f"{picture.name}.png"] = picture.png
    files |= {folder / SUMMARY: markdown.encode(), folder / PAGE: html.encode()}
    with os_errors(f"cannot write the report to {folder}"):
        refuse_foreign(files)
        figures.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            # Whole or not at all: somebody may read the one before.
            path.with_name(f".{path.name}").write_bytes(content)
            path.with_name(f".{path.name}").replace(path)
        for path in [*figures.glob("*.svg"), *figures.glob("*.png")]:
            if path not in files and _is_own(path):
                path.unlink()
    return folder / PAGE


def refuse_foreign(paths: Iterable[Path]) -> None:
    """Refuse to write over what this suite has not made.

    Raises:
        UserError: one of these files is there and is somebody else's.
    """
    for path in paths:
        with os_errors(f"cannot read {path}"):
            if path.exists() and not _is_own(path):
                raise UserError(f"{path} is not of this suite: choose another folder, --out")


def _is_own(path: Path) -> bool:
    content = path.read_bytes()
    return not content or any(mark in content for mark in _MARKS)
