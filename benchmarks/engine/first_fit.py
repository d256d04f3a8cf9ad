"""What the first fit of an entry in a process showed, and the second one of an expensive entry."""

from dataclasses import dataclass

from benchmarks.engine.answers import First, Loaded
from benchmarks.engine.contender import EXPENSIVE_SECONDS
from benchmarks.samples import Sample
from benchmarks.verdict import Verdict


@dataclass(frozen=True)
class FirstFit:
    """What an entry's first fit in a process showed."""

    loaded: Loaded
    answer: First
    cores: list[int]  # of its samples
    mismatch: str  # why it is not the work that was asked for; empty if it is
    verdict: Verdict
    second: float | None = None  # seconds of the next fit, where the first was expensive

    @property
    def reason(self) -> str:
        """Why the entry may not be timed; empty if it may."""
        return self.mismatch or self.verdict.reason

    @property
    def fit_seconds(self) -> float:
        """How long a fit takes, as far as that is known."""
        return self.second or self.answer.seconds

    def sample(self, replicate: int) -> Sample | None:
        """The second fit, if it is too expensive to discard; `replicate` names its process."""
        if self.second is None or self.second <= EXPENSIVE_SECONDS:
            return None
        return Sample(replicate, self.second)
