"""The seam: what was sent, what was not, and what is sent at all."""

import asyncio

import pytest

from gateway.backends.limits import BackendLimits
from gateway.backends.peer import OutgoingRequest
from gateway.errors import BackendTimeout, BackendUnavailable, OutcomeUnknown
from observability.trace_context import TraceContext
from tests.gateway.backends.conftest import META, MakePeer, SteppedClock, call
from tests.rigs.fake_backend import FakeBackend, Wire

BEARER = "eyJhbGciOiJSUzI1NiJ9.client-token-that-stays-here"


async def test_u08_a_request_has_exactly_the_headers_that_the_gateway_made(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    trace = TraceContext(trace_id=1, span_id=2, sampled=True, tracestate="a=b")
    exchange = await make_peer(fake).request(call(trace=trace))
    await exchange.result()

    assert fake.requests[0].header_names == [
        "host",
        "accept-encoding",
        "content-type",
        "accept",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "traceparent",
        "tracestate",
        "content-length",
    ]
    assert fake.requests[0].header("Accept-Encoding") == "identity"
    assert fake.requests[0].header("Mcp-Method") == "tools/call"
    assert fake.requests[0].header("traceparent") == trace.traceparent


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", f"Bearer {BEARER}"),
        ("Cookie", BEARER),
        ("X-Api-Key", BEARER),
        ("DPoP", BEARER),
        ("X-Forwarded-For", BEARER),
        ("Host", BEARER),
        ("Mcp-Session-Id", BEARER),
        ("Transfer-Encoding", "chunked"),
        ("Mcp-Param-X", f"a\r\nAuthorization: {BEARER}"),
        ("Mcp-Param-X\r\nAuthorization", BEARER),
        ("Mcp-Name", f"a\nX: {BEARER}"),
        ("Mcp-Param-Y", f"\x00{BEARER}"),
    ],
    ids=lambda header: f"U11-{header[0]!r}",
)
async def test_a_header_that_is_not_allowed_never_arrives(
    fake: FakeBackend, make_peer: MakePeer, header: tuple[str, str]
) -> None:
    await (await make_peer(fake).request(call(headers=(header,)))).result()

    assert BEARER.encode() not in fake.received
    assert b"chunked" not in fake.received


async def test_mirrored_parameters_arrive(fake: FakeBackend, make_peer: MakePeer) -> None:
    headers = (("Mcp-Name", "echo"), ("Mcp-Param-Region", "eu"))
    await (await make_peer(fake).request(call(headers=headers))).result()

    assert fake.requests[0].header("Mcp-Param-Region") == "eu"


async def test_u18_nothing_listens_so_nothing_was_sent(make_peer: MakePeer) -> None:
    async with FakeBackend() as backend:
        peer = make_peer(backend)
    with pytest.raises(BackendUnavailable):
        await peer.request(call())

    assert peer.in_flight == 0
    assert backend.requests == []


async def test_a_destination_that_egress_refuses_is_unavailable(make_peer: MakePeer) -> None:
    with pytest.raises(BackendUnavailable):
        await make_peer("http://10.1.2.3:9/mcp").request(call())


async def test_a_credential_that_is_missing_sends_nothing(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    peer = make_peer(fake, credential=("PORTCULLIS_TEST_UNSET", {}))
    with pytest.raises(BackendUnavailable):
        await peer.request(call())

    assert fake.requests == []
    assert peer.in_flight == 0


async def test_the_backends_own_credential_arrives(fake: FakeBackend, make_peer: MakePeer) -> None:
    peer = make_peer(fake, credential=("KEY", {"KEY": "of-the-gateway"}))
    await (await peer.request(call())).result()

    assert fake.requests[0].header("Authorization") == "Bearer of-the-gateway"


async def test_a_connection_is_kept_for_the_next_request(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    peer = make_peer(fake)
    for _ in range(3):
        await (await peer.request(call())).result()

    assert fake.connections == 1


async def test_u18_a_connection_that_was_closed_while_idle_is_not_written_to(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    peer = make_peer(fake)
    await (await peer.request(call())).result()
    await fake.close_connections()

    result = await (await peer.request(call())).result()

    assert fake.canary.encode() in result
    assert [request.connection for request in fake.requests] == [0, 1]


async def test_u18_an_end_that_the_event_loop_has_not_seen_is_noticed_before_writing(
    make_peer: MakePeer,
) -> None:
    """The backend's FIN is in the kernel, and the loop has no turn before the next request."""
    async with FakeBackend() as backend:
        peer = make_peer(backend)
        await (await peer.request(call())).result()
        backend.shut_down_now()

        result = await (await peer.request(call())).result()

        assert backend.canary.encode() in result
        assert len(backend.requests) == 2


async def test_u18_a_request_on_a_kept_connection_is_never_repeated_once_it_was_sent(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    """Pins the library: it repeats idempotent methods on kept connections, and POST is not one."""

    async def cut(wire: Wire) -> None:
        wire.close()

    peer = make_peer(fake)
    await (await peer.request(call())).result()
    fake.scripts["tools/call"] = cut
    with pytest.raises(OutcomeUnknown):
        await peer.request(call())

    assert [request.connection for request in fake.requests] == [0, 0]


async def test_the_deadline_of_a_call_is_kept(fake: FakeBackend, make_peer: MakePeer) -> None:
    async def hang(wire: Wire) -> None:
        await wire.client_is_gone()

    fake.scripts["tools/call"] = hang
    async with asyncio.timeout(3):
        with pytest.raises(BackendTimeout):
            await make_peer(fake).request(call(timeout_s=0.2))
        await fake.all_gone()


async def test_u19_a_backend_that_does_not_read_is_not_waited_for(make_peer: MakePeer) -> None:
    async with FakeBackend(reads=False) as backend:
        peer = make_peer(backend, limits=BackendLimits(write_stall_s=0.2))
        arguments = b'{"text":"%b"}' % (b"x" * 16_000_000)
        async with asyncio.timeout(4):
            with pytest.raises(BackendTimeout):
                await peer.request(call(arguments=arguments))

    assert peer.in_flight == 0


async def test_a_large_body_arrives_whole(fake: FakeBackend, make_peer: MakePeer) -> None:
    arguments = b'{"text":"%b"}' % (b"x" * 3_000_000)
    await (await make_peer(fake).request(call(arguments=arguments))).result()

    assert len(fake.requests[0].message["params"]["arguments"]["text"]) == 3_000_000


async def test_untouched_members_arrive_as_the_bytes_that_they_were(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    arguments = b'{ "b":1.0,"a" : 12345678901234567890, "u":"\\u00e9" }'
    await (await make_peer(fake).request(call(arguments=arguments))).result()

    assert arguments in fake.requests[0].body


async def test_idle_connections_are_given_back(fake: FakeBackend, make_peer: MakePeer) -> None:
    clock = SteppedClock()
    peer = make_peer(fake, clock=clock)
    await (await peer.request(call())).result()
    clock.now = 599
    await peer.drop_idle()
    assert fake.open_connections == 1
    clock.now = 600
    await peer.drop_idle()
    await fake.all_gone()
    result = await (await peer.request(call())).result()

    assert fake.canary.encode() in result


async def test_two_tenants_share_no_connection(fake: FakeBackend, make_peer: MakePeer) -> None:
    for tenant in ("acme", "globex"):
        await (await make_peer(fake, tenant=tenant).request(call())).result()

    assert [request.connection for request in fake.requests] == [0, 1]


async def test_request_ids_are_the_gateways_own_and_never_repeat(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    request = OutgoingRequest(method="tools/list", revision="2026-07-28", params={"_meta": META})
    peers = [make_peer(fake), make_peer(fake, tenant="globex")]
    for peer in peers * 2:
        await (await peer.request(request)).result()

    assert len({sent.message["id"] for sent in fake.requests}) == 4


class Blurting(asyncio.Protocol):
    """Answers before it was asked."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def test_u18_a_backend_that_speaks_first_has_not_answered(make_peer: MakePeer) -> None:
    server = await asyncio.get_running_loop().create_server(Blurting, "127.0.0.1", 0)
    async with server, asyncio.timeout(3):
        peer = make_peer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp")
        with pytest.raises((BackendUnavailable, OutcomeUnknown)):
            await (await peer.request(call())).result()
        await peer.close()


async def test_a_peer_knows_where_its_backend_is(make_peer: MakePeer) -> None:
    peer = make_peer("https://tools.example/mcp")

    assert (peer.name, peer.address, peer.port) == ("fake", "tools.example", 443)
