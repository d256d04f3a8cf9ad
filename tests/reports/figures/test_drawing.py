"""Figures fit into a page; their colours can be told apart, by any eye and on either paper."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.figures.drawing import FRAMEWORKS, INK, MARK, Picture, picture

#: What an eye sees of linear red, green and blue; those without red or green cones after Machado,
#: Oliveira & Fernandes (2009), *A physiologically-based model for simulation of color vision
#: deficiency*, at severity 1.
EYES = {
    "usual": np.eye(3),
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ.sum(axis=1)
PAPERS = ("#ffffff", "#14171a")


def _linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    """CIELAB, in which equal distances look about equally far apart."""
    ratio = XYZ @ linear / WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _luminance(colour: str) -> float:
    return float(XYZ[1] @ _linear(colour))


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("scheme", [0, 1])
def test_all_pairs_of_frameworks_can_be_told_apart(scheme: int, eye: str) -> None:
    seen = {
        name: _lab(np.clip(np.array(EYES[eye]) @ _linear(colours[scheme]), 0, 1))
        for name, colours in FRAMEWORKS.items()
    }
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 20, (one, other)


@pytest.mark.parametrize("scheme", [0, 1])
def test_all_stand_out_from_the_paper(scheme: int) -> None:
    paper = _luminance(PAPERS[scheme])
    for name, colours in FRAMEWORKS.items():
        darker, lighter = sorted([paper, _luminance(colours[scheme])])
        assert (lighter + 0.05) / (darker + 0.05) > 2.95, name


def _draw(figure: Figure) -> None:
    axes = figure.add_subplot()
    axes.plot([1, 2], [1.23456, 2], marker="o", color=INK, label="<a> & 'b'")
    axes.set_ylabel("turned")
    figure.legend()


@pytest.fixture(scope="module")
def drawn() -> Picture:
    return picture("name", 'alt & "quoted" <b>', (3, 2), _draw, (2, 2))


def _forms(drawn: Picture) -> list[ElementTree.Element]:
    wide, narrow = ElementTree.fromstring(f"<div>{drawn.inline}</div>").findall(".//svg")
    return [wide, narrow]


def test_an_inline_figure_has_what_a_page_needs_and_no_more(drawn: Picture) -> None:
    for form in _forms(drawn):
        assert set(form.attrib) == {"role", "aria-label", "viewBox"}
        assert form.get("aria-label") == 'alt & "quoted" <b>'
        tags = {element.tag for element in form.iter()}
        assert tags <= {"svg", "g", "path", "defs", "use", "text", "clipPath", "rect"}
        assert "<a> & 'b'" in [text.text for text in form.iter("text")]
        assert any("rotate(-90" in text.get("transform", "") for text in form.iter("text"))
    assert not re.search(r"font-family|#1b1f24|\d\.\d{3}", drawn.inline)


def test_ids_of_an_inline_figure_are_its_own_and_lead_somewhere(drawn: Picture) -> None:
    forms = _forms(drawn)
    ids = [
        element.attrib["id"] for form in forms for element in form.iter() if "id" in element.attrib
    ]
    assert len(ids) == len(set(ids)) >= 4
    assert all(name.startswith("name-") for name in ids)
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', drawn.inline)) == set(ids)


def test_markers_are_drawn_only_where_they_are_used(drawn: Picture) -> None:
    for form in _forms(drawn):
        defined = {id(path) for defs in form.iter("defs") for path in defs.iter("path")}
        assert defined
        assert all(id(path) in defined for path in form.iter("path") if "id" in path.attrib)


def test_files_are_complete_and_bear_the_mark(drawn: Picture) -> None:
    assert drawn.svg.startswith("<?xml")
    assert MARK in drawn.svg
    assert MARK.encode() in drawn.png
