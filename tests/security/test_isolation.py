"""N05, N07, J11, U08, U11: tenants that are alike in everything share nothing, and backends learn
nothing of who called."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.rigs.doors import Door, door, mirrored
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.raw_http import Answer
from tests.rigs.walled_city import (
    City,
    Json,
    bearer,
    legacy,
    legacy_call,
    legacy_headers,
    modern,
    modern_call,
)
from tests.security.conftest import CREDENTIALS

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 1000
AT_A_TIME = 100
ATTEMPTS = 5
"""A machine out of breath may miss a deadline of the store; then it says that nothing ran."""
SEEN = "modern", "legacy"

CLIENTS_OWN = [
    ("Cookie", "cookie-of-the-client=1"),
    ("DPoP", "dpop-proof-of-the-client"),
    ("X-Api-Key", "api-key-of-the-client"),
    ("X-Forwarded-For", "192.0.2.77"),
    ("X-Forwarded-Host", "forwarded-host.example"),
    ("X-Forwarded-Proto", "gopher"),
    ("Forwarded", "for=192.0.2.78"),
    ("X-Tenant-Id", "tenant-of-the-client"),
    ("X-Backend-Key", "backend-key-of-the-client"),
    ("Mcp-Param-Authorization", "param-of-the-client"),
    ("X-Anything", "anything-of-the-client"),
    ("User-Agent", "agent-of-the-client"),
    ("Proxy-Authorization", "Basic proxy-of-the-client"),
    ("Last-Event-ID", "event-of-the-client"),
]


def _all_values() -> Iterator[str]:
    yield from (value for _, value in CLIENTS_OWN)


def _sixteens(token: str) -> Iterator[bytes]:
    """Every substring of 16 bytes, which nobody meets by accident."""
    raw = token.encode()
    yield from (raw[at : at + 16] for at in range(len(raw) - 15))


def _requests_since(backend: FakeBackend, since: int) -> bytes:
    return b"".join(request.raw for request in backend.requests[since:])


async def test_n05_equal_names_ids_and_urls_on_both_sides_give_each_its_own(
    city: City, acme: Door, globex: Door
) -> None:
    methods = [
        modern("server/discover"),
        modern("tools/list"),
        modern("prompts/list"),
        modern("resources/list"),
        modern_call(text="same"),
        modern_call("no_such_tool"),
    ]
    for message in methods:
        ours, theirs = await asyncio.gather(acme.modern(message), globex.modern(message))
        assert "canary-of-globex" not in ours.text
        assert "canary-of-acme" not in theirs.text
    assert "canary-of-acme" in (await acme.modern(modern_call())).text
    assert "canary-of-globex" in (await globex.modern(modern_call())).text


async def test_n05_legacy_sessions_of_two_tenants_never_meet(
    old_acme: Door, old_globex: Door
) -> None:
    ours, theirs = await old_acme.session(), await old_globex.session()
    for message in (legacy("tools/list"), legacy_call(text="same"), legacy("ping")):
        here, there = await asyncio.gather(
            old_acme.legacy(message, ours), old_globex.legacy(message, theirs)
        )
        assert here.status == there.status == 200
        assert "canary-of-globex" not in here.text
        assert "canary-of-acme" not in there.text


@pytest.mark.parametrize("era", SEEN)
async def test_n05_u23_each_backend_gets_the_credential_of_its_tenant_and_no_other(
    era: str, city: City
) -> None:
    for tenant in ("acme", "globex"):
        await _call(door(city, tenant, "" if era == "modern" else era), era)
        received = city.backends[f"{tenant}-{era}"].received
        other = "globex" if tenant == "acme" else "acme"

        assert CREDENTIALS[f"{tenant.upper()}_KEY"].encode() in received
        assert CREDENTIALS[f"{other.upper()}_KEY"].encode() not in received


async def test_n05_one_url_of_two_tenants_is_two_backends(city: City) -> None:
    """The backend answers by the credential, as one that serves several customers does."""
    backend = city.backends["shared"]

    async def by_credential(wire: Wire) -> None:
        key = wire.request.header("X-Backend-Key")
        owner = next(name for name, value in CREDENTIALS.items() if value == key)
        await wire.result({"content": [{"type": "text", "text": f"for {owner}"}]})

    backend.scripts["tools/call"] = by_credential
    doors = {tenant: door(city, tenant, "shared") for tenant in ("acme", "globex")}
    since = len(backend.requests)
    answers = await asyncio.gather(
        *(doors[tenant].modern(modern_call()) for _ in range(25) for tenant in doors)
    )

    told = [answer.result["content"][0]["text"] for answer in answers]
    assert told == ["for ACME_KEY", "for GLOBEX_KEY"] * 25
    # No connection carries the calls of both: pools are per tenant and backend.
    connections = {
        key: {
            request.connection
            for request in backend.requests[since:]
            if request.header("X-Backend-Key") == key
        }
        for key in CREDENTIALS.values()
    }
    assert set.isdisjoint(*connections.values())


async def test_n07_what_one_tenants_backend_claims_stays_with_that_tenant(city: City) -> None:
    """N07: a backend that talks like another tenant's poisons nothing of that tenant."""
    ours, theirs = door(city, "acme", "mirror"), door(city, "globex", "mirror")
    messages = [modern("server/discover"), modern("tools/list"), modern_call()]
    before = [(await theirs.modern(message)).body for message in messages]
    poison = [(await ours.modern(message)).body for message in messages]
    after = [(await theirs.modern(message)).body for message in messages]

    assert after == before
    assert b"poison" in b"".join(poison)
    assert b"poison" not in b"".join(after)


async def _call(at: Door, era: str, token: str | None = None) -> str:
    if era == "modern":
        headers = [*mirrored(modern_call()), *CLIENTS_OWN]
        answer = await at.modern(modern_call(), token=token, headers=headers)
        assert answer.status == 200, answer.text
        return ""
    session = await at.session(token=token)
    headers = [bearer(token or at.good()), *legacy_headers(session), *CLIENTS_OWN]
    answer = await at.city.post(at.path, headers, legacy_call())
    assert answer.status == 200, answer.text
    return session


@pytest.mark.parametrize("era", SEEN)
async def test_u08_u11_h14_nothing_of_the_clients_own_headers_reaches_a_backend(
    era: str, city: City
) -> None:
    at = door(city, "acme", "" if era == "modern" else era)
    backend = city.backends[f"acme-{era}"]
    token, since = at.good("passed-through"), len(backend.requests)
    session = await _call(at, era, token)
    received = _requests_since(backend, since)

    assert len(backend.requests) > since
    assert not [part for part in _sixteens(token) if part in received]
    assert not [value for value in _all_values() if value.encode() in received]
    assert not session or session.encode() not in received
    for request in backend.requests[since:]:
        assert "authorization" not in request.header_names
        assert request.header("Host") == f"127.0.0.1:{backend.port}"


async def test_u11_h27_a_client_cannot_write_a_header_line_by_an_argument(
    city: City, acme: Door
) -> None:
    backend = city.backends["acme-modern"]
    arguments = {"region": "eu\r\nX-Injected: 1", "limit": 1}
    message = modern("tools/call", name="placed", arguments=arguments)
    payload = "=?base64?ZXUNClgtSW5qZWN0ZWQ6IDE=?="
    headers = [*mirrored(message), ("Mcp-Param-Region", payload), ("Mcp-Param-Limit", "1")]
    since = len(backend.requests)
    answer = await acme.modern(message, headers=headers)

    assert answer.status == 200, answer.text
    (call,) = [r for r in backend.requests[since:] if r.rpc == "tools/call"]
    assert call.header("Mcp-Param-Region") == payload
    assert "x-injected" not in call.header_names


async def test_j11_the_clients_request_id_never_reaches_a_backend(city: City, acme: Door) -> None:
    backend = city.backends["acme-modern"]
    answer = await acme.modern(modern_call(request_id="id-of-the-client"))

    assert answer.message["id"] == "id-of-the-client"
    assert b"id-of-the-client" not in backend.received


async def _answers(calls: list[tuple[Door, Json, str | None, str]]) -> list[Json]:
    gate = asyncio.Semaphore(AT_A_TIME)

    async def one(at: Door, message: Json, session: str | None, token: str) -> Json:
        for _ in range(ATTEMPTS):
            async with gate:
                answer = await _sent(at, message, session, token)
            if answer.status != 503:
                return answer.message
        raise AssertionError("never served")

    return list(await asyncio.gather(*(one(*call) for call in calls)))


async def _sent(at: Door, message: Json, session: str | None, token: str) -> Answer:
    if session is None:
        return await at.modern(message, token=token)
    return await at.legacy(message, session, token=token)


async def test_j11_a_thousand_calls_with_one_id_each_get_their_own_answer(
    city: City, acme: Door, globex: Door, old_acme: Door, old_globex: Door
) -> None:
    callers: list[tuple[Door, str | None, str]] = []
    for at in (acme, globex, old_acme, old_globex):
        for subject in ("ida", "ivo"):
            token = at.good(subject)
            is_legacy = at.endpoint == "legacy"
            callers.append((at, await at.session(token=token) if is_legacy else None, token))
    calls = []
    for number in range(AT_ONCE):
        at, session, token = callers[number % len(callers)]
        make = modern_call if session is None else legacy_call
        calls.append((at, make(request_id=0, mark=f"{number:05}"), session, token))

    answers = await _answers(calls)

    for number, ((at, *_), answer) in enumerate(zip(calls, answers, strict=True)):
        assert "result" in answer, answer
        text = answer["result"]["content"][0]["text"]
        assert answer["id"] == 0
        assert text == json.dumps({"mark": f"{number:05}"}) + f"canary-of-{at.tenant}"


async def test_no_answer_of_a_backend_is_logged_or_counted(
    city: City, acme: Door, globex: Door
) -> None:
    """O2, for the log and the metrics; the traces are looked through when the gateway has left."""
    for at in (acme, globex):
        line = await city.line_of(await at.modern(modern_call(text="argument-of-a-call")))
        assert line["tenant"] == at.tenant
    metrics = await city.scrape()

    for text in (city.gateway.child.log_text(), metrics):
        assert "canary-of" not in text
        assert "argument-of-a-call" not in text
        assert "ann" not in text.split('"')
    assert not [secret for secret in city.secrets if secret in metrics]
