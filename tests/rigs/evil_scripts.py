"""What a hostile or broken backend puts on the wire (security cases U13, U15, U16 and U18).

Every script answers a call with something that is no answer. Sizes follow `EVIL_LIMITS`, which are
those of the product scaled down where the time of a test demands it.
"""

import json
from collections.abc import Mapping

from gateway.backends.limits import BackendLimits
from tests.rigs.fake_backend import Json, Script, Wire

EVIL_LIMITS = BackendLimits(idle_s=0.3, json_bytes=256 * 1024, event_bytes=64 * 1024)
EVIL_TIMEOUT_S = 1.5
GOOD: Json = {"content": []}


async def json_over_the_cap(wire: Wire) -> None:
    padding = " " * (EVIL_LIMITS.json_bytes + 1)
    await wire.reply(wire.answer(GOOD) + padding.encode())


async def endless_body(wire: Wire) -> None:
    await wire.head(200, {"Content-Type": "application/json"})
    while not wire.is_client_gone:
        await wire.write(b" " * 16384)


async def endless_headers(wire: Wire) -> None:
    await wire.write(b"HTTP/1.1 200 OK\r\n")
    number = 0
    while not wire.is_client_gone:
        number += 1
        await wire.write(b"X-Header-%d: %b\r\n" % (number, b"x" * 1000))


async def one_long_header(wire: Wire) -> None:
    await wire.write(b"HTTP/1.1 200 OK\r\nX-Header: ")
    while not wire.is_client_gone:
        await wire.write(b"x" * 1000)


async def headers_over_the_cap(wire: Wire) -> None:
    headers = {f"X-Header-{number}": "x" * 1000 for number in range(20)}
    await wire.reply(wire.answer(GOOD), headers=headers)


async def endless_event(wire: Wire) -> None:
    await wire.open_events()
    await wire.chunk(b"data: ")
    while not wire.is_client_gone:
        await wire.chunk(b"x" * 16384)


async def endless_lines_of_one_event(wire: Wire) -> None:
    await wire.open_events()
    while not wire.is_client_gone:
        await wire.chunk(b"data: x\n" * 1000)


async def a_million_events(wire: Wire) -> None:
    await wire.open_events()
    event = b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n'
    while not wire.is_client_gone:
        await wire.chunk(event * 200)


async def silence_in_the_body(wire: Wire) -> None:
    await wire.head(200, {"Content-Type": "application/json", "Content-Length": "100"})
    await wire.write(b"{")
    await wire.client_is_gone()


async def silence_in_the_stream(wire: Wire) -> None:
    await wire.open_events()
    await wire.event({"jsonrpc": "2.0", "method": "notifications/progress"})
    await wire.client_is_gone()


async def comments_for_ever(wire: Wire) -> None:
    """Never idle, never done: only the total time ends it."""
    await wire.open_events()
    while not wire.is_client_gone:
        await wire.chunk(b": still here\n\n")


async def not_json(wire: Wire) -> None:
    await wire.reply(b"<html>It works!</html>")


async def html(wire: Wire) -> None:
    await wire.reply(b"<html>It works!</html>", content_type="text/html")


async def redis_error(wire: Wire) -> None:
    await wire.write(b"-ERR unknown command 'POST'\r\n")
    wire.close()


async def wrong_id(wire: Wire) -> None:
    await wire.reply(wire.answer(GOOD, request_id=7))


async def id_as_text(wire: Wire) -> None:
    await wire.reply(wire.answer(GOOD, request_id=str(wire.id)))


async def null_id(wire: Wire) -> None:
    await wire.reply(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"no"}}')


async def wrong_id_in_the_stream(wire: Wire) -> None:
    await wire.open_events()
    await wire.event(wire.answer(GOOD, request_id=7))
    await wire.end_events()


async def two_answers(wire: Wire) -> None:
    await wire.open_events()
    event = b"data: " + wire.answer(GOOD) + b"\n\n"
    await wire.chunk(event + event)
    await wire.end_events()


async def batch(wire: Wire) -> None:
    await wire.reply(b"[" + wire.answer(GOOD) + b"]")


async def batch_in_the_stream(wire: Wire) -> None:
    await wire.open_events()
    await wire.event(b"[" + wire.answer(GOOD) + b"]")
    await wire.end_events()


async def invalid_utf8(wire: Wire) -> None:
    await wire.reply(wire.answer({"content": "X"}).replace(b"X", b"\xff"))


async def not_a_number(wire: Wire) -> None:
    await wire.reply(wire.answer({"content": 1.5}).replace(b"1.5", b"NaN"))


async def duplicate_names(wire: Wire) -> None:
    await wire.reply(wire.answer({"a": 1}).replace(b'"a": 1', b'"a": 1, "a": 2'))


async def deep_nesting(wire: Wire) -> None:
    await wire.reply(wire.answer({"a": 1}).replace(b"1", b"[" * 5000 + b"]" * 5000))


async def byte_order_mark(wire: Wire) -> None:
    await wire.reply(b"\xef\xbb\xbf" + wire.answer(GOOD))


async def result_and_error(wire: Wire) -> None:
    both = json.loads(wire.answer(GOOD)) | {"error": {"code": 1, "message": "no"}}
    await wire.reply(json.dumps(both).encode())


async def neither_result_nor_error(wire: Wire) -> None:
    await wire.reply(json.dumps({"jsonrpc": "2.0", "id": wire.id}).encode())


async def result_that_is_no_object(wire: Wire) -> None:
    await wire.reply(json.dumps({"jsonrpc": "2.0", "id": wire.id, "result": [1]}).encode())


async def event_stream_of_junk(wire: Wire) -> None:
    await wire.open_events()
    await wire.chunk(b"event: x\r\rdata: nothing\r\r\rdata: {\r\r")
    await wire.end_events()


async def nothing_in_the_stream(wire: Wire) -> None:
    await wire.open_events()
    await wire.end_events()


async def event_without_its_blank_line(wire: Wire) -> None:
    await wire.open_events()
    await wire.chunk(b"data: " + wire.answer(GOOD) + b"\n")
    await wire.end_events()


async def accepted(wire: Wire) -> None:
    await wire.reply(b"", status=202)


async def no_content(wire: Wire) -> None:
    await wire.head(204)


async def redirect(wire: Wire) -> None:
    await wire.reply(b"", status=307, headers={"Location": wire.backend.url + "/elsewhere"})


async def server_error(wire: Wire) -> None:
    await wire.reply(b"oops", status=500, content_type="text/plain")


async def busy(wire: Wire) -> None:
    await wire.reply(b"", status=503, headers={"Retry-After": "1"})


async def bad_request_without_reason(wire: Wire) -> None:
    await wire.reply(b"bad", status=400, content_type="text/plain")


async def compressed(wire: Wire) -> None:
    await wire.reply(b"\x1f\x8b\x08\x00junk", headers={"Content-Encoding": "gzip"})


async def asks_for_ever(wire: Wire) -> None:
    await wire.open_events()
    number = 0
    while not wire.is_client_gone:
        number += 1
        await wire.event({"jsonrpc": "2.0", "id": number, "method": "roots/list"})


async def cut_before_the_head(wire: Wire) -> None:
    wire.close()


async def reset_before_the_head(wire: Wire) -> None:
    wire.reset()


async def cut_in_the_head(wire: Wire) -> None:
    await wire.write(b"HTTP/1.1 200 OK\r\nContent-Type: appl")
    wire.close()


async def cut_after_the_head(wire: Wire) -> None:
    await wire.head(200, {"Content-Type": "application/json", "Content-Length": "100"})
    wire.close()


async def cut_in_the_json(wire: Wire) -> None:
    body = wire.answer(GOOD)
    await wire.head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
    await wire.write(body[:-5])
    wire.close()


async def reset_in_the_json(wire: Wire) -> None:
    await wire.head(200, {"Content-Type": "application/json", "Content-Length": "100"})
    await wire.write(b"{")
    wire.reset()


async def cut_in_the_stream(wire: Wire) -> None:
    await wire.open_events()
    await wire.event({"jsonrpc": "2.0", "method": "notifications/progress"})
    wire.close()


async def reset_in_the_stream(wire: Wire) -> None:
    await wire.open_events()
    await wire.event({"jsonrpc": "2.0", "method": "notifications/progress"})
    wire.reset()


UNKNOWN_OUTCOME: Mapping[str, Script] = {
    "U13-json-over-the-cap": json_over_the_cap,
    "U13-endless-body": endless_body,
    "U13-endless-headers": endless_headers,
    "U13-one-long-header": one_long_header,
    "U13-headers-over-the-cap": headers_over_the_cap,
    "U13-endless-event": endless_event,
    "U13-endless-lines-of-one-event": endless_lines_of_one_event,
    "U13-a-million-events": a_million_events,
    "U14-compressed": compressed,
    "U15-not-json": not_json,
    "U15-html": html,
    "U15-redis-error": redis_error,
    "U15-wrong-id": wrong_id,
    "U15-id-as-text": id_as_text,
    "U15-null-id": null_id,
    "U15-wrong-id-in-the-stream": wrong_id_in_the_stream,
    "U15-two-answers": two_answers,
    "U15-batch": batch,
    "U15-batch-in-the-stream": batch_in_the_stream,
    "U15-invalid-utf8": invalid_utf8,
    "U15-nan": not_a_number,
    "U15-duplicate-names": duplicate_names,
    "U15-deep-nesting": deep_nesting,
    "U15-byte-order-mark": byte_order_mark,
    "U15-result-and-error": result_and_error,
    "U15-neither-result-nor-error": neither_result_nor_error,
    "U15-result-that-is-no-object": result_that_is_no_object,
    "U15-event-stream-of-junk": event_stream_of_junk,
    "U15-nothing-in-the-stream": nothing_in_the_stream,
    "U15-event-without-its-blank-line": event_without_its_blank_line,
    "U15-accepted": accepted,
    "U15-no-content": no_content,
    "U05-redirect": redirect,
    "U15-server-error": server_error,
    "U15-busy": busy,
    "U15-bad-request-without-reason": bad_request_without_reason,
    "U16-asks-for-ever": asks_for_ever,
    "U18-cut-before-the-head": cut_before_the_head,
    "U18-reset-before-the-head": reset_before_the_head,
    "U18-cut-in-the-head": cut_in_the_head,
    "U18-cut-after-the-head": cut_after_the_head,
    "U18-cut-in-the-json": cut_in_the_json,
    "U18-reset-in-the-json": reset_in_the_json,
    "U18-cut-in-the-stream": cut_in_the_stream,
    "U18-reset-in-the-stream": reset_in_the_stream,
}
"""Scripts that end in OutcomeUnknown."""

TOO_SLOW: Mapping[str, Script] = {
    "U13-silence-in-the-body": silence_in_the_body,
    "U13-silence-in-the-stream": silence_in_the_stream,
    "U13-comments-for-ever": comments_for_ever,
}
"""Scripts that end in BackendTimeout."""
