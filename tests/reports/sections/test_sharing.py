"""Several workers to one fit, on the page and in the terminal."""

from __future__ import annotations

import re
from pathlib import Path

from reports.page import write
from tests.reports import runs
from tests.reports.pages import documented
from tests.reports.sections.test_sharings import run


def test_the_page_says_from_where_workers_pay_and_what_they_cost(tmp_path: Path) -> None:
    document = documented(run())
    assert document.sharing is not None
    (sentence,) = document.sharing.sentences
    pattern = r"Against one process with as many threads, 2 workers of dask-gram pay from about "
    assert re.match(pattern + r"[\d,]+ samples \([\d,]+ to [\d,]+\), at 10 features", sentence)
    page = write(document, tmp_path).read_text(encoding="utf-8")
    assert sentence in page
    assert "What more workers would give: a projection" in page
    assert "1,000 workers" in page
    assert (tmp_path / "figures" / "workers.svg").exists()


def test_a_run_without_shared_fits_says_nothing_of_them(tmp_path: Path) -> None:
    document = documented(runs.run(["line"]))
    assert document.sharing is None
    assert "Several workers" not in write(document, tmp_path).read_text(encoding="utf-8")
