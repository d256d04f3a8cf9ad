"""Ranks on other machines, which workers of a Dask cluster start there, and how to reach them.

The rows go from rank 0 straight to them, and so do the sums: Dask only starts processes.
"""

import os
import secrets
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path

from backends.distributed.rank import KEY, Rank, code
from backends.lazy import lazy

distributed = lazy("distributed")

#: Names the scheduler, and the workers that may start ranks, with blanks in between.
PLACES = "LINREG_BENCH_RANKS"
#: Seconds in which a rank has to call back.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Remote:
    """A rank that a worker of the cluster has started, and that has called back."""

    connection: Connection
    place: str

    def kill(self) -> None:
        """It ends itself when its connection is closed."""
        self.connection.close()

    def ended(self, patience: float) -> str:
        return f"at {self.place} has closed its connection"


def places() -> tuple[str, list[str]]:
    """The scheduler and the workers on which ranks are to be; none: all ranks are here."""
    scheduler, *workers = os.environ.get(PLACES, "").split() or [""]
    return scheduler, workers


def start(kind: type[Rank], scheduler: str, workers: Sequence[str], threads: int) -> list[Remote]:
    """A rank on each of these workers, in their order.

    Raises:
        OSError: one of them does not call back.
    """
    host, key = own_address(*parts(scheduler)), secrets.token_hex(16)
    client = distributed.Client(scheduler, set_as_default=False)
    try:
        with socket.create_server((host, 0)) as server:
            server.settimeout(_PATIENCE)
            address = f"{host}:{server.getsockname()[1]}"
            tasks = [
                client.submit(
                    launch,
                    [f"{address}:{number}", *code(kind)],
                    key,
                    threads,
                    workers=[worker],
                    pure=False,
                )
                for number, worker in enumerate(workers)
            ]
            for task in tasks:
                task.result(timeout=_PATIENCE)
            found: dict[int, Connection] = {}
            ends = time.monotonic() + _PATIENCE
            while len(found) < len(workers):
                server.settimeout(max(0.1, ends - time.monotonic()))
                connection = Connection(server.accept()[0].detach())
                deliver_challenge(connection, key.encode())
                answer_challenge(connection, key.encode())
                found[connection.recv()] = connection
    finally:
        client.close()
    return [Remote(found[number], worker) for number, worker in enumerate(workers)]


def launch(where: Sequence[str], key: str, threads: int) -> int:
    """Of a worker of the cluster: start a rank, and leave it alone; its process id."""
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    child = subprocess.Popen(
        [sys.executable, "-m", "backends.distributed.rank", *where],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {KEY: key} | dict.fromkeys(variables, str(threads)),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=child.wait, daemon=True).start()  # else its end would go unnoticed
    return child.pid


def parts(address: str) -> tuple[str, int]:
    """Host and port of `tcp://host:port`."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    return host, int(port)


def own_address(host: str, port: int = 9) -> str:
    """The address by which `host` finds this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # nothing is sent
        probe.connect((host, port))
        return str(probe.getsockname()[0])


def interface(host: str) -> str:
    """The name of the network interface by which `host` is reached; that of loopback if unknown."""
    if sys.platform != "linux":
        return "lo0"
    from fcntl import ioctl  # Unix alone has it

    wanted = own_address(host)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            request = struct.pack("16s24x", name.encode())
            try:
                found = ioctl(asked.fileno(), 0x8915, request)  # SIOCGIFADDR, netdevice(7)
            except OSError:  # it has no address
                continue
            if socket.inet_ntoa(found[20:24]) == wanted:
                return name
    return "lo"
