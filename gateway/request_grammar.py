"""What a parser lets through and this gateway does not, because others would read it otherwise.

- HTTP/1.1 only: older clients have no Host, no chunks and no connection that stays.
- No underscore in a field name: what stands behind reads `X_Y` as `X-Y`.
- No byte beyond ASCII in a field value (RFC 9110 section 5.5: such content is opaque).
"""

from aiohttp import HttpVersion11, web

from gateway.errors import BadRequestLine


def check_grammar(request: web.BaseRequest) -> None:
    """Refuse what could be read in two ways.

    Raises:
        BadRequestLine: the connection is closed after the answer.
    """
    if request.version != HttpVersion11:
        raise BadRequestLine("HTTP/1.1 is required")
    for name, value in request.raw_headers:
        if b"_" in name or not value.isascii():
            raise BadRequestLine("a header is not acceptable")
