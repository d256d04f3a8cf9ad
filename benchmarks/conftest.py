"""Options of the pytest-benchmark suite, and what a reader of its table has to know."""

import pytest

_CAUTION = (
    "These were timed one after the other: a difference may be the machine's. `linreg-bench run` "
    "does better: it times all entries in interleaved rounds, and says what is certain."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="optional backends as well")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(_CAUTION)
