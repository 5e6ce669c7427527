"""What `WWW-Authenticate` says (RFC 6750 section 3, RFC 9728 section 5.1).

Rules: built once per endpoint from configuration, never from the request; one value for every
fault of a token, so that a refusal tells nothing. Scopes name all that the operation needs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from auth.scopes import is_scope_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenges:
    """The challenges of one endpoint, ready to be sent."""

    metadata_url: str
    missing: str
    """401 without credentials: no error, RFC 6750 section 3.1."""
    invalid: str
    """401 for every token that is refused."""
    malformed: str
    """400 for several tokens."""

    def insufficient(self, scopes: Iterable[str]) -> str:
        """403: all `scopes` of the operation at once, so that one step-up is enough."""
        return _bearer(
            ("error", "insufficient_scope"),
            ("scope", _scope_value(scopes)),
            ("resource_metadata", self.metadata_url),
        )


def build_challenges(metadata_url: str, scopes: Iterable[str]) -> Challenges:
    """Make the challenges of an endpoint whose metadata is at `metadata_url`.

    `scopes` are those that every operation of it needs; without any, no `scope` is sent.

    Raises:
        ValueError: a value that cannot stand in a header.
    """
    where = ("resource_metadata", metadata_url)
    needed = ("scope", _scope_value(scopes))
    return Challenges(
        metadata_url=metadata_url,
        missing=_bearer(where, needed),
        invalid=_bearer(where, ("error", "invalid_token"), needed),
        malformed=_bearer(where, ("error", "invalid_request")),
    )


def _bearer(*parameters: tuple[str, str]) -> str:
    return "Bearer " + ", ".join(f"{name}={_quoted(value)}" for name, value in parameters if value)


def _scope_value(scopes: Iterable[str]) -> str:
    words = sorted(scopes)
    if not all(map(is_scope_token, words)):
        raise ValueError("not a scope")
    return " ".join(words)


def _quoted(value: str) -> str:
    """RFC 9110 section 5.6.4, narrowed to printable ASCII: nothing can end the header early."""
    if not value.isascii() or not value.isprintable():
        raise ValueError("a challenge holds printable ASCII only")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
