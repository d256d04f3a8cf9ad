"""Who is faster for certain, and which places that leaves."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import estimates
from benchmarks.estimates import Estimate
from benchmarks.samples import Sample
from reports.analysis import places

FASTER, SLOWER, UNKNOWN = Estimate(0.5, 0.4, 0.6), Estimate(2.0, 1.6, 2.5), Estimate(1.0, 0.8, 1.2)


def found(**pairs: Estimate) -> dict[str, frozenset[str]]:
    """Who is faster than whom, from the ratio of each pair: `ab` is a over b."""
    names = sorted({name for pair in pairs for name in pair})
    ratios: places.Ratios = {name: {} for name in names}
    for (one, other), ratio in pairs.items():
        ratios[one][other] = ratio
        ratios[other][one] = Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
    return places.faster(ratios)


def test_a_place_is_what_certainty_leaves() -> None:
    faster = found(ab=FASTER, ac=FASTER, bc=UNKNOWN)
    assert faster == {"a": frozenset(), "b": {"a"}, "c": {"a"}}
    assert places.places(faster) == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}


def test_what_follows_is_certain_as_well() -> None:
    """No round has both a and c."""
    faster = found(ab=FASTER, bc=FASTER)
    assert places.places(faster) == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}


def test_what_contradicts_itself_decides_nothing() -> None:
    faster = found(ab=FASTER, bc=FASTER, ca=FASTER, ad=FASTER, bd=FASTER, cd=FASTER)
    assert places.places(faster) == {"a": (1, 3), "b": (1, 3), "c": (1, 3), "d": (4, 4)}


def test_one_alone_is_first_and_none_is_nothing() -> None:
    assert places.places(places.faster(places.ratios({"a": {}}, 0.95))) == {"a": (1, 1)}
    assert places.places({}) == {}


@pytest.mark.parametrize("seed", range(3))
def test_places_hold_the_true_ones(seed: int) -> None:
    """Ten entries, some of them 1 % apart, with a process's own spread of 0.6 %."""
    rng = np.random.default_rng(seed)
    true = np.cumsum(rng.choice([0.01, 0.5], size=10))
    times = {
        f"{number}": {
            turn: Sample(0, float(np.exp(log + 0.03 * rng.standard_normal()))) for turn in range(30)
        }
        for number, log in enumerate(true + 0.006 * rng.standard_normal(10))
    }
    ratios = places.ratios(times, estimates.simultaneous(10))
    assert ratios["0"]["1"].value == pytest.approx(1 / ratios["1"]["0"].value)
    ends = places.places(places.faster(ratios))
    assert all(ends[f"{number}"][0] <= number + 1 <= ends[f"{number}"][1] for number in range(10))
    assert any(best == worst for best, worst in ends.values())
