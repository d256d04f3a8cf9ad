"""How figures look, and how a drawing becomes files and an SVG within the page."""

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import matplotlib
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from reports.analysis.rows import Row

INK, GRID, PAPER = "#1b1f24", "#dce0e5", "#ffffff"
#: The page may be light or dark, so a drawing within it takes these from its style sheet.
_THEMED = {INK: "currentColor", GRID: "var(--grid)", PAPER: "var(--paper)"}

# Okabe & Ito's palette, told apart with any colour vision: https://jfly.uni-koeln.de/color/
BLUE, GREEN, VERMILION = "#0072b2", "#009e73", "#d55e00"
ORANGE, SKY, PURPLE = "#e69f00", "#56b4e9", "#cc79a7"
#: Framework -> its colour on light and on dark paper, the same in all reports. All pairs differ by
#: 20 or more in CIELAB, also to an eye without red or green cones (Machado et al. 2009); each has a
#: contrast of 3 or more with its paper. Names stand beside the marks: no figure needs its colours.
FRAMEWORKS = {
    "torch": ("#e73201", "#dc7b1e"),
    "tensorflow": ("#076b61", "#2ec975"),
    "numpy": ("#0060e1", "#58c5ff"),
    "sklearn": ("#b983a6", "#d2bbc2"),
    "jax": ("#3c0595", "#9776ff"),
    "scipy": ("#7a4b2a", "#e1da05"),
    "statsmodels": ("#201a55", "#fdfed0"),
    "sklearnex": ("#4b0e20", "#ad435d"),
    "cupy": ("#39aa44", "#bcfe83"),
    "cuml": ("#726bb4", "#8a73a6"),
}
_THEMED |= {light: f"var(--{name})" for name, (light, _) in FRAMEWORKS.items()}
#: Of devices, in the order in which they are met; the CPU always has the first.
MARKERS = "oDs^vP"
DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (7, 2, 1, 2)), (0, (3, 3)), (0, (1, 3)))
#: Inches, on a page and on a phone.
WIDTH, NARROW = 7.2, 4.0

#: Stands in every file that is written here, so that those of an earlier report can be told.
MARK = "linreg-bench"
_TICKS = {"color": GRID, "labelcolor": INK, "major.size": 0}
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
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "figure.facecolor": PAPER,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "text.hinting": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": MARK,
    **{f"axes.spines.{side}": False for side in ("top", "right", "left")},
    **{f"{axis}tick.{part}": colour for axis in "xy" for part, colour in _TICKS.items()},
}
_METADATA = dict.fromkeys(("Date", "Format", "Type")) | {"Creator": MARK}
#: Hundredths of a point are enough.
_FURTHER_DIGITS = re.compile(r"(\.\d\d)\d+")


@dataclass(frozen=True)
class Picture:
    """One figure in every form that a report needs."""

    name: str  # of its files, and unique within a page
    alt: str  # what it shows, for those who cannot see it
    svg: str  # on white, to open anywhere
    png: bytes
    narrow: str = ""  # another SVG, for the width of a phone, if this one would be too wide

    @property
    def inline(self) -> Markup:
        """The SVG for a page, whose style sheet colours it and shows the form that fits."""
        wide = _inline(self.svg, self.name, self.alt)
        if not self.narrow:
            return wide
        both = '<div class="wide-only">{}</div><div class="narrow-only">{}</div>'
        return Markup(both).format(wide, _inline(self.narrow, f"{self.name}-narrow", self.alt))


def _inline(svg: str, prefix: str, alt: str) -> Markup:
    """The SVG element of a file; `prefix` makes its ids unique within a page."""
    ids: dict[str, str] = {}
    [root] = _elements(
        ElementTree.fromstring(svg), lambda old: ids.setdefault(old, f"{prefix}-{len(ids)}")
    )
    root.attrib = {"role": "img", "aria-label": alt, "viewBox": root.attrib["viewBox"]}
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _elements(found: Element, new_id: Callable[[str], str]) -> list[Element]:
    """An element of matplotlib's SVG as a page needs it: a group that does nothing dissolves."""
    tag = found.tag.rpartition("}")[2]
    if tag in ("metadata", "style"):
        return []
    made = Element(tag)
    for key, value in found.attrib.items():
        match key.rpartition("}")[2]:
            case "id" if tag != "g":
                made.set("id", new_id(value))
            case "href":
                made.set("href", f"#{new_id(value.removeprefix('#'))}")
            case "clip-path":
                made.set("clip-path", f"url(#{new_id(value[5:-1])})")
            case "style":
                made.set("style", _themed(value))
            case name if name != "id" and not value.startswith("rotate(-0 "):
                made.set(name, _FURTHER_DIGITS.sub(r"\1", " ".join(value.split())))
    made.extend(one for child in found for one in _elements(child, new_id))
    if (tag == "g" and not made.attrib) or (tag == "defs" and not len(made)):
        return list(made)
    if tag == "text":
        made.text = found.text
    return [made]


def _themed(style: str) -> str:
    """A style with the page's colours and font."""
    declarations = [part.split(": ", 1) for part in style.split("; ")]
    themed = [(name, _THEMED.get(value, value)) for name, value in declarations]
    kept = ";".join(f"{name}:{value}" for name, value in themed if name != "font-family")
    return _FURTHER_DIGITS.sub(r"\1", kept)


def picture(
    name: str,
    alt: str,
    size: tuple[float, float],
    draw: Callable[[Figure], None],
    narrow: tuple[float, float] | None = None,
) -> Picture:
    """Let `draw` fill a figure of `size` inches, and one of size `narrow`; keep every form."""
    png = io.BytesIO()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A name may hold characters that the font has not; an SVG leaves them to the reader's.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure = _filled(size, draw)
        svg = _svg(figure)
        figure.dpi = 144
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": MARK})
        small = _svg(_filled(narrow, draw)) if narrow else ""
    return Picture(name, alt, svg, png.getvalue(), small)


def _filled(size: tuple[float, float], draw: Callable[[Figure], None]) -> Figure:
    """A figure with its layout made; `savefig` would make it again and again, and draw twice."""
    figure = Figure(figsize=size, layout="constrained", dpi=72)
    draw(figure)
    layout = figure.get_layout_engine()
    assert layout is not None
    layout.execute(figure)
    figure.set_layout_engine("none")
    return figure


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    FigureCanvasSVG(figure).print_svg(out, metadata=_METADATA)
    return out.getvalue()


def framework_colour(framework: str) -> str:
    """Its colour on light paper; one that has none of its own is drawn in ink."""
    return FRAMEWORKS.get(framework, (INK,))[0]


class Look(NamedTuple):
    """How a curve is drawn."""

    colour: str
    marker: str  # of each point
    dashes: Any


def looks(rows: Sequence[Row], dashes: Sequence[Any] = DASHES) -> list[Look]:
    """Of curves of rows like these: those of one framework take turns at markers and dashes."""
    found: list[Look] = []
    for number, row in enumerate(rows):
        framework = row.entry.framework
        turn = sum(other.entry.framework == framework for other in rows[:number])
        marker, dash = MARKERS[turn % len(MARKERS)], dashes[turn % len(dashes)]
        found.append(Look(framework_colour(framework), marker, dash))
    return found


def device_markers(rows: Sequence[Row]) -> dict[str, str]:
    """Device -> marker of those in `rows`, the CPU first."""
    devices = sorted({row.entry.device for row in rows}, key=lambda name: (name != "cpu", name))
    return {device: MARKERS[number % len(MARKERS)] for number, device in enumerate(devices)}


def short(label: str, most: int = 36) -> str:
    """A label that leaves room for the figure beside it."""
    return label if len(label) <= most else label[: most - 1] + "…"
