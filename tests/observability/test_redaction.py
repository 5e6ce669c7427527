"""Planted secrets, wherever a room may put them."""

import base64
import copy
import json
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability import events
from observability.logs import get_logger
from observability.redaction import (
    HIDDEN,
    Secret,
    hash_identifier,
    may_hold_secret,
    redact,
    scrub_text,
)
from tests.observability.conftest import ReadableLog

CANARY = "c4n4ryc4n4ryc4n4ry"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt_like(payload: bytes, header: bytes = b'{"alg":"RS256","typ":"at+jwt"}') -> str:
    return f"{b64(header)}.{b64(payload)}.{b64(b'signature-signature-signature')}"


@pytest.mark.parametrize(
    "shown",
    [repr, str, lambda s: f"{s}", lambda s: f"{s!r:>40}", lambda s: "%s %r" % (s, s)],  # noqa: UP031
)
def test_a_secret_does_not_show_itself(shown: Any) -> None:
    assert CANARY not in shown(Secret(CANARY))


def test_a_secret_is_given_on_demand_and_compares_by_value() -> None:
    secret = Secret(CANARY)

    assert secret.reveal() == CANARY
    assert secret == Secret(CANARY)
    assert secret != Secret("other")
    assert secret != CANARY
    assert len({secret, Secret(CANARY)}) == 1
    assert secret
    assert not Secret("")


def test_a_secret_does_not_leave_its_process() -> None:
    secret = Secret(CANARY)

    for leave in (pickle.dumps, copy.deepcopy, json.dumps, msgspec.json.encode):
        with pytest.raises((TypeError, msgspec.ValidationError)):
            leave(secret)
    assert not hasattr(secret, "__dict__")


def test_an_identifiers_hash_is_stable_short_and_salted() -> None:
    first = hash_identifier("alice", b"acme")

    assert first == hash_identifier("alice", b"acme")
    assert len(first) == 16
    assert first != hash_identifier("alice", b"globex")
    assert len(hash_identifier("\ud800", b"acme")) == 16


@pytest.mark.parametrize(
    "key",
    [
        "Authorization",
        "proxy-authorization",
        "COOKIE",
        "Set-Cookie",
        "Mcp-Session-Id",
        "session_id",
        "access_token",
        "accessToken",
        "client_secret",
        "password",
        "X-API-Key",
        "code_verifier",
        "arguments",
        "result",
        "query",
        b"authorization",
    ],
)
def test_a_field_with_a_secrets_name_is_dropped_at_any_depth(key: Any) -> None:
    planted = {
        "plain": {"nested": [{key: CANARY}, {key: [CANARY]}]},
        "headers": [(key, CANARY), ("Accept", "text/plain")],
    }

    cleaned = redact(None, "", planted)

    assert CANARY not in repr(cleaned)
    assert "text/plain" in repr(cleaned)


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {CANARY}",
        f"authorization: bEaReR {CANARY}",
        f"Basic {CANARY}==",
        f"https://user:{CANARY}@host/path",
        f"https://us@er:{CANARY}@host/path",
        f"HTTPS://host/path?access_token={CANARY}",
        f"https://host/path#{CANARY}",
        f"redis://:{CANARY}@127.0.0.1/0",
        f"Mcp-Session-Id: {CANARY}",
        f"Cookie: {CANARY}",
        f"grant_type=x&client_secret={CANARY}&y=z",
        f"{{'refresh_token': '{CANARY}'}}",
        jwt_like(CANARY.encode()),
        jwt_like(CANARY.encode(), header=b'{ "alg": "none" }'),
        jwt_like(CANARY.encode(), header=b'{\n"alg":"none"}'),
        jwt_like(CANARY.encode(), header=b"not even json, but long"),
    ],
)
def test_a_text_with_a_credentials_shape_is_obscured(text: str) -> None:
    cleaned = scrub_text(f"before {text} after")

    assert CANARY not in cleaned
    assert b64(CANARY.encode()) not in cleaned
    assert "before" in cleaned


@pytest.mark.parametrize(
    "text", ["plain words", "2026-11-21T01:00:00.000+00:00", "https://host/path", "files__read", ""]
)
def test_an_innocent_text_stays_as_it_is(text: str) -> None:
    assert scrub_text(text) == text


containers = st.recursive(
    st.just(f"Bearer {CANARY}") | st.just(Secret(CANARY)) | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


@given(containers)
def test_no_nesting_hides_a_secret(planted: Any) -> None:
    assert CANARY not in repr(redact(None, "", {"field": planted}))


@given(st.binary(min_size=8, max_size=200))
def test_every_token_is_found_in_any_text(payload: bytes) -> None:
    token = jwt_like(payload)
    cleaned = scrub_text(f"refused {token}, sorry")

    assert may_hold_secret(token)
    assert token.split(".")[1] not in cleaned
    assert HIDDEN in cleaned


def test_a_key_may_hold_a_secret_too() -> None:
    assert CANARY not in repr(redact(None, "", {"map": {f"Bearer {CANARY}": 1}}))


def test_the_log_is_clean_whatever_is_planted(log: ReadableLog) -> None:
    get_logger().warning(
        events.KEYS_REFRESH_FAILED,
        token=CANARY,
        header=f"Bearer {CANARY}",
        headers={"Cookie": CANARY, "Host": "gateway"},
        error=ValueError(CANARY),
        secret_value=Secret(CANARY),
        raw=f"Bearer {CANARY}".encode(),
        url=f"https://host/path?key={CANARY}",
    )

    assert CANARY not in log.getvalue()
    assert log.lines()[0]["headers"]["Host"] == "gateway"
