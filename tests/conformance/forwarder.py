"""Adds a bearer token to each request and changes nothing else.

The suite has no option for a token. Host, Origin, the order and the case of all headers stay as
the suite sent them, so that the gateway judges them; bytes stream both ways as they come.

    FORWARDED_TOKEN=... python -m tests.conformance.forwarder LISTEN_PORT GATEWAY_PORT
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping

LOOPBACK = "127.0.0.1"
CHUNK = 65_536
END_OF_HEAD = b"\r\n\r\n"
GONE = (asyncio.IncompleteReadError, ConnectionError)


async def forward(
    client: asyncio.StreamReader, client_end: asyncio.StreamWriter, port: int, token: str
) -> None:
    """Serve one connection until either side ends it."""
    try:
        gateway, gateway_end = await asyncio.open_connection(LOOPBACK, port)
    except ConnectionError:
        client_end.close()
        return
    try:
        async with asyncio.TaskGroup() as group:
            requests = group.create_task(_requests(client, gateway_end, token))
            await _answers(gateway, client_end)
            requests.cancel()
    finally:
        gateway_end.close()
        client_end.close()


async def _requests(
    client: asyncio.StreamReader, gateway: asyncio.StreamWriter, token: str
) -> None:
    """Every request of a connection, its body whole, until the client ends."""
    authorization = f"Authorization: Bearer {token}\r\n".encode()
    try:
        while True:
            request_line, _, rest = (await client.readuntil(END_OF_HEAD)).partition(b"\r\n")
            gateway.write(request_line + b"\r\n" + authorization + rest)
            await _body(client, gateway, _headers(rest))
    except GONE:
        gateway.close()


async def _body(
    client: asyncio.StreamReader, gateway: asyncio.StreamWriter, headers: Mapping[bytes, bytes]
) -> None:
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        await _chunks(client, gateway)
    else:
        gateway.write(await client.readexactly(int(headers.get(b"content-length", b"0"))))
    await gateway.drain()


async def _chunks(client: asyncio.StreamReader, gateway: asyncio.StreamWriter) -> None:
    size = -1
    while size != 0:
        line = await client.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        gateway.write(line + await client.readexactly(size + 2))
        await gateway.drain()


async def _answers(gateway: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    try:
        while chunk := await gateway.read(CHUNK):
            client.write(chunk)
            await client.drain()
    except GONE:
        return


def _headers(lines: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in lines.split(b"\r\n"))
    return {name.lower(): value.strip() for name, _, value in pairs}


async def _run(listen_port: int, gateway_port: int, token: str) -> None:
    async def serve(client: asyncio.StreamReader, client_end: asyncio.StreamWriter) -> None:
        await forward(client, client_end, gateway_port, token)

    async with await asyncio.start_server(serve, LOOPBACK, listen_port):
        sys.stdout.write(json.dumps({"port": listen_port}) + "\n")
        sys.stdout.flush()
        # It lives as long as whoever started it: until its stdin ends.
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), int(sys.argv[2]), os.environ["FORWARDED_TOKEN"]))
