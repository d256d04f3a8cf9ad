"""Extra work after each fit, to check that the suite finds what became slower."""

from collections.abc import Callable

from backends.base import Fit

Clock = Callable[[], int]  # the time in ns
Work = Callable[[int], None]  # does that many steps

_BATCH_SECONDS = 5e-3  # of fits, and of extra work, when the latter is measured
_MEASURE_SECONDS = 0.5  # spent on measuring it, at least
_STEP_SECONDS = 4e-8  # of extra work, roughly


def count_up(steps: int) -> None:
    """Extra work: the interpreter's own steps, whose code every fit keeps in the caches.

    The first few calls of a library would take far longer than the later ones.
    """
    total = 0
    for step in range(steps):
        total += step


def slowed(
    fit: Callable[[], Fit], extra_work: float, clock: Clock, work: Work
) -> Callable[[], Fit]:
    """`fit`, and after it work that takes `extra_work` times as long.

    The work is a number of steps, and not a span of time: whatever slows down the machine slows it
    down as well, as it would a real regression.
    """

    def fit_and_work(steps: int) -> Fit:
        result = fit()
        work(steps)
        return result

    def seconds(steps: int, fits: int) -> float:
        began = clock()
        for _ in range(fits):
            fit_and_work(steps)
        return (clock() - began) / 1e9

    # In turns, so that both see the same state of the machine, and with enough steps to measure.
    seconds(0, 1)
    fits = max(1, round(_BATCH_SECONDS / seconds(0, 1)))
    steps = round(_BATCH_SECONDS / fits / _STEP_SECONDS)
    pairs: list[tuple[float, float]] = []
    began = clock()
    while len(pairs) < 20 or clock() - began < _MEASURE_SECONDS * 1e9:
        pairs.append((seconds(0, fits), seconds(steps, fits)))
    ratios = sorted(slow / plain for plain, slow in pairs)
    # On a busy machine the ratio may be lost in the noise: a step takes some time in any case.
    least = 0.05 * _STEP_SECONDS * fits / min(plain for plain, _ in pairs)
    of_a_step = max((ratios[len(ratios) // 2] - 1) / steps, least)
    wanted = round(extra_work / of_a_step)
    return lambda: fit_and_work(wanted)
