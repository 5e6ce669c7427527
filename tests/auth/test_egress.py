import asyncio
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import aiohttp
import pytest
from aiohappyeyeballs import start_connection
from aiohttp.abc import AbstractResolver, ResolveResult

from auth.egress import EgressGrant, EgressGuard, TenantEgress, refusal_of
from auth.errors import EgressRefused
from tests.auth.certificates import Authority
from tests.auth.scripted_issuer import LOOPBACK, TENANT, running_issuer, says
from tests.auth.test_addresses import grant
from tests.auth.url_corpus import ACCEPTED, REFUSED


class ScriptedResolver(AbstractResolver):
    """Says each of its answers once, the last one for ever: a zone with a TTL of 0."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def way_out(*grants: EgressGrant, resolver: AbstractResolver | None = None) -> TenantEgress:
    make = (lambda: resolver) if resolver else aiohttp.ThreadedResolver
    return EgressGuard(grants, resolver=make).for_tenant(TENANT)


@contextmanager
def counted_connects() -> Iterator[list[object]]:
    tried: list[object] = []
    connect = socket.socket.connect

    class Counting(socket.socket):
        def connect(self, address: object) -> None:
            tried.append(address)
            connect(self, address)  # type: ignore[arg-type]

    with patch.object(socket, "socket", Counting):
        yield tried


@pytest.mark.parametrize(
    ("case", "url"), REFUSED, ids=[f"{case}-{url[:60]!a}" for case, url in REFUSED]
)
def test_a_destination_that_nobody_granted_is_refused(case: str, url: str) -> None:
    with pytest.raises(EgressRefused):
        way_out().check_url(url)


@pytest.mark.parametrize("url", ACCEPTED)
def test_a_public_https_url_needs_no_grant(url: str) -> None:
    way_out().check_url(url)


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(set(REFUSED)) >= 150


def test_u24_another_port_of_a_name_needs_a_grant_for_that_port_and_scheme() -> None:
    own = way_out(grant("10.0.0.0/8", ports=(8443,)))

    own.check_url("https://backend.example/mcp")
    own.check_url("https://backend.example:8443/mcp")
    with pytest.raises(EgressRefused) as refused:
        own.check_url("http://backend.example:8080/mcp")
    assert "ports: [8080], schemes: [http]" in (refused.value.remedy or "")


def test_a_grant_of_another_tenant_is_of_no_use() -> None:
    guard = EgressGuard([grant("127.0.0.0/8", tenants=("globex",))])

    guard.for_tenant("globex").check_url("https://127.0.0.1/")
    with pytest.raises(EgressRefused):
        guard.for_tenant("acme").check_url("https://127.0.0.1/")


async def test_u01_a_name_is_refused_at_registration_for_what_it_resolves_to() -> None:
    own = way_out(resolver=ScriptedResolver(["8.8.8.8", "10.0.0.1"]))

    with pytest.raises(EgressRefused) as refused:
        await own.check_resolved("https://backend.example/")

    assert "cidr: 10.0.0.1/32, ports: [443], schemes: [https]" in (refused.value.remedy or "")


@pytest.mark.parametrize("private", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
async def test_u04_a_name_that_was_public_at_first_is_refused_when_connecting(private: str) -> None:
    own = way_out(resolver=ScriptedResolver(["8.8.8.8"], [private]))
    own.check_url("https://backend.example/")
    await own.check_resolved("https://backend.example/")

    async with asyncio.timeout(5), own.client_session() as session:
        with counted_connects() as tried, pytest.raises(aiohttp.ClientConnectorError) as failed:
            await session.get("https://backend.example/")

    assert isinstance(refusal_of(failed.value), EgressRefused)
    assert not tried


async def test_u04_of_several_addresses_only_the_allowed_ones_are_tried() -> None:
    async with running_issuer() as server, asyncio.timeout(5):
        server.answers["/"] = says({})
        resolver = ScriptedResolver(["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1"])
        own = way_out(LOOPBACK, resolver=resolver)
        port = server.url.rpartition(":")[2]
        with counted_connects() as tried:
            async with own.client_session() as session:
                response = await session.get(f"http://backend.example:{port}/")

    assert response.status == 200
    assert tried == [("127.0.0.1", int(port))]


@pytest.mark.parametrize("delay", [None, 0.01], ids=["in turn", "happy eyeballs"])
async def test_u04_no_socket_is_made_for_an_address_that_slipped_past_the_resolver(
    delay: float | None,
) -> None:
    async with way_out().client_session() as session:
        assert isinstance(session.connector, aiohttp.TCPConnector)
        factory = session.connector._socket_factory  # noqa: SLF001 - what is asked when connecting
        infos = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443)),
            (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", 443, 0, 0)),
        ]
        with counted_connects() as tried, pytest.raises(OSError, match="not allowed"):
            await start_connection(infos, happy_eyeballs_delay=delay, socket_factory=factory)

    assert not tried


async def test_u04_the_peer_is_looked_at_again_before_a_byte_is_sent() -> None:
    # As if the check at connect time had a hole.
    with patch.object(TenantEgress, "_open_socket", _open_anything):
        async with running_issuer() as server, way_out().client_session() as session:
            with pytest.raises(aiohttp.ClientConnectorError) as failed:
                await session.get(server.url)

            assert isinstance(refusal_of(failed.value), EgressRefused)
            assert not server.asked


def _open_anything(_egress: TenantEgress, info: aiohttp.AddrInfoType) -> socket.socket:
    return socket.socket(info[0], info[1], info[2])


async def test_a_refusal_while_connecting_is_reported_with_its_remedy() -> None:
    told: list[tuple[str, str | None]] = []
    guard = EgressGuard(on_refused=lambda tenant, refusal: told.append((tenant, refusal.remedy)))

    async with guard.for_tenant(TENANT).client_session() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("http://127.0.0.1:8080/")

    [(tenant, remedy)] = told
    assert tenant == TENANT
    assert "cidr: 127.0.0.1/32, ports: [8080], schemes: [http]" in (remedy or "")


async def test_a_grant_for_https_does_not_serve_http() -> None:
    async with running_issuer() as server, asyncio.timeout(5):
        port = int(server.url.rpartition(":")[2])
        for_https = grant("127.0.0.0/8", ports=(port,), schemes=("https",))
        for_names = grant("10.0.0.0/8", ports=(port,), schemes=("http",))
        resolver = ScriptedResolver(["127.0.0.1"])
        own = way_out(for_https, for_names, resolver=resolver)
        own.check_url(f"http://backend.example:{port}/")
        async with own.client_session() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://backend.example:{port}/")

        assert not server.asked


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_u05_a_redirect_is_an_error_even_if_the_caller_would_follow_it(status: int) -> None:
    async with running_issuer() as server, asyncio.timeout(5):
        server.answers["/"] = says({}, status=status, headers={"Location": "/other"})
        async with way_out(LOOPBACK).client_session() as session:
            with pytest.raises(aiohttp.ClientResponseError) as failed:
                await session.get(server.url, allow_redirects=True)

        assert failed.value.status == status
        assert server.asked == {"/": 1}


async def test_proxies_of_the_environment_are_not_used() -> None:
    async with running_issuer() as server, running_issuer() as proxy, asyncio.timeout(5):
        server.answers["/"] = says({})
        with patch.dict(os.environ, {"http_proxy": proxy.url, "HTTP_PROXY": proxy.url}):
            async with way_out(LOOPBACK).client_session() as session:
                await session.get(server.url)

        assert server.asked
        assert not proxy.asked


async def test_cookies_are_not_kept() -> None:
    async with running_issuer() as server, asyncio.timeout(5):
        server.answers["/"] = says({}, headers={"Set-Cookie": "a=b"})
        async with way_out(LOOPBACK).client_session() as session:
            await session.get(server.url)
            assert not list(session.cookie_jar)


@pytest.mark.parametrize(
    ("listener", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]:8080/"),
        ("127.0.0.1", "http://0.0.0.0:8080/"),
        ("127.0.0.1", "http://localhost:8080/"),
        ("0.0.0.0", "http://127.0.0.1:8080/"),  # noqa: S104 - what a listener may be bound to
        ("0.0.0.0", "http://127.9.9.9:8080/"),  # noqa: S104 - what a listener may be bound to
        ("::", "http://127.0.0.1:8080/"),
        ("::", "http://[::1]:8080/"),
    ],
)
def test_the_gateways_own_listeners_cannot_be_reached_whatever_is_granted(
    listener: str, url: str
) -> None:
    everything = [
        grant(cidr, tenants=("*",), schemes=("http", "https")) for cidr in ("0.0.0.0/0", "::/0")
    ]
    guard = EgressGuard(everything, forbidden=lambda: frozenset({(listener, 8080)}))
    own = guard.for_tenant(TENANT)

    with pytest.raises(EgressRefused, match="itself"):
        own.check_url(url)
    own.check_url(url.replace("8080", "8081"))


def test_an_address_of_another_machine_is_not_ours_because_we_listen_everywhere() -> None:
    guard = EgressGuard(
        [grant("192.0.2.0/24", schemes=("http",))],
        forbidden=lambda: frozenset({("0.0.0.0", 8080), ("::", 8080)}),  # noqa: S104
    )

    guard.for_tenant(TENANT).check_url("http://192.0.2.1:8080/")


async def test_what_trusts_the_same_shares_one_tls_context() -> None:
    guard = EgressGuard([LOOPBACK])
    async with (
        guard.for_tenant("acme").client_session() as one,
        guard.for_tenant("globex").client_session() as other,
    ):
        assert isinstance(one.connector, aiohttp.TCPConnector)
        assert isinstance(other.connector, aiohttp.TCPConnector)
        shared: ssl.SSLContext = one.connector._ssl  # type: ignore[assignment] # noqa: SLF001

        assert shared is other.connector._ssl  # noqa: SLF001
        assert shared.verify_mode is ssl.CERT_REQUIRED
        assert shared.check_hostname


@pytest.mark.parametrize(
    "flaw", ["unknown authority", "another host", "expired"], ids=lambda flaw: f"U23-K18-{flaw}"
)
async def test_u23_k18_a_certificate_that_is_not_the_hosts_is_refused(
    flaw: str, tmp_path: Path
) -> None:
    authority = Authority()
    served = {
        "unknown authority": Authority().server_context(tmp_path, "127.0.0.1"),
        "another host": authority.server_context(tmp_path, "127.0.0.2"),
        "expired": authority.server_context(tmp_path, "127.0.0.1", is_expired=True),
    }[flaw]
    ca_file = authority.write(tmp_path)
    async with running_issuer(ssl=served) as server, asyncio.timeout(5):
        async with way_out(LOOPBACK).client_session(ca_file=ca_file) as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(server.url)

        assert not server.asked


async def test_u23_a_certificate_of_the_given_authority_is_accepted(tmp_path: Path) -> None:
    authority = Authority()
    context = authority.server_context(tmp_path, "127.0.0.1")
    async with running_issuer(ssl=context) as server, asyncio.timeout(5):
        server.answers["/"] = says({})
        own = way_out(LOOPBACK)
        async with own.client_session(ca_file=authority.write(tmp_path)) as session:
            response = await session.get(server.url)

    assert response.status == 200
