"""What becomes of entries whose worker somebody killed: each fits once more, with nobody near.

The suite's own signals are known, so that any other one may have come from a neighbour. Whether it
did cannot be seen; whether the entry fits without neighbours can.
"""

from dataclasses import replace

from benchmarks.engine.recorder import Recorder
from benchmarks.engine.worker import WorkerFailed


def fit_alone(recorder: Recorder) -> None:
    """At the end of a run: fit, judge and record the entries that were killed beside plug-ins."""
    pool = recorder.pool
    if recorder.killed:
        pool.workers.keep(())
    for entry, (process, phase, reason) in list(recorder.killed.items()):
        recorder.progress.status(f"{entry.id}: fitting alone")
        name, number = entry.workload.name, recorder.plan.most_replicates
        again = replace(process, workload=name, replicate=number, forking=None)  # of its own
        try:
            wrong = pool.first_fit(entry, again).reason
            alone = f"alone, it fits wrong: {wrong}" if wrong else "alone, it fits right"
        except WorkerFailed as failure:
            alone = f"alone as well: {failure}"
        pool.workers.retire([again])
        recorder.drop(entry, phase, f"{reason}; {alone}", process)
