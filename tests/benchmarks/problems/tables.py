"""Tables that tests write, and what an independent computation makes of their numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gate import reference
from benchmarks.problems.table import table
from benchmarks.problems.workloads import Workload
from benchmarks.runfile.header import Reading

#: The numbers of three columns; `Y` is no exact combination of the others.
A = [-2.5, 0.75, 1234.5, -1999.25, 17.125, 3.5, 250.75, -42.25]
B = [1.0, 12.0, -7.0, 3.0, 20.0, 14.0, -2.0, 6.0]
Y = [4.5, 2.0, 31.25, -18.5, 9.0, 1.5, 12.25, 0.75]


def rows(a: Sequence[object] = A, b: Sequence[object] = B) -> list[list[str]]:
    """The cells of a table with the columns a, b and y."""
    cells = zip(a, b, Y, strict=True)
    return [["a", "b", "y"], *([str(value) for value in row] for row in cells)]


def write(
    path: Path, rows: Sequence[Sequence[str]], encoding: str = "utf-8", **dialect: Any
) -> Path:
    """Write rows with the csv module."""
    text = io.StringIO()
    csv.writer(text, **{"lineterminator": "\n"} | dialect).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def read(path: Path, target: str | None = "y", **options: Any) -> Workload:
    """The workload of a table with options."""
    return table.workload(path, target, Reading(**options))


def fitted(workload: Workload) -> np.ndarray:
    """The suite's own coefficients, bias last."""
    found = reference.prepare(workload, workload.make(0)).solution.coefficients
    return np.asarray(found)


def expected(columns: Sequence[Sequence[float]], y: Sequence[float]) -> np.ndarray:
    """What NumPy makes of the numbers, bias last."""
    X = np.column_stack([*columns, np.ones(len(y))])
    return np.asarray(np.linalg.lstsq(X, np.array(y), rcond=None)[0])


def assert_fits(
    workload: Workload, columns: Sequence[Sequence[float]], y: Sequence[float] = Y
) -> None:
    """Check that a table was read to these numbers and has the coefficients of NumPy."""
    data = workload.make(0).data
    np.testing.assert_allclose(data.X, np.column_stack(columns), rtol=1e-15)
    np.testing.assert_allclose(data.y, y, rtol=1e-15)
    np.testing.assert_allclose(fitted(workload), expected(columns, y), rtol=1e-9, atol=1e-12)
