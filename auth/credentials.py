"""The gateway's own credential towards one backend: a header whose value comes from outside.

Rules: the value is in the environment or in a file, never in a definition; it is shown to nobody
(`Secret`); a value that is missing, empty or unfit for a header is an error, never "no header".
A file is read again when it changes, so that a secret can be rotated under a running gateway.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from auth.errors import CredentialUnavailable
from observability.redaction import Secret

MAX_VALUE_LENGTH = 8192

# RFC 9110 section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
# RFC 9110 section 5.5, without obs-text: visible ASCII, inner spaces and tabs.
_VALUE = re.compile(r"[!-~](?:[\t -~]*[!-~])?\Z")
_PREFIX = re.compile(r"(?:[!-~][\t -~]*)?\Z")

# Headers that make the message, or that the gateway itself is answerable for.
RESERVED_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "last-event-id",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "traceparent",
        "tracestate",
        "baggage",
    }
)
RESERVED_PREFIX = "mcp-"


class CredentialSource(Protocol):
    """Where a header's value is: exactly one of `env` and `file` is set."""

    @property
    def header(self) -> str:
        """The header's name."""
        ...

    @property
    def prefix(self) -> str:
        """What stands before the value, like `Bearer `."""
        ...

    @property
    def env(self) -> str | None:
        """The name of an environment variable."""
        ...

    @property
    def file(self) -> str | None:
        """The path of a file."""
        ...


class HeaderCredential:
    """One header for one backend, resolved anew for every call.

    Raises:
        ValueError: on construction, when the definition could never be sent.
    """

    def __init__(
        self, source: CredentialSource, *, environ: Mapping[str, str] = os.environ
    ) -> None:
        check_header_name(source.header)
        if not _PREFIX.match(source.prefix):
            raise ValueError("the prefix cannot stand in a header")
        if (source.env is None) == (source.file is None):
            raise ValueError("exactly one of env and file must be given")
        self.header = source.header
        self._prefix = source.prefix
        self._env = source.env
        self._file = Path(source.file) if source.file is not None else None
        self._environ = environ
        self._seen: tuple[int, int, int] | None = None
        self._value: Secret | None = None

    def resolve(self) -> tuple[str, Secret]:
        """The header's name and its whole value.

        Raises:
            CredentialUnavailable: there is no value, or none that may be sent.
        """
        if self._file is not None:
            return self.header, self._from_file(self._file)
        return self.header, self._complete(self._environ.get(self._env or "", ""))

    def _from_file(self, path: Path) -> Secret:
        try:
            status = path.stat()
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if self._value is None or seen != self._seen:
                self._value = None
                self._value = self._complete(_read(path))
                self._seen = seen
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialUnavailable("the credential's file cannot be read") from error
        return self._value

    def _complete(self, value: str) -> Secret:
        # The message names no value: a file given by mistake may hold anything.
        if len(value) > MAX_VALUE_LENGTH or not _VALUE.match(value):
            raise CredentialUnavailable("the credential is empty or cannot stand in a header")
        return Secret(self._prefix + value)


def check_header_name(name: str) -> None:
    """Refuse a header that a credential must not be.

    Raises:
        ValueError: not a header name, or one that frames the message or belongs to the protocol.
    """
    if not _TOKEN.match(name):
        raise ValueError("not a header name")
    if name.lower() in RESERVED_HEADERS or name.lower().startswith(RESERVED_PREFIX):
        raise ValueError("a header that the gateway sets itself")


def _read(path: Path) -> str:
    with path.open(encoding="ascii", newline="") as file:
        text = file.read(MAX_VALUE_LENGTH + 3)
    return text.removesuffix("\n").removesuffix("\r")  # editors end a file with one line break
