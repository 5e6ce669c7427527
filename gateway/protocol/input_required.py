"""Results that ask the client for something first (SEP-2322, multi round-trip requests).

Rules (2026-07-28, "Multi round-trip requests"; security case U16)
- Only `tools/call`, `prompts/get` and `resources/read` may be answered so, and only with requests
  for elicitation, sampling and roots.
- A client is asked for nothing that it did not declare with the very request.
- An address that a user is to open is https, or http on a loopback address. What it leads to is
  between user and backend; the gateway opens nothing.
- What is asked goes on as the bytes that came. A result that breaks a rule is no answer.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.errors import InvalidRequest
from gateway.protocol.raw_json import read_object, read_string

INPUT_REQUIRED = "input_required"
ASKING_METHODS = frozenset({"prompts/get", "resources/read", "tools/call"})
INPUT_REQUESTS = "inputRequests"
INPUT_RESPONSES = "inputResponses"
REQUEST_STATE = "requestState"
MAX_STATE_CHARS = 512 * 1024
"""Sealed it has to fit into one string of a request."""
MAX_INPUT_REQUESTS = 100

_URL = re.compile(r"[\x21-\x7e]{1,8192}").fullmatch
_Members = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class InputRequired:
    """A result that asks, judged. `members` are all of it, raw; `state` is the backend's own."""

    members: Mapping[str, bytes]
    state: str | None


def read_input_required(result: bytes, client_capabilities: bytes) -> InputRequired:
    """A backend's `input_required` result, if this client may be asked what it asks.

    Raises:
        InvalidRequest: it may not, or the result is none.
    """
    members = read_object(result) or {}
    requests, state = members.get(INPUT_REQUESTS), members.get(REQUEST_STATE)
    if requests is None and state is None:
        raise InvalidRequest("A result asks for input and says not which")
    if requests is not None:
        check_input_requests(requests, client_capabilities)
    return InputRequired(members, None if state is None else _state(state))


def check_input_requests(raw: bytes, client_capabilities: bytes) -> None:
    """Refuse requests to a client that may not be asked, or did not declare that it can be.

    Raises:
        InvalidRequest: one of them is such a request.
    """
    requests = read_object(raw)
    if requests is None or len(requests) > MAX_INPUT_REQUESTS:
        raise InvalidRequest("`inputRequests` is not an object of requests")
    declared = read_object(client_capabilities) or {}
    for request in requests.values():
        members = read_object(request) or {}
        check = _CHECKS.get(read_string(members.get("method")) or "")
        if check is None:
            raise InvalidRequest("A client is asked what no client is asked")
        check(read_object(members.get("params", b"{}")) or {}, declared)


def _state(raw: bytes) -> str:
    state = read_string(raw)
    if state is None or len(state) > MAX_STATE_CHARS:
        raise InvalidRequest("`requestState` is not a string of a fair length")
    return state


def _check_elicitation(params: _Members, declared: _Members) -> None:
    modes = _settings(declared, "elicitation")
    match read_string(params.get("mode", b'"form"')):
        case "form" if not modes or "form" in modes:
            return  # an empty object means the form (2025-11-25, elicitation, capabilities)
        case "url" if "url" in modes:
            _check_url(read_string(params.get("url")) or "")
        case _:
            raise InvalidRequest("A client is asked in a mode that it did not declare")


def _check_sampling(params: _Members, declared: _Members) -> None:
    settings = _settings(declared, "sampling")
    if "tools" not in settings and ("tools" in params or "toolChoice" in params):
        raise InvalidRequest("A client is asked to sample with tools and did not declare that")


def _check_roots(_: _Members, declared: _Members) -> None:
    _settings(declared, "roots")


def _settings(declared: _Members, capability: str) -> _Members:
    settings = read_object(declared.get(capability, b"null"))
    if settings is None:
        raise InvalidRequest(f"A client is asked for {capability} and did not declare it")
    return settings


def _check_url(url: str) -> None:
    if not _URL(url) or not _is_fit_to_open(url):
        raise InvalidRequest("A user is sent to an address that is not https")


def _is_fit_to_open(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "\\" in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_CHECKS: Mapping[str, Callable[[_Members, _Members], None]] = {
    "elicitation/create": _check_elicitation,
    "roots/list": _check_roots,
    "sampling/createMessage": _check_sampling,
}
