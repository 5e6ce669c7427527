"""What must never be written down, and how it is kept out.

Rule 1: a secret lives in a `Secret`, which shows itself to nobody by accident.
Rule 2: an identifier that is logged is a keyed hash (`hash_identifier`).
Rule 3: `redact` is the net below rules 1 and 2: it drops by key and obscures by shape, at any
depth, whatever a room hands to the log.
"""

import hmac
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, NoReturn

HIDDEN = "[redacted]"
MAX_DEPTH = 6

_SECRET_KEYS = frozenset(
    {
        "authorization", "proxyauthorization", "cookie", "setcookie", "mcpsessionid", "sessionid",
        "wwwauthenticate", "xapikey", "apikey", "token", "accesstoken", "refreshtoken", "idtoken",
        "subjecttoken", "actortoken", "bearer", "jwt", "password", "passwd", "passphrase", "secret",
        "clientsecret", "clientassertion", "assertion", "privatekey", "sealkey", "credential",
        "credentials", "codeverifier", "query", "querystring", "arguments", "params", "result",
        "structuredcontent", "body",
    }
)  # fmt: skip
_NOT_LETTERS = re.compile(r"[^a-z0-9]")

# A compact JWS or JWE, or a lone piece of one: `eyJ`, `eyA` and `ewo` are how a JSON object
# begins in base64url.
_JWT = re.compile(r"\b(?:eyJ|eyA|ewo)[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*")
_COMPACT = re.compile(r"\b[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\b")
_CREDENTIALS = re.compile(r"\b(bearer|basic|dpop|digest)\s+[^\s\"',;]+", re.IGNORECASE)
_URL = re.compile(
    r"\b([a-z][a-z0-9+.-]{1,15}://)(?:[^/\s?#\"']*@)?([^\s?#\"']*)(?:[?#][^\s\"']*)?", re.IGNORECASE
)
_NAMED = re.compile(
    r"\b(mcp-session-id|set-cookie|cookie|access_token|refresh_token|id_token|client_secret"
    r"|password|api_key|x-api-key|code_verifier|client_assertion)(['\"]?\s*[:=]\s*['\"]?)[^\s'\"&,;]+",
    re.IGNORECASE,
)


class Secret:
    """A value that no repr, format, log or pickle shows; `reveal()` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not leave its process")


def hash_identifier(value: str, salt: bytes) -> str:
    """16 hex digits that stand for `value` in logs: HMAC-SHA256 under `salt`, first 8 bytes."""
    return hmac.digest(salt, _bytes(value), "sha256")[:8].hex()


def scrub_text(text: str) -> str:
    """Obscure whatever in `text` has the shape of a credential; cut URLs to host and path."""
    if "://" in text:
        text = _URL.sub(lambda url: f"{url[1]}{url[2]}", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    text = _CREDENTIALS.sub(rf"\1 {HIDDEN}", text)
    text = _JWT.sub(HIDDEN, text)
    return _COMPACT.sub(HIDDEN, text)


def may_hold_secret(line: str) -> bool:
    """Whether a finished line is worth `scrub_text`; two cheap looks, for the hot path."""
    if "eyJ" in line or "eyA" in line or "ewo" in line or "://" in line:
        return True
    low = line.lower()
    return "bearer " in low or "basic " in low or "dpop " in low


def redact(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> dict[str, Any]:
    """Clean every field of a log line, at any depth (a structlog processor)."""
    return {key: _clean(key, value, 0) for key, value in fields.items()}


def _clean(key: object, value: Any, depth: int) -> Any:
    if is_secret_key(key) and value is not None:
        return HIDDEN
    match value:
        case int() if not -(2**63) <= value < 2**64:
            return "[large integer]"
        case bool() | int() | float() | None:
            return value
        case str():
            return scrub_text(value)
        case bytes() | bytearray():
            return scrub_text(value.decode("utf-8", "replace"))
        case BaseException():
            return type(value).__name__
        case Secret():
            return str(value)
        case _ if depth >= MAX_DEPTH:
            return HIDDEN
        case _:
            return _clean_container(value, depth + 1)


def _clean_container(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {scrub_text(str(k)): _clean(k, v, depth) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = list(value)
        # Headers often travel as (name, value) pairs instead of in a mapping.
        if len(items) == 2 and is_secret_key(items[0]):  # noqa: PLR2004 - a pair
            return [scrub_text(str(items[0])), HIDDEN]
        return [_clean("", item, depth) for item in items]
    return scrub_text(str(value))


def is_secret_key(key: object) -> bool:
    """Whether a field or header of this name holds something that is never shown."""
    if isinstance(key, bytes):
        key = key.decode("latin-1")
    return isinstance(key, str) and _NOT_LETTERS.sub("", key.lower()) in _SECRET_KEYS


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
