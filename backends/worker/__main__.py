"""`python -m backends.worker REQUESTS ANSWERS`: see `backends.worker.handler`."""

from backends.worker.handler import main

main()
