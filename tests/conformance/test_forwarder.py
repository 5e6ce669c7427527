"""The forwarder must not help: what it forwards is what the suite sent, and a token."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from tests.conformance.rig import start_forwarder
from tests.rigs.gateway import LOOPBACK, choose_public_url

FIRST = (
    b"POST /a HTTP/1.1\r\nHOST: evil.example.com\r\noRiGiN:  http://evil \r\n"
    b"Content-Length: 2\r\n\r\n{}"
)
SECOND = (
    b"POST /b HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n"
)
THIRD = b"GET /c HTTP/1.1\r\nHost: c\r\nLast-Event-ID: 7\r\n\r\n"
TOKEN = b"Authorization: Bearer a-token\r\n"


async def test_every_request_of_a_connection_gets_the_token_and_nothing_else_changes(
    tmp_path: Path,
) -> None:
    received = bytearray()
    whole = asyncio.Event()

    async def gateway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(received) < len(FIRST + SECOND + THIRD + 3 * TOKEN):
            received.extend(await reader.read(65_536))
        writer.write(b"data: as it came\n\n")
        await whole.wait()
        writer.close()

    listen_port = urlsplit(choose_public_url()).port
    assert listen_port is not None
    async with await asyncio.start_server(gateway, LOOPBACK, 0) as server, asyncio.timeout(20):
        gateway_port = server.sockets[0].getsockname()[1]
        child = start_forwarder(listen_port, gateway_port, "a-token", tmp_path)
        with child:
            await asyncio.to_thread(child.announcement)
            reader, writer = await asyncio.open_connection(LOOPBACK, listen_port)
            writer.write(FIRST + SECOND + THIRD)
            streamed = await reader.readuntil(b"\n\n")
            whole.set()
            rest = await reader.read()
            writer.close()

    heads = (request.partition(b"\r\n") for request in (FIRST, SECOND, THIRD))
    assert bytes(received) == b"".join(line + end + TOKEN + others for line, end, others in heads)
    assert (streamed, rest) == (b"data: as it came\n\n", b"")
