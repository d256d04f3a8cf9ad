"""Where a ratio crosses 1, from ratios whose law is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks import estimates
from benchmarks.estimates import Estimate
from benchmarks.samples import Sample
from reports.analysis.crossing import crossings

SIZES = (100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def exact(law: Callable[[float], float], reach: float = 1.01) -> dict[int, Estimate]:
    """The ratio at each size, known to within a factor."""
    return {n: Estimate(law(n), law(n) / reach, law(n) * reach) for n in SIZES}


def test_a_power_law_crosses_where_it_is_one() -> None:
    [found] = crossings(exact(lambda n: (n / 5000) ** 0.5))
    assert found.rises
    assert found.size == pytest.approx(5000)
    # 1 % of the ratio is 2 % of the size.
    assert (found.low, found.high) == pytest.approx((5000 / 1.01**2, 5000 * 1.01**2))


def test_the_way_down_is_told_from_the_way_up() -> None:
    [found] = crossings(exact(lambda n: 5000 / n))
    assert not found.rises
    assert found.low < 5000 < found.high


def test_a_size_at_which_the_ratio_is_one_says_where() -> None:
    [found] = crossings(exact(lambda n: n / 10_000))
    assert found.size == pytest.approx(10_000)
    assert (found.low, found.high) == pytest.approx((10_000 / 1.01, 10_000 * 1.01), rel=1e-3)


def test_of_a_stretch_along_one_only_its_ends_are_known() -> None:
    [found] = crossings(exact(lambda n: 0.5 if n < 1000 else 1.0 if n < 50_000 else 2.0))
    assert found.size is None
    assert 300 < found.low < 1000
    assert 30_000 < found.high < 100_000


@pytest.mark.parametrize("law", [lambda n: 2.0, lambda n: 1.0, lambda n: 1.0 + (n == 1000)])
def test_without_a_certain_size_on_each_side_there_is_none(law: Callable[[float], float]) -> None:
    assert crossings(exact(law)) == []


def test_nothing_is_known_of_no_sizes() -> None:
    assert crossings({}) == []


def noisy(seconds: float, noise: float, rng: np.random.Generator) -> dict[int, Sample]:
    taken = seconds * np.exp(noise * rng.standard_normal(20))
    return {turn: Sample(0, float(one)) for turn, one in enumerate(taken)}


@pytest.mark.parametrize("sizes", [SIZES, SIZES[::2]])
@pytest.mark.parametrize("noise", [0.002, 0.02])
def test_the_interval_holds_the_truth_between_curves_that_bend(
    noise: float, sizes: tuple[int, ...]
) -> None:
    """n and a + b n cross between sizes where neither is a power law: 95 % of 60 is 57."""
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(60):
        slope, share = 10 ** rng.uniform(-9, -8), 10 ** rng.uniform(-2, -0.5)
        truth = 10 ** rng.uniform(3, 5)
        start = slope * (1 - share) * truth

        ratios = {
            n: estimates.ratio(
                noisy(slope * n, noise, rng),
                noisy(start + share * slope * n, noise, rng),
                estimates.simultaneous(3),
            )
            for n in sizes
        }
        [found] = crossings({n: ratio for n, ratio in ratios.items() if ratio})
        held += found.low < truth < found.high
        assert math.log(found.high / found.low) < 0.5
    assert held >= 57
