"""What is wrong with a configuration: all of it at once, each with the path of its key."""

from collections.abc import Sequence

from tenants.errors import Fault

EX_CONFIG = 64
"""The exit code of every command that meets a bad configuration."""


class InvalidConfig(Exception):
    """Every fault of a configuration in one report. `source` is the file, or None."""

    def __init__(self, faults: Sequence[Fault], *, source: str | None = None) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)
        self.source = source

    def report(self) -> str:
        """The faults as an operator reads them, sorted by path, one a line."""
        count = len(self.faults)
        head = f"{self.source or 'configuration'}: {count} fault{'s' if count != 1 else ''}"
        lines = sorted(str(fault) for fault in self.faults)
        return "\n".join([head, *(f"  {line}" for line in lines)])
