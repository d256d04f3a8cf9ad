"""How long workers that share a fit take to add up arrays: what distribution costs at least."""

from collections.abc import Sequence

from benchmarks.engine.answers import Exchanged
from benchmarks.engine.plan import Entry
from benchmarks.engine.recorder import Recorder
from benchmarks.engine.worker import WorkerFailed
from benchmarks.runfile.records import ExchangeRecord

#: The smallest shows the latency, and the largest the rate.
SIZES = (8, 1 << 14, 1 << 17, 1 << 20)


def measure(recorder: Recorder, entries: Sequence[Entry]) -> None:
    """Ask the first process of each entry whose backend has several workers; record what it says.

    The one with a single worker as well: whatever that spends on messages is no work to be shared.
    """
    shared = {entry.backend.name for entry in entries if entry.process.workers > 1}
    for entry in (entry for entry in entries if entry.backend.name in shared):
        process = entry.process
        try:
            found: Exchanged = recorder.pool.workers[process].ask("exchange", n_bytes=SIZES)
        except WorkerFailed as failure:
            recorder.failed(entry, process, "exchange", failure)
            continue
        if found.seconds:
            sizes = {"n_bytes": SIZES, "seconds": found.seconds}
            recorder.record(ExchangeRecord, entry, process, **sizes)
