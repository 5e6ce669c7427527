"""Cases S: a session is its owner's, and every other way to it answers the same bytes."""

import secrets

import pytest

from tests.rigs.doors import Door, door
from tests.rigs.raw_http import Answer
from tests.rigs.walled_city import (
    City,
    bearer,
    initialize,
    legacy,
    legacy_call,
    legacy_headers,
    modern_call,
    modern_headers,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _as(other: Door, session: str, token: str | None = None) -> Answer:
    return await other.legacy(legacy_call(), session, token=token)


async def test_s02_nobody_elses_session_can_be_told_from_one_that_never_was(
    city: City, old_acme: Door, old_globex: Door
) -> None:
    session = await old_acme.session(token=old_acme.good("sam"))
    asked = city.asked_backends()
    second = door(city, "acme", "legacy", issuer="second")
    strangers = {
        "never": await _as(old_acme, secrets.token_urlsafe(32)),
        "not-an-id": await _as(old_acme, "x"),
        "user": await _as(old_acme, session, old_acme.good("eve")),
        "client": await _as(old_acme, session, old_acme.good("sam", client_id="other")),
        "issuer": await _as(second, session, second.good("sam")),
        "endpoint": await _as(
            door(city, "acme", "guarded-legacy"),
            session,
            door(city, "acme", "guarded-legacy").good("sam"),
        ),
        "tenant": await _as(old_globex, session, old_globex.good("sam")),
    }

    assert {answer.status for answer in strangers.values()} == {404}
    assert len({answer.fixed for answer in strangers.values()}) == 1
    assert strangers["user"].code == -32600
    assert city.asked_backends() == asked
    event = await city.audited(strangers["user"])
    assert (event["kind"], event["reason"]) == ("access_refused", "unknown_session")
    assert (await _as(old_acme, session, old_acme.good("sam"))).status == 200


async def test_s09_an_ended_session_is_gone_for_its_owner_as_well(old_acme: Door) -> None:
    token = old_acme.good("tom")
    session = await old_acme.session(token=token)
    ended = await old_acme.end(session, token=token)
    after = await _as(old_acme, session, token)
    again = await old_acme.end(session, token=token)

    assert (ended.status, ended.body) == (204, b"")
    assert after.fixed == (await _as(old_acme, "never", token)).fixed
    assert again.status == 404


async def test_s09_a_stranger_cannot_end_a_session(old_acme: Door, old_globex: Door) -> None:
    token = old_acme.good("una")
    session = await old_acme.session(token=token)
    by_stranger = await old_acme.end(session, token=old_acme.good("eve"))
    by_tenant = await old_globex.end(session, token=old_globex.good("una"))

    assert by_stranger.status == by_tenant.status == 404
    assert (await _as(old_acme, session, token)).status == 200


async def test_s01_a_session_id_that_a_client_brings_opens_nothing(old_acme: Door) -> None:
    brought = secrets.token_urlsafe(32)
    answer = await old_acme.legacy(initialize(), brought)
    minted = answer.header("Mcp-Session-Id")

    assert minted != brought
    assert minted is None or len(minted) >= 43
    assert (await _as(old_acme, brought)).status == 404


async def test_s02_two_session_ids_open_neither(city: City, old_acme: Door) -> None:
    session, token = await old_acme.session(), old_acme.good()
    asked = city.asked_backends()
    headers = [bearer(token), *legacy_headers(session), ("Mcp-Session-Id", "x" * 43)]
    answer = await city.post(old_acme.path, headers, legacy_call())

    assert (answer.status, answer.code) == (400, -32600)
    assert city.asked_backends() == asked


async def test_s03_guesses_never_hit(city: City, old_acme: Door) -> None:
    await old_acme.session()
    asked = city.asked_backends()
    answers = [await _as(old_acme, secrets.token_urlsafe(32)) for _ in range(100)]

    assert {answer.status for answer in answers} == {404}
    assert city.asked_backends() == asked


REFUSED_INITIALIZES = {
    "accept": ([("Accept", "text/html")], initialize(), 406),
    "media-type": ([("Content-Type", "text/plain")], initialize(), 415),
    "modern-version": ([("MCP-Protocol-Version", "2026-07-28")], initialize(), 400),
    "capabilities": (
        [],
        legacy("initialize", protocolVersion="2025-11-25", capabilities=1),
        200,
    ),
    "protocol-version": ([], legacy("initialize", capabilities={}), 200),
    "batch": ([], [initialize()], 400),
}


@pytest.mark.parametrize("name", REFUSED_INITIALIZES)
async def test_s11_a_refused_initialize_leaves_no_session(
    name: str, city: City, old_acme: Door
) -> None:
    changed, message, status = REFUSED_INITIALIZES[name]
    replaced = {key for key, _ in changed}
    kept = [pair for pair in legacy_headers() if pair[0] not in replaced]
    before = await city.metric("portcullis_sessions_active")
    headers = [bearer(old_acme.good()), *kept, *changed]

    answer = await city.post(old_acme.path, headers, message)  # type: ignore[arg-type]

    assert answer.status == status, answer.text
    assert answer.header("Mcp-Session-Id") is None
    assert await city.metric("portcullis_sessions_active") == before


async def test_s11_an_unauthenticated_initialize_leaves_no_session(
    city: City, old_acme: Door
) -> None:
    before = await city.metric("portcullis_sessions_active")
    answer = await city.post(old_acme.path, legacy_headers(), initialize())

    assert answer.status == 401
    assert await city.metric("portcullis_sessions_active") == before


async def test_s12_a_user_at_the_cap_ends_only_sessions_of_their_own(old_acme: Door) -> None:
    greedy, other = old_acme.good("greedy"), old_acme.good("modest")
    kept = await old_acme.session(token=other)
    opened = [await old_acme.session(token=greedy) for _ in range(22)]
    alive = [session for session in opened if (await _as(old_acme, session, greedy)).status == 200]

    assert len(alive) <= 20
    assert opened[-1] in alive
    assert (await _as(old_acme, kept, other)).status == 200


async def test_s16_the_log_knows_a_session_by_a_hash_alone(city: City, old_acme: Door) -> None:
    token = old_acme.good("vic")
    session = await old_acme.session(token=token)
    line = await city.line_of(await _as(old_acme, session, token))

    assert len(line["session"]) == 16
    assert session not in city.gateway.child.log_text()


async def test_a_stray_session_header_means_nothing_to_a_modern_call(
    city: City, acme: Door
) -> None:
    headers = [*modern_headers("tools/call", "echo"), ("Mcp-Session-Id", "x" * 43)]

    assert (await acme.modern(modern_call(), headers=headers)).status == 200


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("endpoint", ["", "legacy", "guarded", "wide", "shared"])
@pytest.mark.parametrize("token", ["none", "bad", "other-tenant"])
async def test_s17_every_method_of_every_endpoint_wants_a_token_of_its_own(
    method: str, endpoint: str, token: str, city: City, globex: Door
) -> None:
    target = door(city, "acme", endpoint)
    presented = {"none": [], "bad": [bearer("x.y.z")], "other-tenant": [bearer(globex.good())]}
    headers = [*presented[token], *legacy_headers("any")]

    answer = await city.send(method, target.path, headers, b"{}" if method == "POST" else b"")

    assert answer.status == 401
