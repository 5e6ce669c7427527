"""Requests that must be refused, or served, in a certain way: data, one row each.

Rules
- A trial's verdicts are tried in order; the first whose expectation the answer meets decides. Its
  rule is None where that is right.
- Nothing here runs a tool, prompt or resource that exists.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from gateway.check.answer import EVENT_STREAM, Answer
from gateway.check.asked import META, SESSION_HEADER, Asked, Talk
from gateway.check.rule import Rule
from gateway.check.rules import errors, messages, security, sessions, streaming
from gateway.protocol.mirrored_headers import METHOD_HEADER, VERSION_HEADER

NOBODY = "portcullis_check_no_such_thing"
NO_URI = "portcullis-check://no/such/thing"
FOREIGN_ORIGIN = "https://evil.example.com"
FOREIGN_HOST = "evil.example.com"
NO_REVISION = "1999-12-31"
BATCH_IDS = ("batch-1", "batch-2")
NO_SESSION = "portcullis-check-0d9c2a52-5b0f-4d5e-9b3a-2a9f3f7d7c11"


class Came(Enum):
    """What kind of answer it is, beyond status and code."""

    REFUSAL = auto()
    TOOL_ERROR = auto()
    BATCH = auto()
    STREAM = auto()


_CAME: dict[Came, Callable[[Answer], bool]] = {
    Came.REFUSAL: lambda a: a.is_refusal,
    Came.TOOL_ERROR: lambda a: bool((a.result or {}).get("isError")),
    Came.BATCH: lambda a: sum("result" in each for each in a.messages) == len(BATCH_IDS),
    Came.STREAM: lambda a: a.is_success and a.content_type == EVENT_STREAM,
}


@dataclass(frozen=True, slots=True)
class Expect:
    """What an answer is compared with; what is not given is not looked at."""

    statuses: Sequence[int] = ()
    codes: Sequence[int] = ()
    came: Came | None = None

    def is_met_by(self, answer: Answer) -> bool:
        """Whether the answer is of this kind."""
        if self.statuses and answer.status not in self.statuses:
            return False
        if self.codes and answer.code not in self.codes:
            return False
        return self.came is None or _CAME[self.came](answer)


Verdicts = Sequence[tuple[Expect, Rule | None]]

ANYTHING = Expect()
REFUSAL = Expect(came=Came.REFUSAL)


@dataclass(frozen=True, slots=True)
class Trial:
    """One request and what its answers mean. `capability` is one without which it is not made."""

    build: Callable[[Talk], Asked]
    verdicts: Verdicts
    capability: str = ""

    def judge(self, answer: Answer) -> Rule | None:
        """The rule that this answer breaks, if any."""
        met = (rule for expect, rule in self.verdicts if expect.is_met_by(answer))
        return next(met, None)


_BATCH = b"[%s]" % b",".join(
    b'{"jsonrpc":"2.0","id":"%s","method":"ping"}' % name.encode() for name in BATCH_IDS
)
_NOT_FOUND: Verdicts = (
    (Expect(codes=(-32602,)), None),
    (REFUSAL, errors.NOT_FOUND_CODE),
    (ANYTHING, errors.NOT_FOUND_SERVED),
)
_UNKNOWN_TOOL: Verdicts = (
    (Expect(codes=(-32602,)), None),
    (REFUSAL, errors.NOT_FOUND_CODE),
    (Expect(came=Came.TOOL_ERROR), errors.UNKNOWN_TOOL_RESULT),
    (ANYTHING, errors.UNKNOWN_TOOL),
)
_BAD_JSON: Verdicts = (
    (Expect(statuses=(400,), codes=(-32700,)), None),
    (REFUSAL, errors.BAD_JSON_STATUS),
    (ANYTHING, errors.BAD_JSON),
)


def _unknown_tool(talk: Talk) -> Asked:
    params = {"name": NOBODY, "arguments": {}}
    return talk.ask("tools/call", params, where="tools/call of an unknown tool")


def _unknown_prompt(talk: Talk) -> Asked:
    return talk.ask("prompts/get", {"name": NOBODY}, where="prompts/get of an unknown prompt")


def _unknown_resource(talk: Talk) -> Asked:
    return talk.ask("resources/read", {"uri": NO_URI}, where="resources/read of an unknown URI")


def _unknown_method(talk: Talk) -> Asked:
    return talk.ask("portcullis-check/no-such-method", where="an unknown method")


def _bad_json(talk: Talk) -> Asked:
    return talk.send_raw(b'{"jsonrpc": "2.0", "id": 1, "method": ', where="a body that is no JSON")


def _bad_cursor(method: str) -> Callable[[Talk], Asked]:
    return lambda talk: talk.ask(
        method, {"cursor": NOBODY}, where=f"{method} with a made-up cursor"
    )


def _with(
    headers: dict[str, str | Sequence[str] | None], where: str, method: str
) -> Callable[[Talk], Asked]:
    return lambda talk: talk.ask(method, where=where, headers=headers)


# Legacy ------------------------------------------------------------------------------------------

LEGACY_TRIALS: Sequence[Trial] = (
    Trial(
        _unknown_method,
        (
            (Expect(codes=(-32601,)), None),
            (REFUSAL, errors.UNKNOWN_METHOD_CODE),
            (ANYTHING, errors.UNKNOWN_METHOD),
        ),
    ),
    Trial(_bad_json, _BAD_JSON),
    Trial(_unknown_tool, _UNKNOWN_TOOL, "tools"),
    Trial(_unknown_prompt, _NOT_FOUND, "prompts"),
    Trial(
        _unknown_resource,
        ((Expect(codes=(-32002,)), None), *_NOT_FOUND),
        "resources",
    ),
)
"""For every legacy revision."""

VERSION_HEADER_TRIALS: Sequence[Trial] = (
    Trial(
        _with({VERSION_HEADER: NO_REVISION}, "ping with an invalid version header", "ping"),
        ((REFUSAL, None), (ANYTHING, errors.VERSION_HEADER_IGNORED)),
    ),
    Trial(
        lambda talk: talk.ask(
            "ping",
            where="ping with two version headers",
            headers={VERSION_HEADER: (talk.revision, NO_REVISION)},
        ),
        ((REFUSAL, None), (ANYTHING, errors.DUPLICATE_HEADER)),
    ),
)
"""For legacy revisions that have the header: 2025-06-18 and later."""

NO_VERSION_HEADER = Trial(
    _with({VERSION_HEADER: None}, "ping without a version header", "ping"),
    ((REFUSAL, errors.VERSION_HEADER_REQUIRED),),
)
"""For servers that speak 2025-03-26, which is what is meant then."""

NO_BATCH = Trial(
    lambda talk: talk.send_raw(_BATCH, where="a batch"),
    ((REFUSAL, None), (Expect(came=Came.BATCH), errors.BATCH_SERVED)),
)
BATCH = Trial(
    lambda talk: talk.send_raw(_BATCH, where="a batch"),
    ((Expect(came=Came.BATCH), None), (ANYTHING, errors.BATCH_REFUSED)),
)
INITIALIZED = Trial(
    lambda talk: talk.notify("notifications/initialized"),
    ((Expect(statuses=(202,)), None), (ANYTHING, messages.NOTIFICATION_STATUS)),
)

SESSION_TRIALS: Sequence[Trial] = (
    Trial(
        _with({SESSION_HEADER: None}, "ping without a session", "ping"),
        (
            (Expect(statuses=(400,)), None),
            (REFUSAL, sessions.MISSING_STATUS),
            (ANYTHING, sessions.NOT_REQUIRED),
        ),
    ),
    Trial(
        _with({SESSION_HEADER: NO_SESSION}, "ping with an unknown session", "ping"),
        (
            (Expect(statuses=(404,)), None),
            (REFUSAL, sessions.UNKNOWN_STATUS),
            (ANYTHING, sessions.UNKNOWN_SERVED),
        ),
    ),
)
"""For servers that give out sessions."""

AFTER_DELETE = Trial(
    lambda talk: talk.ask("ping", where="ping after DELETE"),
    (
        (Expect(statuses=(404,)), None),
        (REFUSAL, sessions.ENDED_STATUS),
        (ANYTHING, sessions.ENDED_SERVED),
    ),
)
DELETE = Trial(
    lambda talk: talk.plain("DELETE"),
    ((Expect(statuses=(200, 202, 204, 405)), None), (ANYTHING, sessions.DELETE_STATUS)),
)
GET_STREAM = Trial(
    lambda talk: talk.plain("GET", reads_s=0.3),
    (
        (Expect(came=Came.STREAM), None),
        (Expect(statuses=(405,)), None),
        (ANYTHING, streaming.GET_STREAM),
    ),
)


# Modern ------------------------------------------------------------------------------------------

_DISCOVER = "server/discover"
_MISMATCH: Verdicts = (
    (Expect(statuses=(400,), codes=(-32020,)), None),
    (REFUSAL, errors.HEADER_MISMATCH_CODE),
    (ANYTHING, errors.HEADER_MISMATCH),
)
_REMOVED: Verdicts = ((REFUSAL, None), (ANYTHING, errors.LEGACY_METHOD_SERVED))
_UNKNOWN_METHOD: Verdicts = (
    (Expect(statuses=(404,), codes=(-32601,)), None),
    (Expect(codes=(-32601,)), errors.UNKNOWN_METHOD_STATUS),
    (REFUSAL, errors.UNKNOWN_METHOD_CODE),
    (ANYTHING, errors.UNKNOWN_METHOD),
)
_ONLY_POST: Verdicts = (
    (Expect(statuses=(405,)), None),
    (ANYTHING, errors.MODERN_METHOD_NOT_ALLOWED),
)


def _unknown_version(talk: Talk) -> Asked:
    return talk.ask(
        _DISCOVER,
        where="a version that does not exist",
        headers={VERSION_HEADER: NO_REVISION},
        meta={f"{META}protocolVersion": NO_REVISION},
    )


def _without_capabilities(talk: Talk) -> Asked:
    where = "an envelope without clientCapabilities"
    return talk.ask(_DISCOVER, where=where, meta={f"{META}clientCapabilities": None})


MODERN_TRIALS: Sequence[Trial] = (
    Trial(_unknown_method, _UNKNOWN_METHOD),
    Trial(lambda talk: talk.ask("ping"), _REMOVED),
    Trial(lambda talk: talk.ask("initialize"), _REMOVED),
    Trial(_bad_json, _BAD_JSON),
    Trial(_unknown_tool, _UNKNOWN_TOOL, "tools"),
    Trial(_unknown_prompt, _NOT_FOUND, "prompts"),
    Trial(_unknown_resource, _NOT_FOUND, "resources"),
    Trial(
        _unknown_version,
        (
            (Expect(statuses=(400,), codes=(-32022,)), None),
            (ANYTHING, errors.VERSION_NOT_REFUSED),
        ),
    ),
    Trial(
        _without_capabilities,
        (
            (Expect(statuses=(400,), codes=(-32602,)), None),
            (ANYTHING, errors.META_REQUIRED),
        ),
    ),
    Trial(_with({VERSION_HEADER: None}, "no version header", _DISCOVER), _MISMATCH),
    Trial(_with({METHOD_HEADER: None}, "no Mcp-Method header", _DISCOVER), _MISMATCH),
    Trial(
        _with({METHOD_HEADER: "tools/list"}, "an Mcp-Method of another method", _DISCOVER),
        _MISMATCH,
    ),
    Trial(
        _with({METHOD_HEADER: (_DISCOVER, "tools/list")}, "two Mcp-Method headers", _DISCOVER),
        ((REFUSAL, None), (ANYTHING, errors.DUPLICATE_HEADER)),
    ),
    Trial(lambda talk: talk.send_raw(_BATCH, where="a batch"), NO_BATCH.verdicts),
    Trial(lambda talk: talk.plain("GET", reads_s=0.3), _ONLY_POST),
    Trial(lambda talk: talk.plain("DELETE"), _ONLY_POST),
)
"""For 2026-07-28."""


def bad_cursor(method: str) -> Trial:
    """A cursor that nobody gave out; for lists that have more than one page."""
    return Trial(_bad_cursor(method), ((REFUSAL, None), (ANYTHING, errors.BAD_CURSOR)))


# Either era --------------------------------------------------------------------------------------

ORIGIN_VERDICTS: Verdicts = (
    (Expect(statuses=(403,)), None),
    (REFUSAL, security.ORIGIN_STATUS),
    (ANYTHING, security.ORIGIN),
)
HOST_VERDICTS: Verdicts = ((REFUSAL, None), (ANYTHING, security.HOST))


def under(name: str, value: str, verdicts: Verdicts, asked: Asked) -> Trial:
    """A request that would be served, under one more header."""
    where = f"{name}: {value}"
    changed = replace(asked, where=where, headers=dict(asked.headers) | {name: value})
    return Trial(lambda _talk: changed, verdicts)
