"""The report of a run: one self-contained page, a summary for a pull request, and the figures."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from benchmarks import estimates
from benchmarks.errors import UserError
from benchmarks.runfile import Record
from reports import summary, text
from reports.document import View, view
from reports.figures import drawing
from reports.figures.drawing import Picture
from reports.figures.times import PHASES
from reports.sections import accuracy
from reports.sections import changes as pairs

_TEMPLATES = Path(__file__).parent / "templates"


def write(records: Sequence[Record], folder: Path, logs: Path | None = None) -> Path:
    """Leave `index.html`, `summary.md` and `figures/*.svg|png` in `folder`.

    Args:
        records: of the run.
        folder: for the report.
        logs: the folder of the run, in which its logs are; by default `folder`.

    Returns the path of the page.

    Raises:
        UserError: the folder cannot be written.
    """
    return write_view(view(records, logs or folder), folder)


def write_view(seen: View, folder: Path) -> Path:
    """As `write`, of what is already put in words."""
    page = folder / "index.html"
    try:
        draw(seen.pictures, folder / "figures")
        (folder / "summary.md").write_text(summary.markdown(seen), encoding="utf-8")
        page.write_text(html(seen), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write the report to {folder}: {error.strerror}") from error
    return page


def draw(pictures: Iterable[Picture], folder: Path) -> None:
    """Write figures to `folder`, and remove those that an earlier report left there.

    Only what bears the mark of this suite is removed: the folder may be anyone's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = set()
    for picture in pictures:
        kept |= {f"{picture.name}.svg", f"{picture.name}.png"}
        (folder / f"{picture.name}.svg").write_text(picture.svg, encoding="utf-8")
        (folder / f"{picture.name}.png").write_bytes(picture.png)
    for path in [*folder.glob("*.svg"), *folder.glob("*.png")]:
        if path.name not in kept and drawing.MARK.encode() in path.read_bytes():
            path.unlink()


def html(seen: View) -> str:
    """The page, whole: styles, script and figures are in it."""
    return render(
        "page.html",
        view=seen,
        pairs=pairs,
        few_races=accuracy.FEW,
        against=text.against,
        changed=text.changed,
        phases=PHASES,
        fewest=estimates.FEWEST,
        drift=estimates.DRIFT,
        confidence=estimates.CONFIDENCE,
    )


def render(template: str, **values: object) -> str:
    """A template with what all of them need."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "line": text.line,
        "seconds": text.seconds,
        "between": text.between,
        "error": text.error,
        "amount": text.amount,
        "times": text.times,
        "verdict": text.verdict,
    }
    script = _compact((_TEMPLATES / "page.js").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template(template).render(
        **values,
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        frameworks=drawing.FRAMEWORKS,
    )
    return _compact(page)


def _compact(text: str) -> str:
    """Without blanks at the start of lines, and empty lines: a tenth of a page."""
    return re.sub(r"\n\s+", "\n", text)
