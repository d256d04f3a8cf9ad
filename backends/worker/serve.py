"""The process in which one backend lives: reads requests, writes one line for each.

Run as `python -m backends.worker REQUESTS ANSWERS [FOLDER]`: two file descriptors, and a folder of
its own for temporary files; without one it is not kept from writing elsewhere. Standard output and
error belong to the framework, which may print what it likes. `backends.worker.handler` has the
table of requests.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from backends.worker.handler import RequestHandler, answer
from backends.worker.sandbox import end_with_parent


def serve(numpy_seconds: float, sandboxed: bool) -> None:
    """Answer requests until the parent says stop or closes the pipe.

    Args:
        numpy_seconds: that importing NumPy has taken.
        sandboxed: whether this process is kept from writing elsewhere; see `sandbox`.
    """
    end_with_parent()
    requests, answers = os.fdopen(int(sys.argv[1])), os.fdopen(int(sys.argv[2]), "w")
    handler = RequestHandler()
    handler.numpy_seconds, handler.sandboxed = numpy_seconds, sandboxed
    for line in requests:
        request = json.loads(line)
        if (do := request.pop("do")) == "stop":
            break
        print(_answered(getattr(handler, do), request), file=answers, flush=True)
    sys.stdout.flush()
    # Frameworks with thread pools can hang in their exit handlers; nothing here needs them.
    os._exit(0)


def _answered(handle: Callable[..., dict[str, Any]], request: dict[str, Any]) -> str:
    """The answer as JSON. It repeats the token of the request, if that has one."""
    told = {"token": request.pop("token")} if "token" in request else {}
    found = answer(handle, request)
    try:
        return json.dumps(found | told)
    except (TypeError, ValueError, RecursionError) as error:
        reason = f"JSON cannot say what it describes: {type(error).__name__}: {error}"[:200]
        return json.dumps({"ok": False, "kind": "error", "reason": reason} | told)
