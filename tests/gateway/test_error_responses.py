"""The one table of failures, held against what clients are promised, leaf by leaf."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import auth.discovery  # noqa: F401 - its leaves belong to the trees
import gateway.backends.errors  # noqa: F401 - likewise
from auth.challenges import build_challenges
from auth.errors import (
    AuthError,
    CredentialUnavailable,
    DocumentUnavailable,
    EgressRefused,
    InsufficientScope,
    InvalidToken,
    IssuerUnavailable,
    MalformedCredentials,
    MissingToken,
    TokenFault,
)
from gateway import errors as gw
from gateway.backends.errors import NoStream
from gateway.error_responses import TABLE, Asker, ErrorResponse, error_response
from gateway.protocol.revisions import Era
from tenants import errors as tn

METADATA = "https://gw.example/.well-known/oauth-protected-resource/t/acme/mcp"
CHALLENGES = build_challenges(METADATA, frozenset({"tools:read"}))
SECRET = "canary-of-a-library"

WITHOUT_A_ROW = {
    CredentialUnavailable: "the road to a backend turns it into BackendUnavailable",
    gw.BackendRefused: "it carries its own code, message and data",
    NoStream: "whoever follows a backend takes it for an answer",
}

ONLY_ROWS_OF_THEIR_PARENT = (
    gw.BackendUnavailable,
    gw.OutcomeUnknown,
    tn.StoreUnavailable,
    DocumentUnavailable,
)
"""Their kinds are told apart inside only; clients are told the same."""


def leaves(root: type[Exception]) -> Iterator[type[Exception]]:
    below = root.__subclasses__()
    if not below or root in ONLY_ROWS_OF_THEIR_PARENT:
        yield root
        return
    for each in below:
        yield from leaves(each)


LEAVES = [leaf for root in (gw.GatewayError, AuthError, tn.TenantError) for leaf in leaves(root)]


def ask(error: Exception, era: Era | None, *, wants_jsonrpc: bool = True) -> ErrorResponse:
    asker = Asker(era=era, rpc_id=b"7", challenges=CHALLENGES, wants_jsonrpc=wants_jsonrpc)
    return error_response(error, asker)


def parsed(answer: ErrorResponse) -> dict[str, Any]:
    found = json.loads(answer.body)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_every_leaf_of_the_trees_has_a_row(leaf: type[Exception]) -> None:
    has_row = any(kind in TABLE for kind in leaf.__mro__)

    assert has_row != (leaf in WITHOUT_A_ROW)


def test_every_row_belongs_to_a_failure_that_can_happen() -> None:
    assert [row.__name__ for row in TABLE if row not in LEAVES] == []


# What clients are promised: reason, then HTTP status and JSON-RPC code in both eras.
PROMISED: list[tuple[Exception, str, tuple[int, int | None], tuple[int, int | None]]] = [
    (tn.TenantSuspended(SECRET), "tenant_suspended", (403, -31006), (403, -31006)),
    (gw.SessionRequired("s"), "session_required", (400, -32600), (400, -32600)),
    (gw.AlreadyInitialized("s"), "already_initialized", (400, -32600), (400, -32600)),
    (gw.ParseError("s"), "parse_error", (400, -32700), (400, -32700)),
    (gw.InvalidRequest("s"), "invalid_request", (400, -32600), (400, -32600)),
    (gw.InvalidParams("s"), "invalid_params", (400, -32602), (200, -32602)),
    (tn.SessionTooLarge(SECRET), "invalid_params", (400, -32602), (200, -32602)),
    (gw.HeaderMismatch("s"), "header_mismatch", (400, -32020), (400, -32020)),
    (gw.MissingCapability(b"{}"), "missing_capability", (400, -32021), (400, -32021)),
    (
        gw.UnsupportedProtocolVersion("x", ["2026-07-28"]),
        "unsupported_version",
        (400, -32022),
        (400, -32022),
    ),
    (gw.UnknownMethod("s"), "unknown_method", (404, -32601), (200, -32601)),
    (gw.UnknownTool("s"), "unknown_tool", (400, -32602), (200, -32602)),
    (gw.UnknownPrompt("s"), "unknown_prompt", (400, -32602), (200, -32602)),
    (gw.UnknownResource("s"), "unknown_resource", (400, -32602), (200, -32002)),
    (gw.RateLimited("the user's limit"), "rate_limited", (429, -31004), (429, -31004)),
    (tn.SessionLimit(SECRET), "rate_limited", (429, -31004), (429, -31004)),
    (gw.Overloaded("s"), "overloaded", (503, -31005), (503, -31005)),
    (gw.Draining("s"), "draining", (503, -31005), (503, -31005)),
    (tn.ViewStale(SECRET), "view_stale", (503, -31007), (503, -31007)),
    (tn.SessionAhead(7), "view_stale", (503, -31007), (503, -31007)),
    (tn.StoreUnavailable(SECRET), "store_unavailable", (503, -31007), (503, -31007)),
    (tn.StoreUnsuitable(SECRET), "store_unavailable", (503, -31007), (503, -31007)),
    (tn.RegistryUnavailable(SECRET), "store_unavailable", (503, -31007), (503, -31007)),
    (IssuerUnavailable(SECRET), "issuer_unavailable", (503, -31007), (503, -31007)),
    (DocumentUnavailable(SECRET), "issuer_unavailable", (503, -31007), (503, -31007)),
    (EgressRefused(SECRET), "issuer_unavailable", (503, -31007), (503, -31007)),
    (gw.BackendUnavailable("orders"), "backend_unavailable", (200, -31001), (200, -31001)),
    (gw.BackendTimeout("orders"), "backend_timeout", (200, -31002), (200, -31002)),
    (gw.OutcomeUnknown("orders"), "outcome_unknown", (200, -31003), (200, -31003)),
    (
        gw.EraImpossible("orders", client_revision="a", backend_revision="b"),
        "era_impossible",
        (200, -31008),
        (200, -31008),
    ),
    (ZeroDivisionError(SECRET), "internal_error", (500, -32603), (500, -32603)),
]
NAMES = [type(row[0]).__name__ for row in PROMISED]


@pytest.mark.parametrize(("error", "reason", "modern", "legacy"), PROMISED, ids=NAMES)
def test_a_failure_is_told_as_promised(
    error: Exception,
    reason: str,
    modern: tuple[int, int | None],
    legacy: tuple[int, int | None],
) -> None:
    for era, promised in ((Era.MODERN, modern), (Era.LEGACY, legacy)):
        answer = ask(error, era)
        told = parsed(answer)

        assert (answer.status, answer.code) == promised
        assert (told["id"], told["error"]["code"]) == (7, promised[1])
        assert told["error"]["data"]["reason"] == reason
        assert told["error"]["data"]["remedy"]
        assert SECRET.encode() not in answer.body
        assert answer.headers["Cache-Control"] == "no-store"


PLAIN: list[tuple[Exception, str, int]] = [
    (tn.UnknownTenant(SECRET), "unknown_endpoint", 404),
    (gw.PayloadTooLarge("s"), "payload_too_large", 413),
    (gw.UnsupportedMediaType("s"), "unsupported_media_type", 415),
    (gw.NotAcceptable("s"), "not_acceptable", 406),
    (gw.BadMethod("POST"), "bad_method", 405),
    (gw.BadOrigin("s"), "bad_origin", 403),
    (gw.BadHost("s"), "bad_host", 421),
    (gw.BadRequestLine("s"), "bad_request", 400),
    (gw.RequestTimeout("s"), "request_timeout", 408),
]


@pytest.mark.parametrize(
    ("error", "reason", "status"), PLAIN, ids=[type(row[0]).__name__ for row in PLAIN]
)
def test_a_failure_of_http_is_told_without_json_rpc(
    error: Exception, reason: str, status: int
) -> None:
    for wants_jsonrpc in (True, False):
        answer = ask(error, None, wants_jsonrpc=wants_jsonrpc)

        assert (answer.status, answer.code) == (status, None)
        assert parsed(answer)["error"] == reason
        assert parsed(answer)["remedy"]
        assert SECRET.encode() not in answer.body


def test_every_row_is_promised_somewhere() -> None:
    shown = {type(row[0]) for row in PROMISED} | {type(row[0]) for row in PLAIN}
    elsewhere = {
        MissingToken, MalformedCredentials, InvalidToken, InsufficientScope, tn.UnknownSession,
        tn.InvalidDefinition, gw.CallCancelled,
    }  # fmt: skip

    assert set(TABLE) - shown - elsewhere == set()


@pytest.mark.parametrize("fault", TokenFault)
def test_every_refused_token_answers_the_same_bytes(fault: TokenFault) -> None:
    answer = ask(InvalidToken(fault), Era.LEGACY)

    assert answer.status == 401
    assert answer.body == b'{"error":"invalid_token"}'
    assert answer.headers == {
        "Cache-Control": "no-store",
        "WWW-Authenticate": CHALLENGES.invalid,
    }


def test_challenges_are_those_of_their_cause() -> None:
    missing = ask(MissingToken(), None)
    malformed = ask(MalformedCredentials(), None)
    short = ask(InsufficientScope(frozenset({"a", "b"})), None)

    assert (missing.status, malformed.status, short.status) == (401, 400, 403)
    assert "error=" not in missing.headers["WWW-Authenticate"]
    assert METADATA in missing.headers["WWW-Authenticate"]
    assert 'error="invalid_request"' in malformed.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in short.headers["WWW-Authenticate"]
    assert 'scope="a b' in short.headers["WWW-Authenticate"]


@pytest.mark.parametrize("cause", ["unknown", "foreign", "ended", "revoked"])
def test_every_session_that_is_not_to_be_had_answers_the_same_bytes(cause: str) -> None:
    answer = ask(tn.UnknownSession(cause), Era.LEGACY)

    assert answer.status == 404
    assert parsed(answer) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {"code": -32600, "message": "session not found"},
    }


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (gw.RateLimited("q", retry_after_s=9), "9"),
        (tn.SessionLimit(), "5"),
        (gw.Overloaded(), "1"),
        (gw.Draining(), "1"),
        (tn.ViewStale(), "2"),
        (IssuerUnavailable(), "2"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_what_passes_says_when(error: Exception, seconds: str) -> None:
    assert ask(error, Era.MODERN).headers["Retry-After"] == seconds


def test_a_quota_is_named_with_how_long() -> None:
    told = parsed(ask(gw.RateLimited("the user's limit", retry_after_s=9), Era.LEGACY))["error"]
    sessions = parsed(ask(tn.SessionLimit(), Era.LEGACY))["error"]["data"]

    assert told["data"]["quota"] == "the user's limit"
    assert told["data"]["retryAfterSeconds"] == 9
    assert (sessions["quota"], sessions["retryAfterSeconds"]) == ("live sessions", 5)


def test_connections_are_closed_where_something_of_the_request_may_be_left() -> None:
    closing = {kind.__name__ for kind, row in TABLE.items() if row.closes}

    assert closing == {"PayloadTooLarge", "BadRequestLine", "RequestTimeout", "Draining"}


def test_what_is_temporary_says_no_more_than_that() -> None:
    for error in (tn.ViewStale(SECRET), tn.StoreUnavailable(SECRET), IssuerUnavailable(SECRET)):
        assert parsed(ask(error, Era.MODERN))["error"]["message"] == "temporarily unavailable"


def test_what_is_known_of_the_backend_is_its_name() -> None:
    unknown = parsed(ask(gw.OutcomeUnknown("orders"), Era.LEGACY))["error"]["data"]
    era = gw.EraImpossible("orders", client_revision="2025-06-18", backend_revision="2026-07-28")
    impossible = parsed(ask(era, Era.LEGACY))["error"]["data"]

    assert (unknown["backend"], unknown["outcome"]) == ("orders", "unknown")
    assert impossible["clientRevision"] == "2025-06-18"
    assert impossible["backendRevision"] == "2026-07-28"


def test_a_missing_capability_is_named() -> None:
    error = gw.MissingCapability(b'{"extensions":{"x/y":{}}}')
    data = parsed(ask(error, Era.MODERN))["error"]["data"]

    assert data["requiredCapabilities"] == {"extensions": {"x/y": {}}}


def test_an_unsupported_version_lists_the_supported_ones() -> None:
    error = gw.UnsupportedProtocolVersion("1999-01-01", ["2026-07-28"])
    data = parsed(ask(error, Era.MODERN))["error"]["data"]

    assert (data["supported"], data["requested"]) == (["2026-07-28"], "1999-01-01")


@pytest.mark.parametrize(("code", "status"), [(-32601, 404), (-32602, 400), (-5, 200)])
def test_a_backends_own_error_is_handed_on(code: int, status: int) -> None:
    error = gw.BackendRefused("orders", code=code, message="its words", data=b'{"a":1}')

    modern, legacy = ask(error, Era.MODERN), ask(error, Era.LEGACY)

    assert (modern.status, legacy.status) == (status, 200)
    assert parsed(modern)["error"] == {"code": code, "message": "its words", "data": {"a": 1}}
    assert modern.body == legacy.body
