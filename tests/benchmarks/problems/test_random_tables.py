"""Random tables in random layouts: what was written is read, and what is spoilt is one line."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from benchmarks.errors import UserError
from benchmarks.printable import line
from tests.benchmarks.problems.tables import expected, fitted, read, write

TEXTS = ("Rome", "Oslo, N", 'New "York"', "São Paulo", "a;b")


def _random_table(rng: random.Random, path: Path) -> tuple[str, list[list[float]], list[float]]:
    """Write numbers in a random layout: the target's name, the features, the target."""
    delimiter = rng.choice(",;\t| ")
    mark = "." if delimiter == "," else rng.choice(".,")
    group = {".": ",", ",": "."}[mark]

    def number() -> tuple[float, str]:
        value = round(rng.uniform(-50, 50), 4)
        return value, f"{value:.4f}".replace(".", mark)

    def grouped() -> tuple[float, str]:
        value = rng.randint(-9_999_999, 9_999_999)
        return value, f"{value:,}".replace(",", group)

    def money() -> tuple[float, str]:
        value = rng.randint(0, 99_999)
        return value, "€" + f"{value:,}".replace(",", group)

    def percent() -> tuple[float, str]:
        value = rng.randint(0, 999) / 10
        return value, f"{value}".replace(".", mark) + rng.choice([" %", "%"])

    kinds = [number, *rng.choices([number, grouped, money, percent], k=rng.randint(1, 4))]
    n_rows = rng.randint(10, 150)
    columns = [[kind() for _ in range(n_rows)] for kind in kinds]
    cells = [[text for _, text in column] for column in columns]
    names = ["y", "größe", "b", "ç", "d"][: len(kinds)]
    if rng.random() < 0.5:
        names.append("city")
        cells.append([rng.choice(TEXTS) for _ in range(n_rows)])
    header = rng.random() < 0.8
    rows = [names] if header else []
    rows += [list(row) for row in zip(*cells, strict=True)]
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    write(path, rows, encoding, delimiter=delimiter, quoting=rng.choice([0, 1]))
    values = [[value for value, _ in column] for column in columns]
    return "y" if header else "column 1", values[1:], values[0]


@pytest.mark.parametrize("seed", range(4))
def test_random_layouts(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    for number in range(15):
        path = tmp_path / f"{number}.csv"
        target, columns, y = _random_table(rng, path)
        workload = read(path, target)
        data = workload.make(0).data
        np.testing.assert_allclose(data.X, np.column_stack(columns), rtol=1e-15)
        np.testing.assert_allclose(data.y, y, rtol=1e-15)
        if not number:
            known = expected(columns, y)
            np.testing.assert_allclose(fitted(workload), known, rtol=1e-6, atol=1e-9)


NASTY = (
    *("1,234", "$5", "12 %", "−3", "?", "NA", "1e400", "nan", "inf", "\0", "\x1b[31m", "\u202e"),
    *('"', '""', "\n", "\r", "\t", ";", ",", "|", " ", "9007199254740993", "1.234,5", "日本"),
    *("٣", "\ufeff", "sep=;\n", "a" * 3000, "1" * 400, "\ud7ff", "=", "#"),
)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_tables_are_read_or_refused_in_one_line(tmp_path: Path, seed: int) -> None:
    rng, read_ = random.Random(seed), 0
    for number in range(50):
        path = tmp_path / f"{number}.csv"
        target, _, _ = _random_table(rng, path)
        content = path.read_bytes()
        for _ in range(rng.choice([1, 1, 2, 5])):
            start = rng.randrange(len(content) + 1)
            end = start + rng.choice([0, 1, 1, 9, len(content)])
            nasty = rng.choice(NASTY).encode() if rng.random() < 0.8 else rng.randbytes(3)
            content = content[:start] + nasty + content[end:]
        path.write_bytes(gzip.compress(content)[:-4] if rng.random() < 0.05 else content)
        try:
            found = read(path, target)
            data = found.make(0).data
            assert np.isfinite(data.X).all()
            assert np.isfinite(data.y).all()
            said, read_ = found.description, read_ + 1
        except UserError as error:
            said = str(error)
        assert line(said) == said
    assert 0 < read_ < 50


@pytest.mark.parametrize("save", [parquet.write_table, feather.write_feather])
def test_damaged_tables_with_types_are_read_or_refused_in_one_line(
    tmp_path: Path, save: Callable[[pa.Table, Path], None]
) -> None:
    rng, path = random.Random(5), tmp_path / "t"
    a = [rng.random() for _ in range(100)]
    text = pa.array([f"{value:.6f}" for value in a])
    table = {"a": a, "text": text, "words": text.dictionary_encode(), "l": [[1]] * 100, "y": a}
    save(pa.table(table), path)
    content = path.read_bytes()
    for _ in range(200):
        broken = bytearray(content)
        for _ in range(rng.choice([1, 2, 20])):
            broken[rng.randrange(6, len(broken) - 6)] = rng.choice([0, 255, rng.randrange(256)])
        path.write_bytes(broken)
        try:
            said = read(path, drop_missing=True).description
        except UserError as error:
            said = str(error)
        assert line(said) == said
