"""How the client gets to a scheduler of Dask: one that is running, or one of its own."""

import asyncio
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster, Security
from distributed.comm import connect as connect_to

from benchmarks.cluster.place import sources
from benchmarks.errors import UserError

#: Seconds in which a scheduler has to answer.
_PATIENCE = 5.0
_LOCAL, _REMOTE = re.compile(r"local:([1-9]\d{0,2})"), re.compile(r"[a-z]+://\S+:\d+")
#: Of what is started here: no worker is dropped for being silent, and what Dask does all the time
#: takes less from those who measure: a few per cent of a core in each process otherwise.
_SETTINGS = {
    "distributed.scheduler.worker-ttl": None,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
#: Those that have to be the same everywhere, or Dask's messages may not be understood.
_SAME = ("python", "dask", "distributed")


@contextmanager
def connect(address: str) -> Iterator[Client]:
    """A client of the scheduler at `address`, such as tcp://host:8786; or local:3.

    local:3 starts a scheduler and three workers here, on the loopback interface, which end with
    this process.

    Raises:
        UserError: nobody answers there, or has another version of Dask or of Python.
    """
    for name in ("distributed", "distributed.client"):  # what matters is said by us
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if (local := _LOCAL.fullmatch(address)) is None:
        with _connected(address) as client:
            yield client
        return
    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=int(local[1]),
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _connected(address: str) -> Client:
    if not _REMOTE.fullmatch(address):
        raise UserError(
            f"--cluster {address}: needs the address of a scheduler, such as tcp://host:8786, or "
            "local:N"
        )
    try:
        asyncio.run(asyncio.wait_for(_greet(address), _PATIENCE))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions, which are looked at below
            client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise UserError(
            f"no scheduler of Dask answers at {address}: start one with `dask scheduler`, or "
            f"give the address that it prints ({type(error).__name__})"
        ) from None
    try:
        _check_versions(client.get_versions(), address)
        _check_scheduler(client, address)
    except BaseException:
        client.close()
        raise
    return client


async def _greet(address: str) -> None:
    """Exchange the first messages: a client would wait without end for a server of another kind."""
    comm = await connect_to(address, **Security().get_connection_args("client"))
    await comm.close()


def _check_versions(found: dict[str, Any], address: str) -> None:
    """Refuse a scheduler or workers of other versions than this process."""
    here = _versions(found["client"])
    others = {f"the scheduler at {address}": found["scheduler"]}
    others |= {f"the worker at {name}": one for name, one in found["workers"].items()}
    for who, one in others.items():
        for name, there in _versions(one).items():
            if there != here[name]:
                raise UserError(
                    f"{who} has {name} {there}, and here is {here[name]}: start it in an "
                    "environment with the versions of constraints.txt"
                )


def _check_scheduler(client: Client, address: str) -> None:
    """Refuse a scheduler that cannot read our tasks."""
    try:
        client.run_on_scheduler(sources)
    except Exception as error:  # Dask wraps it
        raise UserError(
            f"the scheduler at {address} cannot import the suite ({error}): start it in the same "
            "environment"
        ) from None


def _versions(of: Any) -> dict[str, str]:
    """Those that matter; of Python without the last number."""
    every = of["packages"] if isinstance(of, dict) else {}
    found = {name: str(every.get(name)) for name in _SAME}
    return found | {"python": ".".join(found["python"].split(".")[:2])}
