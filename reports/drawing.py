"""How figures look and how they become files: one drawing, an SVG, a PNG and an inline SVG."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from benchmarks.results import Row

INK, GRID, PAPER = "#1b1f24", "#dce0e5", "#ffffff"
#: The page may be light or dark, so an inline drawing takes these from its style sheet.
_THEMED = {INK: "currentColor", GRID: "var(--grid)", PAPER: "var(--paper)"}

# Okabe & Ito's palette, told apart with any colour vision: https://jfly.uni-koeln.de/color/
BLUE, GREEN, VERMILION = "#0072b2", "#009e73", "#d55e00"
ORANGE, SKY, PURPLE = "#e69f00", "#56b4e9", "#cc79a7"
_FRAMEWORKS = {"torch": VERMILION, "tensorflow": GREEN, "numpy": BLUE, "sklearn": PURPLE}
_OTHERS = (ORANGE, SKY)
MARKERS = "oDs^vP"

_STYLE = {
    "font.family": "sans-serif",
    "font.size": 8.5,
    # Names in a run file may hold dollar signs; nothing here needs mathematics.
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "xtick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.color": GRID,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": PAPER,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "linreg-bench",
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_ID = re.compile(r'((?:\bid=")|(?:href="#)|(?:url\(#))')


@dataclass(frozen=True)
class Picture:
    """One figure in every form that a report needs."""

    name: str  # of its files, and unique within a page
    alt: str  # what it shows, for those who cannot see it
    svg: str  # on white, to open anywhere
    png: bytes

    @property
    def inline(self) -> Markup:
        """The SVG element for a page: themed by its style sheet, its ids its own."""
        svg = self.svg[self.svg.index("<svg") :]
        svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
        svg = _ID.sub(rf"\g<1>{self.name}-", svg)
        for colour, themed in _THEMED.items():
            svg = svg.replace(colour, themed)
        label = Markup('<svg role="img" aria-label="{}" ').format(self.alt)
        return label + Markup(svg.removeprefix("<svg "))


def picture(
    name: str, alt: str, size: tuple[float, float], draw: Callable[[Figure], None]
) -> Picture:
    """Let `draw` fill a figure of `size` inches, and keep it in every form."""
    svg, png = io.StringIO(), io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(svg, format="svg", metadata=_NO_METADATA)
        figure.savefig(png, format="png", dpi=144)
    return Picture(name, alt, svg.getvalue(), png.getvalue())


def framework_colours(rows: Sequence[Row]) -> dict[str, str]:
    """Framework -> colour: fixed for the usual ones, so that reports can be laid side by side."""
    names = dict.fromkeys(row.framework for row in rows)
    others = [name for name in names if name not in _FRAMEWORKS]
    extra = {name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(others)}
    return {name: _FRAMEWORKS.get(name) or extra[name] for name in names}


def short(label: str) -> str:
    """A label that leaves room for the figure beside it."""
    return label if len(label) <= 36 else label[:35] + "…"
