"""`[tool.linreg-bench]` in a project's pyproject.toml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cli import settings
from benchmarks.cli.app import main
from benchmarks.runfile.run import Run
from tests.reports import runs

PLUGINS = Path(__file__).parents[1] / "plugins"
Bench = Callable[..., tuple[object, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of somebody's project; the current folder is one inside."""
    inside = tmp_path / "docs"
    inside.mkdir()
    monkeypatch.chdir(inside)
    return tmp_path


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Bench:
    def bench(*words: object) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return bench


def _settings(project: Path, text: str) -> Path:
    path = project / "pyproject.toml"
    path.write_text(f'[project]\nname = "theirs"\n[tool.linreg-bench]\n{text}\n')
    return path


def test_a_check_without_options_does_what_the_project_says(project: Path, bench: Bench) -> None:
    (project / "mine.py").write_text((PLUGINS / "wrong.py").read_text())
    path = _settings(
        project,
        'workloads = ["line"]\nbackends = ["wrong-thousandth", "numpy-*"]\nplugins = ["mine.py"]',
    )
    status, _, said = bench("check")
    assert status == 1
    assert f"using [tool.linreg-bench] of {path}" in said
    entries = Run.read(project / "docs/reports/latest").header.entries
    assert {entry.id for entry in entries} == {
        "line/numpy-gelsd/cpu/1",
        "line/wrong-thousandth/cpu/1",
    }


def test_the_command_line_wins(project: Path) -> None:
    _settings(project, 'workloads = ["line", "tall"]\nbackends = ["numpy-*"]\nbudget = "9s"')
    assert settings.defaults(["run"])["run"] == {
        "workloads": "line,tall",
        "backends": ["numpy-*"],
        "budget": "9s",
    }
    assert settings.defaults(["run", "--full"])["run"] == {"budget": "9s"}
    with_data = settings.defaults(["run", "--data=x.csv"])["run"]
    assert with_data == {"backends": ["numpy-*"], "budget": "9s"}


def test_an_option_replaces_a_setting(project: Path, bench: Bench) -> None:
    _settings(project, 'workloads = ["tall"]\nbackends = ["numpy-gelsd"]')
    status, shown, said = bench("check", "--workloads", "line", "--quiet")
    assert (status, said) == (0, "")
    assert shown.startswith("report: ")
    [entry] = Run.read(project / "docs/reports/latest").header.entries
    assert entry.id == "line/numpy-gelsd/cpu/1"


def test_a_limit_is_that_of_comparisons(project: Path, bench: Bench) -> None:
    _settings(project, 'fail-if-slower = "5%"')
    old = runs.run(("line",), rounds=40)
    slow = runs.altered(
        old,
        runs.SampleRecord,
        lambda s: s if "torch-gelsy" not in s.entry else runs.replace(s, seconds=3 * s.seconds),
    )
    paths = [runs.write(run, project / name) for run, name in ((old, "old"), (slow, "new"))]
    assert bench("compare", *paths)[0] == 1
    assert bench("compare", *paths, "--fail-if-slower", "400%")[0] == 0
    # A run without anything beside it has nothing that it could be slower than.
    status, _, said = bench("run", "--workloads", "nosuch")
    assert status == 2
    assert "unknown workload" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('worklods = ["line"]', "'worklods'; did you mean 'workloads'?"),
        ('workloads = "line"', "workloads must be a list of texts, and is 'line'"),
        ("budget = 9", "budget must be a text, and is 9"),
        ("workloads = [", "is not sound: "),
    ],
)
def test_what_is_wrong_there_is_one_line(
    project: Path, bench: Bench, text: str, message: str
) -> None:
    path = _settings(project, text)
    status, shown, said = bench("list")
    assert (status, shown) == (2, "")
    assert message in said
    assert str(path) in said
    assert said.count("\n") == 1


def test_what_lies_above_a_repository_is_left_alone(project: Path) -> None:
    _settings(project, 'budget = "9s"')
    assert settings.defaults(["run"])
    (project / "docs/.git").mkdir()
    assert settings.defaults(["run"]) == {}


def test_other_projects_are_left_alone(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    (project / "docs/sub").mkdir()
    (project / "docs/sub/pyproject.toml").write_text("[tool.linreg-bench]\nbudget = '1s'\n")
    assert settings.defaults(["run"]) == {}
