"""The child process in which one backend lives: `python -m backends.worker`."""
