"""The terminal, as all commands write to it."""

from rich import console


class Console(console.Console):
    """One that leaves it to the command what happens when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        """Rich itself would end the process here, with status 1 and without the report."""
        raise BrokenPipeError
