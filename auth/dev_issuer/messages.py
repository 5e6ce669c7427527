"""What goes into the development issuer and what comes out, free of any web framework."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Pairs = Sequence[tuple[str, str]]

MAX_PARAMETERS = 50
JSON_HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))

_PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerRequest:
    """One HTTP request. Header names are lower case; parameters keep order and repetition."""

    method: str
    path: str
    query: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Pairs = ()
    body: bytes = b""

    @property
    def parameters(self) -> Pairs:
        """The OAuth parameters: of the query for GET, of the form for POST."""
        return self.form if self.method == "POST" else self.query


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerResponse:
    """One HTTP response."""

    status: int
    headers: Pairs = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        found = (value for key, value in self.headers if key.lower() == name.lower())
        return next(found, None)


def read_parameters(encoded: str) -> Pairs:
    """Parse a query string or a form body.

    Raises:
        ValueError: not UTF-8, or more than `MAX_PARAMETERS`.
    """
    return parse_qsl(
        encoded, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
    )


def json_response(status: int, value: Any, *more: tuple[str, str]) -> IssuerResponse:
    """A JSON answer that nobody stores."""
    body = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    return IssuerResponse(status=status, headers=(*JSON_HEADERS, *more), body=body)


def error_response(status: int, error: str, description: str = "") -> IssuerResponse:
    """An OAuth error (RFC 6749 section 5.2)."""
    members = {"error": error, "error_description": description}
    return json_response(status, {name: value for name, value in members.items() if value})


def redirect_page(location: str, *, user: str) -> IssuerResponse:
    """Send the browser on, and say who it was signed in as and by whom."""
    text = (
        "<!doctype html><title>Development issuer</title>"
        f"<p>Development issuer: signed in as <b>{html.escape(user)}</b> without asking. "
        f'<a href="{html.escape(location)}">Continue</a></p>'
    )
    headers = (("Location", location), *_PAGE_HEADERS)
    return IssuerResponse(status=302, headers=headers, body=text.encode())
