"""`${NAME}` and `${file:/path}` inside a value; `$${` writes a literal `${`.

Rule: what is missing is a fault, never an empty text: an empty password would open doors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 64 * 1024

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class MissingReference(Exception):
    """A reference that leads nowhere. The message says what to provide."""


@dataclass(frozen=True, slots=True)
class References:
    """Where references lead. Relative files stand beside the configuration file."""

    environ: Mapping[str, str]
    directory: Path

    def resolve(self, text: str) -> tuple[str, bool]:
        """`text` with its references replaced, and whether any of it came from a file."""
        if "${" not in text:
            return text, False
        came_from_file = "${file:" in text.replace("$${", "")
        return _REFERENCE.sub(self._replacement, text), came_from_file

    def _replacement(self, match: re.Match[str]) -> str:
        return "${" if match[1] is None else self._lookup(match[1])

    def _lookup(self, reference: str) -> str:
        if reference.startswith("file:"):
            return read_secret_file(self.directory / reference.removeprefix("file:"))
        if not _NAME.match(reference):
            raise MissingReference(
                f"${{{reference}}} is neither ${{NAME}} nor ${{file:/path}}; a literal is $${{"
            )
        value = self.environ.get(reference)
        if not value:
            state = "not set" if value is None else "empty"
            raise MissingReference(f"the environment variable {reference} is {state}")
        return value


def read_secret_file(path: Path) -> str:
    """The text of a small file without its last line break."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise MissingReference(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MissingReference(f"{path} is not UTF-8 text") from error
    if not text or len(content) > MAX_FILE_BYTES:
        raise MissingReference(f"{path} is {'empty' if not text else 'larger than 64 KiB'}")
    return text
