"""The report of a run: one self-contained page, a summary for a pull request, and the figures."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from benchmarks import estimates
from benchmarks.errors import UserError
from reports import summary, text
from reports.analysis import scaling
from reports.analysis.accuracy import TOLERANCES
from reports.document import Document
from reports.figures import drawing, marks
from reports.figures.drawing import Picture
from reports.sections import (
    accuracy,
    break_even,
    certified,
    changes,
    evidence,
    roofline,
    run,
    scaling,
)

_TEMPLATES = Path(__file__).parent / "templates"
_FILTERS = {
    "against": text.against,
    "amount": text.amount,
    "between": text.between,
    "command_lines": evidence.command_lines,
    "correct_digits": certified.digits_of,
    "error": text.error,
    "plural": text.count,
    "exponent": scaling.exponent,
    "facts": evidence.facts,
    "log_end": evidence.log_end,
    "power_of_ten": accuracy.power_of_ten,
    "rate": roofline.rate,
    "round_size": sizes.round_size,
    "seconds": text.seconds,
    "shown": run.shown,
    "time_at": sizes.time_at,
    "timeline": marks.timeline,
    "timeline_caption": marks.timeline_caption,
    "times": text.times,
    "verdict": text.verdict,
    "workload_facts": run.workload_facts,
}


def write(document: Document, folder: Path) -> Path:
    """Leave `index.html`, `summary.md` and `figures/*.svg|png` in `folder`.

    Returns the path of the page.

    Raises:
        UserError: the folder cannot be written.
    """
    html = render(
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

    Figures that an earlier report left there are removed, but only what bears the mark of this
    suite: the folder may be anyone's.

    Raises:
        UserError: the folder cannot be written.
    """
    page, figures, kept = folder / "index.html", folder / "figures", set()
    try:
        figures.mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            kept |= {f"{picture.name}.svg", f"{picture.name}.png"}
            (figures / f"{picture.name}.svg").write_text(picture.svg, encoding="utf-8")
            (figures / f"{picture.name}.png").write_bytes(picture.png)
        for path in [*figures.glob("*.svg"), *figures.glob("*.png")]:
            if path.name not in kept and drawing.MARK.encode() in path.read_bytes():
                path.unlink()
        (folder / "summary.md").write_text(markdown, encoding="utf-8")
        page.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write the report to {folder}: {error.strerror}") from error
    return page


def render(template: str, **values: object) -> str:
    """A template with what all of them need: styles and script are in the page."""
    script = _compact((_TEMPLATES / "page.js").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = (
        _environment()
        .get_template(template)
        .render(
            **values,
            script=Markup(script),
            script_hash=f"sha256-{digest}",
            frameworks=drawing.FRAMEWORKS,
        )
    )
    return _compact(page)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    return environment


def _compact(text: str) -> str:
    """Without blanks at the start of lines, and empty lines: a tenth of a page."""
    return re.sub(r"\n\s+", "\n", text)
