"""One connection of a client: aiohttp's protocol with a header deadline and answers of our own.

Rules:
 1. A header block is timed and measured from its first byte, or from the accept, to its end.
 2. Bytes that are no grammatical HTTP get one typed refusal and the connection is closed. That
    holds within a body, too: whoever reads it is told at once.
 3. Nothing of a library's text, version or stack leaves, neither to the client nor to the log.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import _ErrInfo

if TYPE_CHECKING:
    from gateway.connection_table import ConnectionTable

SERVER_NAME = "portcullis"
HEADER_BLOCK_FACTOR = 4
"""A header block may be so many times as long as its longest field."""

_BAD_REQUEST = 400
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\n"
    b"Content-Length: 23\r\nConnection: close\r\n\r\n"
    b'{"error":"bad_request"}'
)


class ClientRequest(web.BaseRequest):
    """A request whose answer does not tell which library, of which version, wrote it."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers["Server"] = SERVER_NAME


class Connection(web.RequestHandler):
    """One client connection. The table that counts it closes it when it has to go."""

    __slots__ = (
        "_body",
        "_header_bytes",
        "_is_broken",
        "_table",
        "_wire",
        "headers_since",
        "is_authenticated",
        "on_lost",
        "peer",
        "source",
    )

    def __init__(
        self, table: "ConnectionTable", *, loop: asyncio.AbstractEventLoop, **options: object
    ) -> None:
        super().__init__(table, loop=loop, **options)  # type: ignore[arg-type] # aiohttp's own
        self._table = table
        self._wire: asyncio.Transport | None = None
        self._body: StreamReader | None = None
        self._header_bytes = 0
        self._is_broken = False
        self.headers_since: float | None = None
        """When the header block that is being received began; None between blocks."""
        self.is_authenticated = False
        self.on_lost: Callable[[], object] | None = None
        """Called once when the client goes away; a handler sets and clears it."""
        self.peer = ""
        self.source = ""
        """Whom it is counted for; the table says so."""

    @property
    def is_serving(self) -> bool:
        """Whether a request is being answered on it."""
        return self._request_in_progress

    @property
    def unsent_bytes(self) -> int:
        """How much of what was written the client has not taken yet."""
        return 0 if self._wire is None else self._wire.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection in, or turn it away at once."""
        # uvloop's transports are no subclasses of asyncio's.
        self._wire = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else "local"
        if not self._table.admits(self):
            self._wire.abort()
            return
        self.headers_since = self._loop.time()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it out and tell whoever serves it."""
        self._table.forget(self)
        self._wire = None
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Parse; note whether these bytes leave a header block unfinished or broke the framing."""
        if self._is_broken:
            return
        before = self._request_count
        is_header = bool(data) and self._is_between_requests()
        super().data_received(data)
        if self._request_count != before:
            self._header_bytes = 0
            if self.headers_since is not None:
                self.headers_since = None
                self._table.headers_complete(self)
            self._follow_body()
        elif is_header:
            self._note_headers(len(data))

    def pause_writing(self) -> None:
        """The client takes less than it is sent: watch it."""
        super().pause_writing()
        self._table.watch_unsent(self)

    def force_close(self) -> None:
        """Close; what the client does not take is watched like any other write."""
        super().force_close()
        if self.unsent_bytes:
            self._table.watch_unsent(self)

    def cut(self) -> None:
        """Close now, whatever was written and not sent."""
        wire = self._wire
        self.force_close()
        if wire is not None:
            wire.abort()

    def interrupt(self) -> None:
        """Cancel the request that is being answered; its handler may still write an end."""
        if self._request_in_progress and self._task_handler is not None:
            self._task_handler.cancel()

    def authenticated(self) -> None:
        """Note that somebody proved who they are on it."""
        self._table.authenticated(self)

    def log_exception(self, *_args: object, **named: object) -> None:
        """Count what aiohttp would write to its own log, stack and all."""
        error = named.get("exc_info")
        self._table.on_bug(error if isinstance(error, BaseException) else None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer bytes that are no HTTP request. Nothing of the parser's text is repeated."""
        del request, message
        is_callers = status == _BAD_REQUEST
        reason = "bad_request" if is_callers else "internal_error"
        if is_callers:
            self._table.on_refused(reason, self.peer)
        else:
            self._table.on_bug(exc)
        response = web.Response(
            status=431 if isinstance(exc, LineTooLong) else status,
            body=b'{"error":"%s"}' % reason.encode(),
            content_type="application/json",
            headers={"Connection": "close"},
        )
        response.force_close()
        return response

    def _is_between_requests(self) -> bool:
        """Whether bytes that complete nothing belong to a header block and not to a body."""
        if self._waiter is not None or self.headers_since is not None:
            return True
        return self._body is None or self._body.is_eof()

    def _note_headers(self, size: int) -> None:
        if self.headers_since is None:
            self.headers_since = self._loop.time()
            self._table.headers_begun(self)
        self._header_bytes += size
        if self._header_bytes > self.max_field_size * HEADER_BLOCK_FACTOR:
            self._refuse_headers()

    def _refuse_headers(self) -> None:
        self._is_broken = True
        if self._request_in_progress:
            self.close()
            return
        self._table.on_refused("bad_request", self.peer)
        if self._wire is None:
            return
        self._wire.write(_TOO_LARGE)
        # Closed with bytes unread, the answer would be lost to a reset: what still comes is read
        # and dropped, until the client closes or the deadline of its headers passes.
        if self._wire.can_write_eof():
            self._wire.write_eof()

    def _follow_body(self) -> None:
        """Remember the body that is being received; wake its reader when its framing broke."""
        *earlier, (newest, body) = self._messages
        if not isinstance(newest, _ErrInfo):
            self._body = None if body.is_eof() else body
            return
        self._is_broken = True
        broken = earlier[-1][1] if earlier else self._body
        self._body = None
        if broken is not None and not broken.is_eof():
            broken.set_exception(web.RequestPayloadError("broken framing"))
            broken.feed_eof()
