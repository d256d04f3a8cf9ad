"""Least squares in rational arithmetic, to check references and certified values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

Fractions = list[Fraction]


def least_squares(A: Sequence[Sequence[Fraction]], y: Sequence[Fraction]) -> Fractions:
    """The solution of the normal equations, for independent columns."""
    reduced, pivots = _reduce(_normal(A, y))
    assert len(pivots) == len(A[0])
    return [row[-1] for row in reduced]


def shortest(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The minimiser (weight, bias) with the shortest weight, bias last, rounded once.

    With the centred features X = B C in reduced row echelon form C, and z the coefficients of B,
    the shortest w with C w = z is C' (C C')^-1 z.
    """
    rows = [[Fraction(float(x)) for x in row] for row in X]
    targets = [Fraction(float(value)) for value in y]
    means = [sum(column, Fraction(0)) / len(rows) for column in zip(*rows, strict=True)]
    mean = sum(targets, Fraction(0)) / len(targets)
    centred = [[x - m for x, m in zip(row, means, strict=True)] for row in rows]
    reduced, pivots = _reduce(_normal(centred, [value - mean for value in targets]))
    C = [row[:-1] for row in reduced[: len(pivots)]]
    gram = [[_dot(a, b) for b in C] + [row[-1]] for a, row in zip(C, reduced, strict=False)]
    solved, _ = _reduce(gram)
    weight = [
        sum((solved[i][-1] * C[i][j] for i in range(len(C))), Fraction(0))
        for j in range(len(means))
    ]
    return np.array([float(v) for v in [*weight, mean - _dot(means, weight)]])


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _normal(A: Sequence[Sequence[Fraction]], y: Sequence[Fraction]) -> list[Fractions]:
    """A'A, and A'y as a last column."""
    columns = [*zip(*A, strict=True)]
    return [[_dot(a, b) for b in columns] + [_dot(a, y)] for a in columns]


def _reduce(rows: list[Fractions]) -> tuple[list[Fractions], list[int]]:
    """The reduced row echelon form, with all columns but the last eliminated, and its pivots."""
    rows, pivots = [row[:] for row in rows], []
    for column in range(len(rows[0]) - 1 if rows else 0):
        place = len(pivots)
        below = next((i for i in range(place, len(rows)) if rows[i][column]), None)
        if below is None:
            continue
        rows[place], rows[below] = rows[below], rows[place]
        rows[place] = [value / rows[place][column] for value in rows[place]]
        for i, row in enumerate(rows):
            if i != place and row[column]:
                rows[i] = [a - row[column] * b for a, b in zip(row, rows[place], strict=True)]
        pivots.append(column)
    return rows, pivots
