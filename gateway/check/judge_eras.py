"""Judging revisions, their methods, and everything that was tried. Pure."""

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urljoin

from gateway.check.answer import Answer, shown
from gateway.check.asked import META, Json
from gateway.check.observations import EraSeen, Observations
from gateway.check.rule import Finding
from gateway.check.rules import errors, messages, revisions, streaming
from gateway.check.trials import Trial
from gateway.protocol.methods import CACHEABLE, LIST_MEMBER
from gateway.protocol.revisions import LATEST_LEGACY, LEGACY, MODERN

MEMBERS = {
    "prompts/get": "messages",
    "resources/read": "contents",
    "completion/complete": "completion",
    "tools/call": "content",
}
"""What the result of a method must have, and lists."""

RESULT_TYPES = ("complete", "input_required", "task")
CACHE_SCOPES = ("public", "private")
_REMOVED_CODES = (-32002, -32042)
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


def judge_eras(seen: Observations) -> Iterator[Finding]:
    """Everything about revisions and the conversations in them."""
    yield from _revisions(seen)
    for era in seen.eras:
        yield from _opening(era)
        yield from _methods(era)
        yield from _trials(era.trials)
        yield from _call(era)
    yield from _trials(seen.security)
    if seen.modern is not None:
        yield from _modern_results(seen.answers)
        yield from _listening(seen.modern)


def _revisions(seen: Observations) -> Iterator[Finding]:
    if not seen.eras and not seen.is_refused:
        yield from _no_revision(seen)
    if seen.modern is None and seen.discovery is not None and _is_outage(seen.discovery):
        yield revisions.PROBE_FAILS.at(seen.discovery.where, seen.discovery.told())
    if seen.modern is None and seen.legacy and seen.legacy.talk.revision != LATEST_LEGACY:
        yield revisions.OLD_ONLY.at("initialize", seen.legacy.talk.revision)
    for answer in (*seen.handshakes.values(), seen.impossible_handshake):
        if answer is not None:
            yield from _handshake(answer, is_spoken=seen.legacy is not None)


def _no_revision(seen: Observations) -> Iterator[Finding]:
    if seen.door is not None and _is_door(seen):
        yield revisions.DEPRECATED_TRANSPORT.at("GET", "an `endpoint` event")
        return
    told = [a.told() for a in (seen.discovery, *seen.handshakes.values()) if a is not None]
    yield revisions.NONE_SPOKEN.at("server/discover, initialize", "; ".join(dict.fromkeys(told)))


def _is_door(seen: Observations) -> bool:
    events = seen.door.stream.events if seen.door and seen.door.stream else ()
    uris = [e.data.decode(errors="replace") for e in events if e.kind == "endpoint"]
    return any(urljoin(seen.url, uri).startswith(("http://", "https://")) for uri in uris)


def _is_outage(answer: Answer) -> bool:
    status = answer.status
    is_5xx = status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_5xx or (bool(answer.fault) and not answer.is_redirect)


def _handshake(answer: Answer, *, is_spoken: bool) -> Iterator[Finding]:
    revision = (answer.result or {}).get("protocolVersion")
    if answer.result is None:
        if is_spoken:
            yield revisions.NOT_NEGOTIATED.at(answer.where, answer.told())
    elif revision in MODERN:
        yield revisions.MODERN_BY_HANDSHAKE.at(answer.where, shown(str(revision)))
    elif revision not in LEGACY:
        yield revisions.UNKNOWN_AGREED.at(answer.where, shown(str(revision)))


def _opening(era: EraSeen) -> Iterator[Finding]:
    result = era.opening.result or {}
    if era.talk.is_modern:
        missing = [] if isinstance(result.get("capabilities"), dict) else ["capabilities"]
        rule = revisions.DISCOVERY_INCOMPLETE
    else:
        members = {"capabilities": result.get("capabilities"), "serverInfo": _info(result)}
        missing = [name for name, value in members.items() if not isinstance(value, dict)]
        rule = revisions.HANDSHAKE_INCOMPLETE
    if missing:
        yield rule.at(era.opening.where, f"no {', '.join(missing)}")


def _info(result: Json) -> Json | None:
    info = result.get("serverInfo")
    is_whole = isinstance(info, dict) and {"name", "version"} <= info.keys()
    return info if is_whole else None


def _methods(era: EraSeen) -> Iterator[Finding]:
    pages = [page for each in era.lists.values() for page in each.pages]
    for answer in (*pages, *era.methods, *era.pings):
        if answer.fault or (answer.is_success and answer.response is None):
            continue  # that it is no response has rules of its own
        if answer.result is None:
            yield messages.FAILED.at(answer.where, answer.told())
        else:
            yield from _members(answer)


def _members(answer: Answer) -> Iterator[Finding]:
    method = str((answer.asked.message or {}).get("method"))
    result = answer.result or {}
    member = LIST_MEMBER.get(method) or MEMBERS.get(method)
    value = result.get(member or "")
    is_paused = result.get("resultType") == "input_required"
    wanted = dict if member == "completion" else list
    if member is not None and not isinstance(value, wanted) and not is_paused:
        yield messages.INCOMPLETE_RESULT.at(answer.where, f"no `{member}`")
    if member == "completion" and isinstance(value, dict):
        yield from _completion(answer, value)


def _completion(answer: Answer, completion: Json) -> Iterator[Finding]:
    values = completion.get("values")
    most = 100  # the schema: "Must not exceed 100 items"
    if not isinstance(values, list) or len(values) > most:
        yield messages.INCOMPLETE_RESULT.at(answer.where, "`values` is no list of at most 100")


def _trials(tried: list[tuple[Trial, Answer]]) -> Iterator[Finding]:
    for trial, answer in tried:
        if answer.fault and not answer.is_redirect:
            continue  # it has a rule of its own
        if (answer.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            yield errors.SERVER_ERROR.at(answer.where, answer.told())
            continue
        rule = trial.judge(answer)
        if rule is not None:
            yield rule.at(answer.where, answer.told())


def _call(era: EraSeen) -> Iterator[Finding]:
    answer = era.call
    if answer is None or answer.fault:
        return
    if answer.result is None or answer.result.get("isError"):
        yield messages.CALL_FAILED.at(answer.where, answer.told())
    else:
        yield from _members(answer)


def _modern_results(answers: list[Answer]) -> Iterator[Finding]:
    for answer in answers:
        if not _is_modern(answer):
            continue
        if answer.code in _REMOVED_CODES:
            yield errors.RESERVED_CODE.at(answer.where, answer.told())
        if answer.code == -32022 and not _supported(answer):  # noqa: PLR2004 - its own name
            yield errors.NO_SUPPORTED.at(answer.where, answer.told())
        if answer.result is not None:
            yield from _modern_members(answer, answer.result)


def _is_modern(answer: Answer) -> bool:
    return "_meta" in (answer.asked.message or {}).get("params", {})


def _supported(answer: Answer) -> bool:
    data = (answer.error or {}).get("data")
    return isinstance(data, dict) and isinstance(data.get("supported"), list)


def _modern_members(answer: Answer, result: Json) -> Iterator[Finding]:
    if result.get("resultType") not in RESULT_TYPES:
        yield messages.NO_RESULT_TYPE.at(answer.where, shown(str(result.get("resultType"))))
    method = str((answer.asked.message or {}).get("method"))
    if method in CACHEABLE and result.get("resultType") != "input_required":
        ttl, scope = result.get("ttlMs"), result.get("cacheScope")
        is_ttl = isinstance(ttl, int) and not isinstance(ttl, bool) and ttl >= 0
        if not is_ttl or scope not in CACHE_SCOPES:
            seen = shown(f"ttlMs {ttl}, cacheScope {scope}")
            yield messages.NO_CACHING.at(answer.where, seen)
    meta = result.get("_meta")
    if not isinstance(meta, dict) or f"{META}serverInfo" not in meta:
        yield revisions.NO_SERVER_INFO.at(answer.where, "no serverInfo in `_meta`")


def _listening(era: EraSeen) -> Iterator[Finding]:
    answer = era.listening
    if answer is None or answer.fault or answer.code == -32601:  # noqa: PLR2004 - not offered
        return
    first = next(iter(answer.messages), {})
    params = first.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    names = meta.get(f"{META}subscriptionId") if isinstance(meta, dict) else None
    if first.get("method") != _ACKNOWLEDGED or names != answer.request_id:
        seen = shown(str(first)) if first else answer.told()
        yield streaming.LISTEN.at(answer.where, seen)
