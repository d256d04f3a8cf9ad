"""The report of a run: one self-contained page, a summary for a pull request, and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

from benchmarks import estimates
from benchmarks.errors import UserError
from benchmarks.runfile import Record
from reports import scaling, summary, text
from reports.figures import PHASES
from reports.view import View, view

_TEMPLATES = Path(__file__).parent / "templates"


def write(records: Sequence[Record], folder: Path) -> Path:
    """Leave `index.html`, `summary.md` and `figures/*.svg|png` in `folder`.

    Returns the path of the page.

    Raises:
        UserError: the folder cannot be written.
    """
    seen = view(records)
    page, drawn = folder / "index.html", folder / "figures"
    try:
        drawn.mkdir(parents=True, exist_ok=True)
        for picture in seen.pictures:
            (drawn / f"{picture.name}.svg").write_text(picture.svg, encoding="utf-8")
            (drawn / f"{picture.name}.png").write_bytes(picture.png)
        (folder / "summary.md").write_text(summary.markdown(seen), encoding="utf-8")
        page.write_text(html(seen), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write the report to {folder}: {error.strerror}") from error
    return page


def html(seen: View) -> str:
    """The page, whole: styles and figures are in it."""
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
    }
    return environment.get_template("page.html").render(
        view=seen,
        against=text.against,
        phases=PHASES,
        scaling_heads=scaling.HEADS,
        fewest=estimates.FEWEST,
        drift=estimates.DRIFT,
        confidence=estimates.CONFIDENCE,
    )
