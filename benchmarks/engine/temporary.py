"""A folder for working data, which is gone afterwards however this process ends."""

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from benchmarks.errors import os_errors

#: Waits for the end of its input, which is the end of the process that has the other end. Others
#: that die with that process may still write.
_JANITOR = 'cat > /dev/null; rm -rf -- "$0" 2> /dev/null || { sleep 0.5; rm -rf -- "$0"; }'


class TemporaryFolder:
    """One in the system's folder for temporary files.

    A process that is killed removes nothing, so another one waits for its end to do that.
    """

    def __init__(self) -> None:
        """Make it.

        Raises:
            UserError: it cannot be made.
        """
        with os_errors(f"cannot make a folder for temporary files in {tempfile.gettempdir()}"):
            self.path = Path(tempfile.mkdtemp(prefix="linreg-bench-"))
        self._janitor = subprocess.Popen(
            ["/bin/sh", "-c", _JANITOR, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # signals for the whole group are not for it
        )

    def close(self) -> None:
        """Remove it; safe to call twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._janitor.stdin:
            self._janitor.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._janitor.wait(timeout=5)
