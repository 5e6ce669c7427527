"""What is not a server, or not one that can be trusted: said so, never a crash."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from auth.egress import EgressGrant, EgressGuard
from auth.errors import EgressRefused
from gateway.check import Report, Target, Unreachable, check
from tests.auth.certificates import Authority
from tests.gateway.check.judged import ids, judged
from tests.rigs.gateway import choose_public_url


@asynccontextmanager
async def listener(says: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Says the same to everybody, whatever is asked."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def over_tls(port: int) -> Report:
    grant = EgressGrant(tenants=frozenset({"check"}), cidr=ip_network("127.0.0.0/8"))
    egress = EgressGuard([grant]).for_tenant("check")
    return await check(Target(url=f"https://127.0.0.1:{port}/mcp"), egress)


async def test_nobody_listens() -> None:
    with pytest.raises(Unreachable, match="Connect"):
        await judged(f"{choose_public_url()}/mcp")


async def test_a_certificate_that_nobody_trusts_is_named(tmp_path: Path) -> None:
    context = Authority().server_context(tmp_path, "127.0.0.1")
    async with listener(b"", context) as port:
        with pytest.raises(Unreachable, match="certificate"):
            await over_tls(port)


async def test_https_is_asked_of_what_speaks_plain_http() -> None:
    async with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        with pytest.raises(Unreachable, match=r"(?i)ssl"):
            await over_tls(port)


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: hello",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b"[" * 5000,
    ],
    ids=["nothing", "ssh", "words", "cut", "huge-header", "stream", "deep"],
)
async def test_what_is_no_mcp_server_is_judged_as_none(says: bytes) -> None:
    async with listener(says) as port:
        report = await judged(f"http://127.0.0.1:{port}/mcp")

    assert "revisions.none" in ids(report)
    assert report.has_errors


@pytest.mark.parametrize("url", ["https://10.0.0.1/mcp", "http://example.com/mcp", "file:///etc"])
async def test_what_the_guard_does_not_allow_is_not_asked(url: str) -> None:
    with pytest.raises(EgressRefused):
        await check(Target(url=url), EgressGuard().for_tenant("check"))
