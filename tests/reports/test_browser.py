"""The page in a browser: it sorts, filters, opens rows, fits a phone, and fetches nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium_axe_python import Axe

from benchmarks.runfile.records import SampleRecord, VerdictRecord, WorkerRecord, WorkloadRecord
from benchmarks.runfile.run import Run
from reports import side_by_side
from reports.analysis.rows import rows
from reports.sources import Source
from tests.reports import runs
from tests.reports.pages import written

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (_CHROMIUM and _DRIVER), reason="needs Debian's chromium and chromium-driver"
    ),
]
_FLAGS = (
    "headless no-sandbox disable-gpu disable-dev-shm-usage disable-quic no-first-run "
    "disable-background-networking disable-component-update disable-sync hide-scrollbars"
)
_LONG = "torch-" + "long" * 12


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = _CHROMIUM or ""
    for flag in _FLAGS.split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(_DRIVER))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with everything in it: failures, two devices, two styles, a log, long names."""
    folder = tmp_path_factory.mktemp("a folder with 'quotes' & <b>")
    made = runs.run(("tutorial", "line-descent", "ill-conditioned"))
    made = runs.fail(made, "ill-conditioned/tensorflow-cholesky/cpu/1", "a reason " * 20)
    made = runs.lose(made, "tutorial/tensorflow-keras/cpu/1", "absent", "not installed")
    untimed = "tutorial/numpy-loop/cpu/1"
    made = runs.altered(made, SampleRecord, lambda s: None if s.entry == untimed else s)
    made = runs.also_on_cuda(made)
    entries = [
        replace(entry, backend=_LONG) if entry.backend == "torch-gelsy" else entry
        for entry in made.header.entries
    ]
    # "9e-09" comes after "1.2e-07" only as text.
    small = "tutorial/torch-eager/cpu/1"
    made = runs.altered(
        runs.with_header(made, entries=entries),
        VerdictRecord,
        lambda v: replace(v, weight_error=9e-9) if v.entry == small else v,
    )
    (folder / "logs").mkdir()
    for worker in made.of(WorkerRecord):
        (folder / worker.log).write_text("a long line of a framework " * 40)
    return _url(made, folder)


def _url(made: Run, folder: Path) -> str:
    """Of the page of a run."""
    written(made, folder)
    return (folder / "index.html").as_uri()


@pytest.fixture
def opened(browser: Chrome, url: str) -> Chrome:
    """The page, freshly loaded, on a desk in daylight."""
    _look(browser, 1440, "light")
    browser.get(url)
    return browser


def _look(browser: Chrome, width: int, scheme: str) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def _ranking(browser: Chrome, name: str) -> WebElement:
    section = browser.find_element(By.CSS_SELECTOR, f'section[aria-labelledby="w-{name}"]')
    return section.find_element(By.CSS_SELECTOR, "table.entries")


def _backends(table: WebElement) -> list[str]:
    cells = table.find_elements(By.CSS_SELECTOR, ".entry:not([hidden]) > tr:first-child > th")
    return [cell.text.splitlines()[0] for cell in cells]


def test_a_table_sorts_both_ways_and_back(opened: Chrome) -> None:
    table = _ranking(opened, "line-descent")
    ranked = _backends(table)
    heading = table.find_elements(By.CSS_SELECTOR, "thead th")[1]
    button = heading.find_element(By.TAG_NAME, "button")
    button.click()
    assert _backends(table) == sorted(ranked)
    assert heading.get_attribute("aria-sort") == "ascending"
    button.send_keys(Keys.ENTER)
    assert _backends(table) == sorted(ranked, reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"
    button.click()
    assert _backends(table) == ranked
    assert heading.get_attribute("aria-sort") is None


@pytest.mark.parametrize("heading", ["time of one fit", "error, and bound"])
def test_numbers_sort_as_numbers_and_what_has_none_comes_last(opened: Chrome, heading: str) -> None:
    table = _ranking(opened, "tutorial")
    headings = table.find_elements(By.CSS_SELECTOR, "thead th")
    column = [h.text for h in headings].index(heading)
    for descending in (False, True):
        headings[column].find_element(By.TAG_NAME, "button").click()
        css = f".entry > tr:first-child > :nth-child({column + 1})"
        cells = table.find_elements(By.CSS_SELECTOR, css)
        found = [cell.get_attribute("data-value") or "" for cell in cells]
        values = [float(value) for value in found if value]
        assert len(values) > 3
        assert values == sorted(values, reverse=descending)
        if column == 2:
            assert found.index("") == len(values) == len(found) - 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("framework", "numpy"), ("device", "cuda:0"), ("style", "tuned"), ("verdict", "failed")],
)
def test_tables_filter(opened: Chrome, name: str, value: str) -> None:
    everything = opened.find_elements(By.CSS_SELECTOR, ".entry")
    wanted = [e for e in everything if e.get_attribute(f"data-{name}") == value]
    assert 0 < len(wanted) < len(everything)
    Select(opened.find_element(By.NAME, name)).select_by_value(value)
    assert [e for e in everything if e.is_displayed()] == wanted
    said = opened.find_element(By.CSS_SELECTOR, "#filters output").text
    assert said == f"{len(wanted)} of {len(everything)} rows"
    opened.find_element(By.CSS_SELECTOR, "#filters button").click()
    assert all(e.is_displayed() for e in everything)


def test_a_row_opens_by_mouse_and_by_keyboard(opened: Chrome) -> None:
    by_mouse, by_keyboard = opened.find_elements(By.CSS_SELECTOR, ".entry")[:2]
    by_mouse.find_element(By.TAG_NAME, "th").click()
    summary = by_keyboard.find_element(By.TAG_NAME, "summary")
    summary.send_keys(Keys.ENTER)
    for entry in (by_mouse, by_keyboard):
        words = entry.find_element(By.CSS_SELECTOR, ".evidence").text
        assert "LAPACK Users' Guide" in words
        assert "a long line of a framework" in words
        assert "linreg-bench run --workloads tutorial --backends" in words
        assert entry.find_element(By.CSS_SELECTOR, "svg.timeline").is_displayed()
    summary.send_keys(Keys.ENTER)
    assert not by_keyboard.find_element(By.CSS_SELECTOR, ".evidence").is_displayed()


def test_nothing_is_fetched_and_the_console_is_silent(browser: Chrome, url: str) -> None:
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(url)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requested = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert requested == [url]
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.get_log("browser") == []


_TOO_WIDE = """
const found = [], width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width) found.push("the page");
for (const element of document.querySelectorAll("body *")) {
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  if (!box.width || !box.height) continue;
  const name = element.tagName + " " + element.textContent.trim().slice(0, 40);
  if (box.right > width + 1 || box.left < -1) found.push("beyond the page: " + name);
  if (["auto", "scroll", "hidden", "clip"].includes(style.overflowX)
      && element.scrollWidth > element.clientWidth + 1) found.push("scrolls: " + name);
  const svg = element.ownerSVGElement?.getBoundingClientRect();
  if (svg && (box.right > svg.right + 1 || box.left < svg.left - 1)) found.push("cut: " + name);
}
return found;
"""


@pytest.mark.parametrize("width", [390, 1440])
def test_what_to_take_is_on_the_first_screen(browser: Chrome, width: int, tmp_path: Path) -> None:
    """Five lines: two methods, idiomatic ones, ill-conditioned data; 844 px high is a phone."""
    made = runs.run()
    nearest = ("tensorflow-xla", "torch-cholesky", "numpy-gelsd")
    entries = [
        replace(entry, style="tuned" if entry.backend in nearest else "idiomatic")
        for entry in made.header.entries
    ]
    made = runs.with_header(made, entries=entries)
    made = runs.altered(made, WorkloadRecord, lambda w: replace(w, condition=1e5))
    _look(browser, width, "light")
    browser.get(_url(made, tmp_path))
    lines = browser.find_elements(By.CSS_SELECTOR, ".take > div")
    assert len(lines) == 5
    assert max(line.rect["y"] + line.rect["height"] for line in lines) < 844
    browser.find_element(By.LINK_TEXT, "How near each comes").click()
    assert browser.find_element(By.ID, "profiles").is_displayed()


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_cut_off_or_scrolls_sideways(opened: Chrome, width: int) -> None:
    _look(opened, width, "light")
    opened.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    assert opened.execute_script(_TOO_WIDE) == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_axe_finds_nothing_serious(opened: Chrome, width: int, scheme: str) -> None:
    _look(opened, width, scheme)
    opened.execute_script("document.querySelectorAll('details')[0].open = true")
    axe = Axe(opened)
    axe.inject()
    # A figure is one image with a description: what is drawn within it is nothing to axe.
    found: dict[str, list[dict[str, Any]]] = axe.run({"exclude": [["svg[role=img] > *"]]})
    assert found["passes"]
    assert [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]][:3])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ] == []


def test_hostile_text_does_nothing(browser: Chrome, tmp_path: Path) -> None:
    browser.get_log("browser")
    browser.get(_url(runs.hostile(), tmp_path / "<img src=x onerror=alert(1)>"))
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text
    assert browser.get_log("browser") == []
    for width in (390, 1440):
        _look(browser, width, "light")
        assert browser.execute_script(_TOO_WIDE) == []


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("made", [runs.race, runs.sizes])
def test_floors_races_and_series_fit_and_are_accessible(
    browser: Chrome, made: Callable[[], Run], width: int, tmp_path: Path
) -> None:
    _look(browser, width, "dark")
    browser.get(_url(runs.measured(made()), tmp_path))
    assert browser.find_element(By.ID, "limits").is_displayed()
    assert browser.execute_script(_TOO_WIDE) == []
    axe = Axe(browser)
    axe.inject()
    found: dict[str, list[dict[str, Any]]] = axe.run({"exclude": [["svg[role=img] > *"]]})
    assert [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("width", [390, 1440])
def test_several_runs_fit_and_are_accessible(browser: Chrome, width: int, tmp_path: Path) -> None:
    sources = [
        Source(tmp_path / f"{seed}", made, rows(made), "a machine", [])
        for seed in range(5)
        if (made := runs.also_on_cuda(runs.run(("line", "tutorial"), seed=seed)))
    ]
    _look(browser, width, "light")
    browser.get(side_by_side.write(sources, tmp_path).as_uri())
    assert browser.find_element(By.CSS_SELECTOR, ".runs .mark").is_displayed()
    assert browser.execute_script(_TOO_WIDE) == []
    axe = Axe(browser)
    axe.inject()
    found: dict[str, list[dict[str, Any]]] = axe.run()
    assert [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("made", [runs.race, runs.sizes])
def test_a_phone_shows_every_cell_with_its_heading(
    browser: Chrome, made: Callable[[], Run], tmp_path: Path
) -> None:
    _look(browser, 390, "light")
    browser.get(_url(runs.measured(made()), tmp_path))
    # Of the other tables a row opens to its evidence, which has what a phone leaves out.
    cells = browser.find_elements(By.CSS_SELECTOR, "table:not(.entries, .phases) tbody td")
    assert len(cells) > 20
    assert all(cell.is_displayed() and cell.get_attribute("data-heading") for cell in cells)


@pytest.mark.parametrize("width", [390, 1440])
def test_a_mark_stands_where_its_number_says(opened: Chrome, width: int) -> None:
    _look(opened, width, "light")
    table = _ranking(opened, "line-descent")
    dots = table.find_elements(By.CSS_SELECTOR, ".entry .mark path")
    places = [dot.rect["x"] + dot.rect["width"] / 2 for dot in dots]
    assert len(places) == len(_backends(table))
    assert places == sorted(places)
    assert places[-1] - places[0] > 40
    ticks = table.find_elements(By.CSS_SELECTOR, ".ticks .axis span")
    shown = [tick.rect for tick in ticks if tick.is_displayed()]
    assert len(shown) >= 2
    for one, other in pairwise(shown):
        assert one["x"] + one["width"] < other["x"]


def test_without_a_script_the_page_is_whole(browser: Chrome, url: str, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(url)
        assert not browser.find_element(By.ID, "filters").is_displayed()
        entry = browser.find_element(By.CSS_SELECTOR, ".entry")
        entry.find_element(By.TAG_NAME, "summary").click()
        assert entry.find_element(By.CSS_SELECTOR, ".evidence").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
