"""What each side of a legacy conversation is shown of what the other can do, and may ask for.

Rules
- A backend knows of a client what that client declared, as far as its revision has it and the
  gateway carries it. It may ask for nothing else.
- A URL that a person is to open is https: anything else is refused (security case U16).
"""

from collections.abc import Mapping
from enum import Enum

from gateway.protocol.capabilities import shown_to_backend
from gateway.protocol.messages import Request
from gateway.protocol.methods import SERVER_REQUESTS
from gateway.protocol.raw_json import read_object, read_string, write_object
from gateway.protocol.revisions import Era, is_at_least

ROOTS, SAMPLING, ELICITATION = "roots", "sampling", "elicitation"
FORM, URL = "form", "url"
_ELICITATION_SINCE = "2025-06-18"
_MODES_SINCE = "2025-11-25"


class Refusal(Enum):
    """Why a backend's request does not go to the client."""

    UNKNOWN = "unknown_method"
    UNDECLARED = "not_declared"
    BAD_URL = "bad_url"


def shown_to_legacy_backend(client_capabilities: bytes, revision: str) -> bytes:
    """A client's raw capabilities as a backend that speaks `revision` with it may know them."""
    shown = read_object(shown_to_backend(client_capabilities, Era.LEGACY)) or {}
    if not is_at_least(revision, _ELICITATION_SINCE):
        shown.pop(ELICITATION, None)
    if not is_at_least(revision, _MODES_SINCE):
        shown |= {name: b"{}" for name in (SAMPLING, ELICITATION) if name in shown}
    return write_object({name: raw for name, raw in shown.items() if raw.startswith(b"{")})


def refusal_of(request: Request, revision: str, client_capabilities: bytes) -> Refusal | None:
    """Why this client cannot be asked this, if it cannot."""
    if request.method not in SERVER_REQUESTS[revision]:
        return Refusal.UNKNOWN
    declared = read_object(client_capabilities) or {}
    params = request.params or {}
    match request.method:
        case "roots/list":
            is_declared = _is_object(declared.get(ROOTS))
        case "sampling/createMessage":
            is_declared = _may_sample(declared.get(SAMPLING), params)
        case "elicitation/create":
            return _refusal_of_elicitation(declared.get(ELICITATION), params, revision)
        case _:
            is_declared = False
    return None if is_declared else Refusal.UNDECLARED


def _may_sample(declared: bytes | None, params: Mapping[str, bytes]) -> bool:
    if not _is_object(declared):
        return False
    uses_tools = "tools" in params or "toolChoice" in params
    return not uses_tools or "tools" in (read_object(declared or b"{}") or {})


def _refusal_of_elicitation(
    declared: bytes | None, params: Mapping[str, bytes], revision: str
) -> Refusal | None:
    if not _is_object(declared):
        return Refusal.UNDECLARED
    modes = read_object(declared or b"{}") or {}
    mode = FORM if "mode" not in params else read_string(params["mode"])
    if not is_at_least(revision, _MODES_SINCE):
        return None if mode == FORM else Refusal.UNDECLARED
    if mode == FORM:
        # "An empty object is equivalent to declaring support for form mode only" (2025-11-25).
        return None if FORM in modes or URL not in modes else Refusal.UNDECLARED
    if mode != URL or URL not in modes:
        return Refusal.UNDECLARED
    return None if _is_https(params.get("url")) else Refusal.BAD_URL


def _is_https(raw: bytes | None) -> bool:
    url = read_string(raw)
    return url is not None and url.startswith("https://") and url.isprintable() and " " not in url


def _is_object(raw: bytes | None) -> bool:
    return raw is not None and raw.startswith(b"{")
