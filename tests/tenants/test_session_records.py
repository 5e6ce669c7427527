from dataclasses import fields, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.principal import Principal
from tenants.errors import SessionTooLarge, UnknownSession
from tenants.session_records import (
    MAX_CLIENT_BYTES,
    Session,
    SessionOwner,
    decode_record,
    encode_record,
)

KEY, OLD_KEY = b"k" * 32, b"o" * 32
REDIS_KEY = "pc:{acme}:session:" + "0" * 64
SESSION = Session(
    key="0" * 64,
    owner=SessionOwner(
        tenant="acme",
        endpoint="",
        principal=Principal(issuer="https://i", subject="ann", client_id="app"),
    ),
    revision="2025-06-18",
    client_capabilities=b'{"roots":{}}',
    client_info=b'{"name":"c"}',
    created_at=1.5,
    absolute_end=9.25,
    seq=7,
    incarnation="inc",
)
STORED = encode_record(SESSION, redis_key=REDIS_KEY, mac_key=KEY)


def decode(stored: bytes, redis_key: str = REDIS_KEY) -> Session:
    return decode_record(stored, key="0" * 64, redis_key=redis_key, mac_keys=(KEY, OLD_KEY))


@pytest.mark.parametrize("session", [SESSION, SESSION.activated()], ids=["pending", "active"])
def test_a_record_reads_as_the_session_that_was_written(session: Session) -> None:
    assert decode(encode_record(session, redis_key=REDIS_KEY, mac_key=KEY)) == session


def test_a_record_of_before_a_rotation_is_read() -> None:
    assert decode(encode_record(SESSION, redis_key=REDIS_KEY, mac_key=OLD_KEY)) == SESSION


@pytest.mark.parametrize("redis_key", [REDIS_KEY[:-1] + "1", REDIS_KEY.replace("acme", "globex")])
def test_s18_a_record_moved_to_another_key_or_tenant_is_unknown(redis_key: str) -> None:
    with pytest.raises(UnknownSession):
        decode(STORED, redis_key)


def test_s15_a_record_with_any_bit_flipped_or_cut_is_unknown() -> None:
    damaged = [
        STORED[:i] + bytes([STORED[i] ^ 1 << bit]) + STORED[i + 1 :]
        for i in range(len(STORED))
        for bit in range(8)
    ]

    for stored in damaged + [STORED[:i] for i in range(len(STORED))]:
        with pytest.raises(UnknownSession):
            decode(stored)


@given(st.binary(max_size=300))
def test_anything_else_is_an_unknown_session_and_nothing_worse(stored: bytes) -> None:
    with pytest.raises(UnknownSession):
        decode(stored)


@pytest.mark.parametrize(
    "body", [b"\x02", b"\x01", b"\x01\xc0", b"\x01" + msgspec.msgpack.encode([1])]
)
def test_an_unknown_schema_is_an_unknown_session_though_it_is_signed(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other:
        def encode(self, _: object) -> bytes:
            return body[1:]

    monkeypatch.setattr("tenants.session_records._encoder", Other())
    monkeypatch.setattr("tenants.session_records.SCHEMA", body[:1])
    stored = encode_record(SESSION, redis_key=REDIS_KEY, mac_key=KEY)
    monkeypatch.setattr("tenants.session_records.SCHEMA", b"\x01")

    with pytest.raises(UnknownSession, match="schema"):
        decode(stored)


def test_what_a_client_says_about_itself_is_bounded() -> None:
    half = b"x" * (MAX_CLIENT_BYTES // 2)
    replace(SESSION, client_info=half, client_capabilities=half)

    with pytest.raises(SessionTooLarge):
        replace(SESSION, client_info=half + b"x", client_capabilities=half)


def test_every_member_of_a_session_is_stored() -> None:
    stored_members = {"owner", "key"} | set(STORED and _record_members())

    assert {field.name for field in fields(Session)} <= stored_members


def _record_members() -> list[str]:
    from tenants.session_records import _Record  # noqa: PLC0415 - the schema itself is the subject

    return [field.name for field in msgspec.structs.fields(_Record)]
