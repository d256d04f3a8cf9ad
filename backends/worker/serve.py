"""The process in which one backend lives: reads requests, writes one line for each.

Run as `python -m backends.worker REQUESTS ANSWERS [FOLDER]`: two file descriptors, and a folder of
its own for temporary files; without one it is not kept from writing elsewhere. Or forked, by
`backends.worker.fork_server`. Standard output and error belong to the framework, which may print
what it likes. `backends.worker.handler` has the table of requests.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from backends.worker.handler import RequestHandler, answer
from backends.worker.sandbox import end_with_parent


def serve(requests: int, answers: int, import_seconds: float, sandboxed: bool) -> NoReturn:
    """Answer requests until the parent says stop or closes the pipe; then end the process.

    Args:
        requests: descriptor to read from.
        answers: descriptor to write to.
        import_seconds: that importing has taken so far: NumPy, or the framework as well.
        sandboxed: whether this process is kept from writing elsewhere; see `sandbox`.
    """
    end_with_parent()
    lines, out = os.fdopen(requests), os.fdopen(answers, "w")
    handler = RequestHandler()
    handler.imported_seconds, handler.sandboxed = import_seconds, sandboxed
    for line in lines:
        request = json.loads(line)
        if (do := request.pop("do")) == "stop":
            break
        print(_answered(getattr(handler, do), request), file=out, flush=True)
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
