"""A process that imports a framework once, and forks the workers that need it.

Run as `python -m backends.worker.fork_server SOCKET FOLDER FRAMEWORK [HIDDEN ...]`: the descriptor
of a socket, the folder outside of which nothing may be written, the module to import, and the
packages that this does not find. It never fits anything itself, so that its children are as new
processes are, but for the seconds that importing takes.

Each message is one JSON object. It begins by saying `import_seconds`. Then it answers:

| request | fields                                      | answer |
| ------- | ------------------------------------------- | ------ |
| fork    | environment (to change), folder (of the      | pid    |
|         | worker, or null); descriptors: requests,    |        |
|         | answers, log                                |        |
| status  | pid (of a worker that has ended)            | status |
"""

import ctypes
import gc
import importlib
import json
import mmap
import os
import random
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import NoReturn

from backends.lazy import hide
from backends.worker import sandbox

#: Where the memory of a new process begins is chance, in pages: so is that of a forked one. So many
#: are skipped at most, of what is mapped and of the heap.
_MOST_MAPPED, _MOST_HEAP = 1 << 14, 1 << 10
#: Bytes of a message at most.
_MESSAGE = 1 << 16


def imported(framework: str, hidden: Sequence[str]) -> float:
    """Import NumPy and the framework; the seconds that it took."""
    hide(hidden)
    began = time.perf_counter()
    importlib.import_module("numpy")
    importlib.import_module(framework)
    return time.perf_counter() - began


def serve(connection: socket.socket, import_seconds: float) -> None:
    """Fork workers until the other side closes the connection."""
    importlib.import_module("backends.worker.serve")  # not before NumPy has been timed
    # What is there now stays: a collector that looked at it would copy its pages, in every worker.
    gc.collect()
    gc.freeze()
    while True:
        message, descriptors, *_ = socket.recv_fds(connection, _MESSAGE, 3)
        if not message:
            return
        request = json.loads(message)
        if request["do"] == "status":
            status = os.waitstatus_to_exitcode(os.waitpid(request["pid"], 0)[1])
            answer = {"status": status}
        elif pid := os.fork():
            answer = {"pid": pid}
        else:
            connection.close()
            _become_worker(descriptors, request["environment"], request["folder"], import_seconds)
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(json.dumps(answer).encode())


def _become_worker(
    descriptors: Sequence[int],
    environment: Mapping[str, str],
    folder: str | None,
    import_seconds: float,
) -> NoReturn:
    try:
        requests, answers, log = descriptors
        os.setsid()  # as the parent starts other workers
        for stream in (1, 2):
            os.dup2(log, stream)
        sys.argv[1:] = [str(requests), str(answers), *([folder] if folder else [])]
        os.environ.update(environment)
        tempfile.tempdir = None  # it may have been looked for already
        sandboxed = sandbox.enter(folder) if folder else False
        _move_memory()
        from backends.worker.serve import serve

        serve(requests, answers, import_seconds, sandboxed)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


_moved: list[mmap.mmap] = []  # for as long as this process lives


def _move_memory() -> None:
    """Let what is allocated from now on lie elsewhere than in other children of this server."""
    chance = random.Random(os.urandom(8))
    _moved.append(mmap.mmap(-1, mmap.PAGESIZE * chance.randint(1, _MOST_MAPPED)))
    ctypes.CDLL(None).malloc(ctypes.c_size_t(mmap.PAGESIZE * chance.randint(1, _MOST_HEAP)))


if __name__ == "__main__":
    descriptor, writable, name, *not_found = sys.argv[1:]
    sandbox.end_with_parent()
    sandbox.enter(writable, proc="/proc")  # before anything starts threads
    seconds = imported(name, not_found)
    with socket.socket(fileno=int(descriptor)) as engine:
        engine.send(json.dumps({"import_seconds": seconds}).encode())
        serve(engine, seconds)
    os._exit(0)  # frameworks can hang in their exit handlers
