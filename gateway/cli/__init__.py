"""The command line: `portcullis`, the only place that knows exit codes.

0 went well; 1 did not, and stderr says why; 2 was asked wrongly; 64 has a bad configuration.
"""

from gateway.cli.app import main

__all__ = ["main"]
