"""Templates made into text, in which every value is escaped: in HTML, and in Markdown."""

import base64
import hashlib
import inspect
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reports import text
from reports.figures import drawing, marks
from reports.sections import accuracy, break_even, certified, evidence, profile, run, scaling

_TEMPLATES = Path(__file__).parent / "templates"
#: Templates have the functions of these modules as filters.
_WORDS = (text, marks, accuracy, break_even, certified, evidence, profile, run, scaling)
_FILTERS = {
    name: function
    for module in _WORDS
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__
}
_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "\\`*_[]|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"}
)


def html(template: str, **values: object) -> str:
    """A page: styles and script are in it."""
    script = _compact((_TEMPLATES / "page.js").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values |= {"script": Markup(script), "script_hash": f"sha256-{digest}"}
    environment = _environment(autoescape=True)
    page = environment.get_template(template).render(**values, frameworks=drawing.FRAMEWORKS)
    return _compact(page)


def markdown(template: str, **values: object) -> str:
    """A summary."""
    environment = _environment(finalize=lambda value: str(value).translate(_SPECIAL))
    return environment.get_template(template).render(**values)


def _environment(**how: Any) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **how,
    )
    environment.filters |= _FILTERS
    return environment


def _compact(text: str) -> str:
    """Without blanks at the start of lines, and empty lines: a tenth of a page."""
    return re.sub(r"\n\s+", "\n", text)
