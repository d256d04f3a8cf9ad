"""Workloads of plug-ins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from backends.description import PluginError
from benchmarks.engine import catalogue, resume
from benchmarks.errors import UserError
from benchmarks.problems.problem import Problem
from benchmarks.problems.workloads import select
from benchmarks.runfile.run import Run
from tests.benchmarks.engine.sources import GOOD, Write

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

Call = Callable[..., "Done"]

TAILS = """
import os
import numpy as np
from backends.custom import CustomWorkload

class Tails(CustomWorkload):
    name = "heavy-tails"
    description = "features with heavy tails"
    n_samples, n_features = 50, 2

    def make(self, rng):
        X = rng.standard_t(3, (50, 2))
        return X, X @ [1.0, 2.0] + rng.standard_t(3, 50)
"""


def _made(path: Path, seed: int = 0) -> Problem:
    return catalogue.survey([path]).workloads["heavy-tails"].make(seed)


def test_a_file_may_define_workloads_alone_and_backends_besides(write: Write) -> None:
    alone, both = write(TAILS, "alone.py"), write(GOOD + TAILS, "both.py")
    assert "mine" not in catalogue.survey([alone]).backends
    found = catalogue.survey([both])
    assert "mine" in found.backends
    assert list(found.workloads) == ["heavy-tails"]


@pytest.mark.parametrize("pattern", ["heavy-tails", "heavy-*", "plug-in", "*"])
def test_it_is_selected_by_name_glob_and_group(write: Write, pattern: str) -> None:
    further = catalogue.survey([write(TAILS)]).workloads
    assert further["heavy-tails"] in select([pattern], further)
    assert further["heavy-tails"] not in select(["default"], further)


def test_its_data_are_those_of_the_seed(write: Write) -> None:
    path = write(TAILS.replace("n_features = 50, 2", 'n_features = 50, 2\n    dtype = "float32"'))
    one, same, other = (_made(path, seed).data for seed in (1, 1, 2))
    assert one.X.dtype == one.y.dtype == np.float32
    assert (one.X.shape, one.y.shape, one.X_test.shape) == ((50, 2), (50,), (0, 2))
    assert np.array_equal(one.X, same.X)
    assert np.array_equal(one.y, same.y)
    assert not np.array_equal(one.X, other.X)


def test_backends_fit_it_and_are_judged(write: Write, tmp_path: Path, call: Call) -> None:
    path = write(TAILS)
    done = call(
        *("check", "--plugin", path, "--workloads", "heavy-tails", "--backends", "numpy-gelsd"),
        *("--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    written = Run.read(tmp_path / "out")
    [workload] = written.workloads.values()
    assert workload.description == "features with heavy tails (plug-in mine.py)"
    assert workload.weight is None  # nobody knows the truth
    found = catalogue.survey([path])
    again = resume.plan(written.header, found.backends, found.workloads)
    assert [one.name for one in again.workloads] == ["heavy-tails"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("raise ValueError('no data')", "was not made: ValueError: no data"),
        ("os._exit(3)", "was not made: its process exited with status 3"),
        ("return np.ones((50, 3)), np.ones(50)", "X is float64 of shape (50, 3), not float64 of"),
        ("return np.ones((50, 2)), np.ones(49)", "y is float64 of shape (49,), not"),
        ("return np.ones((50, 2)), np.full(50, np.nan)", "y has a number that is not finite"),
        ("return np.full((50, 2), 1e200), np.ones(50)", "X, row 0: 1e+200 is so large"),
        ("return [['a', 'b']] * 50, np.ones(50)", "was not made: ValueError: could not convert"),
        ("return 3", "was not made: TypeError: "),
    ],
)
def test_what_is_wrong_with_its_data_is_one_line(write: Write, line: str, message: str) -> None:
    path = write(TAILS.replace("X = rng", f"{line}\n        X = rng"))
    with pytest.raises(UserError) as raised:
        _made(path)
    assert str(raised.value).startswith(f"plug-in {path}: workload 'heavy-tails'")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_takes_the_place_of_its_data_is_not_read(write: Write) -> None:
    line = 'np.save = lambda path, *args, **how: os.symlink("/etc/passwd", path)'
    path = write(TAILS.replace("X = rng", f"{line}\n        X = rng"))
    with pytest.raises(UserError, match="X was not written"):
        _made(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"heavy-tails"', '"tall"', "the name 'tall' is taken"),
        ('"heavy-tails"', '"scaling"', "the name 'scaling' is taken"),
        ('"heavy-tails"', '"plug-in"', "the name 'plug-in' is taken"),
        ('"heavy-tails"', '"5x5"', "name must be "),
        ('"heavy-tails"', '"a*"', "name must be "),
        ("50, 2", "1, 2", "n_samples must be a number from 2 to a billion, and is 1"),
        ('    description = "features with heavy tails"', "", "description must be "),
    ],
)
def test_what_is_wrong_with_its_description_is_one_line(
    write: Write, old: str, new: str, message: str
) -> None:
    path = write(TAILS.replace(old, new, 1))
    with pytest.raises(PluginError, match=r"^plug-in .*mine\.py") as raised:
        catalogue.survey([path])
    assert message in str(raised.value)
