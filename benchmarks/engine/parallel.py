"""Several workers are asked at the same time."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from typing import Any, TypeVar

from benchmarks.engine.worker import WorkerFailed

Key = TypeVar("Key")
Result = TypeVar("Result")


def in_parallel(
    jobs: Iterable[tuple[Key, Callable[[], Result]]], at_once: int
) -> Iterator[tuple[Key, Result | WorkerFailed]]:
    """Ask workers in threads, `at_once` at most; the answers as they come.

    A job is taken from `jobs` only when there is room for it.
    """

    def answered(key: Key, ask: Callable[[], Result]) -> tuple[Key, Result | WorkerFailed]:
        try:
            return key, ask()
        except WorkerFailed as failure:
            return key, failure

    threads, running = ThreadPoolExecutor(at_once), set[Future[Any]]()
    try:
        for job in jobs:
            running.add(threads.submit(answered, *job))
            if len(running) == at_once:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in as_completed(running))
    finally:
        # Whoever is interrupted closes the workers, which ends these threads.
        threads.shutdown(wait=False, cancel_futures=True)
