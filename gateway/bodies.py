"""Reading a request's body within its bounds: type, encoding, size and time.

The body of an unauthenticated request is never read: only `mcp_endpoint` calls this, after it has
admitted the caller.
"""

import asyncio
import time

from aiohttp import web
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy

from gateway.config.limits import Limits
from gateway.errors import BadRequestLine, PayloadTooLarge, RequestTimeout, UnsupportedMediaType

SLOW_START_S = 5.0
MIN_BYTES_PER_S = 240


def check_media_type(headers: CIMultiDictProxy[str]) -> None:
    """Only JSON as it is: no forms, no multipart, nothing compressed.

    Raises:
        UnsupportedMediaType: anything else.
    """
    if "Content-Encoding" in headers:
        raise UnsupportedMediaType("content encodings are not accepted")
    kinds = headers.getall("Content-Type", [])
    if len(kinds) != 1:
        raise UnsupportedMediaType("one Content-Type header is required")
    kind, _, parameters = kinds[0].partition(";")
    if kind.strip().lower() != "application/json":
        raise UnsupportedMediaType("the content type must be application/json")
    charset = parameters.strip().lower().replace('"', "")
    if charset not in {"", "charset=utf-8"}:
        raise UnsupportedMediaType("the character set must be UTF-8")


async def read_body(request: web.BaseRequest, limits: Limits) -> bytes:
    """Read the whole body, and ask for it first where the client waits for that.

    Raises:
        PayloadTooLarge: more than `limits.body_bytes`, announced or sent.
        RequestTimeout: it came too slowly.
        BadRequestLine: it was cut, or its framing is broken.
    """
    max_bytes = limits.body_bytes
    _check_size(request.content_length or 0, max_bytes)
    content = request.content
    try:
        if content.is_eof():
            # The usual case: a small body that came with its headers.
            body = content.read_nowait(-1)
            _check_size(len(body), max_bytes)
            return body
        await _ask_for_body(request)
        async with asyncio.timeout(limits.request_s):
            return await _read_slowly(content, limits)
    except TimeoutError as error:
        raise RequestTimeout("the body did not arrive in time") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise BadRequestLine("the body was cut") from error


async def _ask_for_body(request: web.BaseRequest) -> None:
    """RFC 9110 section 10.1.1: a client may wait for this before it sends its body."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


async def _read_slowly(content: StreamReader, limits: Limits) -> bytes:
    body = bytearray()
    began = time.monotonic()
    while not content.at_eof():
        async with asyncio.timeout(limits.body_idle_s):
            body += await content.readany()
        _check_size(len(body), limits.body_bytes)
        elapsed = time.monotonic() - began
        if elapsed > SLOW_START_S and len(body) < elapsed * MIN_BYTES_PER_S:
            raise TimeoutError
    broken = content.exception()
    if broken is not None:
        # What came before the framing broke is not the body.
        raise broken
    return bytes(body)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise PayloadTooLarge(f"the body may have {max_bytes} bytes")
