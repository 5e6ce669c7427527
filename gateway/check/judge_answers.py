"""Judging every answer as an answer, whatever was asked. Pure."""

from collections import Counter
from collections.abc import Iterator

from gateway.check.answer import EVENT_STREAM, JSON_TYPE, Answer, Stream, shown
from gateway.check.asked import Json
from gateway.check.observations import Observations
from gateway.check.rule import Finding
from gateway.check.rules import messages, streaming

_RPC_TYPES = (JSON_TYPE, EVENT_STREAM)


def judge_answers(seen: Observations) -> Iterator[Finding]:
    """Messages and streams. Where no revision is spoken there is nothing to hold anybody to."""
    for answer in seen.answers:
        yield from _transport(answer)
        if seen.eras and answer is not seen.door:
            yield from _content(answer)
    yield from _event_ids(seen.answers)


def _transport(answer: Answer) -> Iterator[Finding]:
    if answer.is_redirect:
        yield messages.REDIRECTED.at(answer.where, answer.fault)
    elif answer.fault:
        yield messages.NO_ANSWER.at(answer.where, answer.fault)


def _content(answer: Answer) -> Iterator[Finding]:
    if answer.unreadable:
        yield messages.NOT_JSON.at(answer.where, answer.unreadable)
    if answer.stream is not None:
        yield from _stream(answer, answer.stream)
    if not answer.is_success:
        return
    if answer.body and answer.content_type not in _RPC_TYPES:
        if _expects_result(answer):
            yield messages.CONTENT_TYPE.at(answer.where, shown(answer.content_type or "none"))
    elif _expects_result(answer) and not answer.unreadable:
        yield from _response(answer)


def _expects_result(answer: Answer) -> bool:
    asked = answer.asked
    return asked.http_method == "POST" and asked.message is not None and asked.has_id


def _response(answer: Answer) -> Iterator[Finding]:
    response = answer.response
    if response is None:
        if not answer.fault and answer.stream is None:
            yield messages.NOT_RPC.at(answer.where, answer.told())
        return
    problem = _malformed(response)
    if problem:
        yield messages.NOT_RPC.at(answer.where, problem)
    elif "result" in response and not _has_own_id(answer, response):
        yield messages.WRONG_ID.at(answer.where, f"id {shown(repr(response.get('id')))}")


def _has_own_id(answer: Answer, response: Json) -> bool:
    found = response.get("id")
    return type(found) is int and found == answer.request_id


def _malformed(response: Json) -> str:
    if response.get("jsonrpc") != "2.0":
        return f"jsonrpc is {shown(repr(response.get('jsonrpc')))}"
    if "result" in response and "error" in response:
        return "both a result and an error"
    if "result" in response:
        return "" if isinstance(response["result"], dict) else "the result is not an object"
    error = response["error"]
    if not isinstance(error, dict):
        return "the error is not an object"
    is_whole = type(error.get("code")) is int and isinstance(error.get("message"), str)
    return "" if is_whole else "the error lacks an integer code or a message"


def _stream(answer: Answer, stream: Stream) -> Iterator[Finding]:
    if stream.fault:
        yield streaming.BAD_STREAM.at(answer.where, shown(stream.fault))
    if stream.is_unfinished:
        yield streaming.UNFINISHED_EVENT.at(answer.where, "no empty line at the end")
    foreign = sorted({event.kind for event in stream.events} - {"message"})
    if foreign:
        yield streaming.FOREIGN_EVENT.at(answer.where, shown(", ".join(foreign)))
    yield from _ending(answer, stream)
    yield from _undeclared(answer)
    if _is_modern(answer):
        yield from _modern_stream(answer, stream)


def _ending(answer: Answer, stream: Stream) -> Iterator[Finding]:
    if answer.asked.reads_s is not None or not _expects_result(answer):
        return
    if answer.response is None and stream.has_ended and not stream.events_have_ids:
        yield streaming.NO_RESPONSE.at(answer.where, f"{len(stream.events)} events")
    elif answer.response is not None and not stream.has_ended:
        yield streaming.LEFT_OPEN.at(answer.where, "open half a second later")


def _undeclared(answer: Answer) -> Iterator[Finding]:
    """The check declares no capability at all."""
    for message in answer.messages:
        method = message.get("method")
        if "id" in message and isinstance(method, str) and method != "ping":
            yield messages.UNASKED_REQUEST.at(answer.where, shown(method))


def _is_modern(answer: Answer) -> bool:
    return "_meta" in (answer.asked.message or {}).get("params", {})


def _modern_stream(answer: Answer, stream: Stream) -> Iterator[Finding]:
    if stream.events_have_ids:
        yield streaming.MODERN_EVENT_ID.at(answer.where, "id")
    if (answer.header("X-Accel-Buffering") or "").lower() != "no":
        yield streaming.BUFFERING.at(answer.where, "no X-Accel-Buffering")


def _event_ids(answers: list[Answer]) -> Iterator[Finding]:
    """Within a session; `id` of an event without one of its own is that of the one before."""
    found: Counter[tuple[str, str]] = Counter()
    for answer in answers:
        session = answer.asked.headers.get("Mcp-Session-Id")
        ids = {event.id for event in (answer.stream.events if answer.stream else ()) if event.id}
        if isinstance(session, str):
            found.update((session, each) for each in ids)
    for (_, event_id), times in found.items():
        if times > 1:
            yield streaming.REPEATED_ID.at("streams of one session", shown(event_id))
