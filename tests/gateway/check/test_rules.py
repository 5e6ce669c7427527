"""One fault at a time: a scripted server that is good but for it, and the rule that it breaks."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.check import Target, check
from gateway.check.rule import Severity
from gateway.check.rules import ALL, GROUPS
from gateway.check.wire import WireLimits
from tests.gateway.check.bad_server import CheckedBackend, bad_server, tool
from tests.gateway.check.judged import egress, found, ids, judged
from tests.rigs.child import ROOT
from tests.rigs.fake_backend import MODERN, Json, Script, Wire

Bytes = Callable[[Wire], bytes]


def answers(body: bytes | Bytes, *, status: int = 200, kind: str = "application/json") -> Script:
    async def script(wire: Wire) -> None:
        await wire.reply(
            body if isinstance(body, bytes) else body(wire), status=status, content_type=kind
        )

    return script


def results(result: Json, headers: dict[str, str] | None = None) -> Script:
    async def script(wire: Wire) -> None:
        await wire.result(result, headers)

    return script


def refuses(code: int, *, status: int = 200, data: Any = None) -> Script:
    async def script(wire: Wire) -> None:
        await wire.error(code, "refused", status=status, data=data)

    return script


def streams(*pieces: bytes | Bytes, ends: bool = True) -> Script:
    async def script(wire: Wire) -> None:
        await wire.open_events()
        for piece in pieces:
            await wire.chunk(piece if isinstance(piece, bytes) else piece(wire))
        if ends:
            await wire.end_events()
        else:
            await wire.client_is_gone()

    return script


def event(message: Json) -> Bytes:
    def write(wire: Wire) -> bytes:
        return b"data: " + json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n\n"

    return write


def response(wire: Wire) -> bytes:
    return b"data: " + wire.answer({}) + b"\n\n"


def handshake(**changes: Any) -> Script:
    async def script(wire: Wire) -> None:
        asked = wire.request.message["params"].get("protocolVersion", "2025-11-25")
        info = {"name": "fake", "version": "1"}
        result = {"protocolVersion": asked, "capabilities": {"tools": {}}, "serverInfo": info}
        await wire.result(result | {key: value for key, value in changes.items() if value})

    return script


async def silence(wire: Wire) -> None:
    await wire.client_is_gone()


async def hang_up(wire: Wire) -> None:
    wire.close()


async def see_other(wire: Wire) -> None:
    await wire.reply(b"", status=307, headers={"Location": "/mcp/"})


async def session_of_a_tab(wire: Wire) -> None:
    await wire.result(
        {"protocolVersion": "2025-11-25", "capabilities": {}}, {"Mcp-Session-Id": "a b" * 9}
    )


async def the_same_session(wire: Wire) -> None:
    wire.backend.sessions.add("0123456789abcdef")
    version = {"protocolVersion": "2025-11-25", "capabilities": {}}
    await wire.result(version, {"Mcp-Session-Id": "0123456789abcdef"})


async def only_the_oldest(wire: Wire) -> None:
    if wire.request.message["params"].get("protocolVersion") == "2025-03-26":
        await handshake()(wire)
    else:
        await wire.error(-32602, "Unsupported protocol version", status=400)


@dataclass
class Case:
    rule: str
    scripts: dict[str, Script] = field(default_factory=dict)
    era: Any = "legacy"
    tools: list[Json] = field(default_factory=lambda: [tool("good")])


NOT_UTF8 = b'{"jsonrpc": "2.0", "id": 1, "result": {"a": "\xff"}}'
CASES = [
    Case("revisions.none", {"initialize": answers(b"<h1>", kind="text/html")}),
    Case("revisions.unknown", {"initialize": handshake(protocolVersion="2024-10-07x")}),
    Case("revisions.not-negotiated", {"initialize": only_the_oldest}),
    Case("revisions.modern-by-initialize", {"initialize": handshake()}),
    Case("revisions.old-only", {"initialize": handshake(protocolVersion="2025-03-26")}),
    Case("revisions.probe-outage", {"server/discover": answers(b"", status=500)}),
    Case("revisions.probe-outage", {"server/discover": hang_up}),
    Case("messages.no-answer", {"ping": hang_up}),
    Case("messages.redirect", {"tools/list": see_other}),
    Case("messages.not-json", {"tools/list": answers(NOT_UTF8)}),
    Case("messages.not-json", {"tools/list": answers(b'{"a": 1, "a": 2}')}),
    Case("messages.content-type", {"tools/list": answers(b"x", kind="text/plain")}),
    Case("messages.not-rpc", {"tools/list": answers(b'{"tools": []}')}),
    Case("messages.not-rpc", {"tools/list": answers(b'{"id": 1, "result": {}}')}),
    Case("messages.id", {"ping": lambda w: w.reply(w.answer({}, request_id="other"))}),
    Case("messages.failed", {"tools/list": refuses(-32603)}),
    Case("messages.result", {"tools/list": results({})}),
    Case("messages.result-type", era="modern"),
    Case("messages.caching", era="modern"),
    Case(
        "messages.undeclared", {"ping": streams(event({"id": 1, "method": "roots/list"}), response)}
    ),
    Case("messages.notification", {"notifications/initialized": answers(b"{}")}),
    Case("errors.5xx", {"portcullis-check/no-such-method": answers(b"", status=502)}),
    Case("errors.unknown-method", {"portcullis-check/no-such-method": results({})}),
    Case("errors.unknown-method-code", {"portcullis-check/no-such-method": refuses(-32602)}),
    Case("errors.unknown-method-status", era="modern"),
    Case("errors.unknown-tool-result", {"tools/call": results({"isError": True})}),
    Case("errors.reserved-code", {"tools/call": refuses(-32002)}, "modern"),
    Case("errors.version-data", {"tools/call": refuses(-32022)}, "modern"),
    Case("errors.cursor", {"tools/list": results({"tools": [], "nextCursor": "x"})}),
    Case("streaming.framing", {"ping": streams(b"id: \xff\n\n")}),
    Case("streaming.framing", {"ping": streams(b"data: " + b"x" * 2_000_000)}),
    Case("streaming.unfinished", {"ping": streams(response, b"data: {")}),
    Case("streaming.no-response", {"ping": streams(b": nothing\n\n")}),
    Case("streaming.event-name", {"ping": streams(b"event: pong\n", response)}),
    Case("streaming.left-open", {"ping": streams(response, ends=False)}),
    Case("streaming.event-id", {"ping": streams(b"id: 1\n", response)}),
    Case("streaming.modern-event-id", {"tools/list": streams(b"id: 1\n", response)}, "modern"),
    Case("streaming.buffering", {"tools/list": streams(response)}, "modern"),
    Case("streaming.listen", {"subscriptions/listen": streams(event({"method": "x"}))}, "modern"),
    Case("sessions.id", {"initialize": session_of_a_tab}),
    Case("sessions.same", {"initialize": the_same_session}),
    Case("security.origin"),
    Case("security.host"),
    Case("catalogue.hidden-text", tools=[tool("a", description="plain\u200btext")]),
    Case("catalogue.large-list", tools=[tool(f"t{n}", description="x" * 9000) for n in range(40)]),
    Case(
        "catalogue.many-pages",
        {
            "tools/list": lambda w: w.result(
                {"tools": [], "nextCursor": str(len(w.backend.requests))}
            )
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
async def test_a_fault_is_found(case: Case) -> None:
    backend = CheckedBackend(era=case.era, tools=case.tools, scripts=dict(case.scripts))
    async with backend:
        report = await judged(backend.url)

    assert case.rule in ids(report)


async def test_what_people_write_is_no_hidden_text() -> None:
    texts = [
        "naïve — “quotes”",
        "👩\u200d💻 🏴\U000e0067\U000e0062\U000e007f ❤\ufe0f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "line\nline\ttab",
    ]
    tools = [tool(f"t{n}", description=text) for n, text in enumerate(texts)]
    async with CheckedBackend(era="legacy", tools=tools) as backend:
        report = await judged(backend.url)

    assert "catalogue.hidden-text" not in ids(report)


async def test_no_tool_that_exists_is_ever_called() -> None:
    async with bad_server() as backend:
        await judged(backend.url)

    called = {call.message["params"]["name"] for call in backend.calls("tools/call")}
    assert called == {"portcullis_check_no_such_thing"}


async def test_every_session_is_ended() -> None:
    async with CheckedBackend(era="legacy") as backend:
        report = await judged(backend.url)

    assert len(backend.calls("initialize")) > 4
    assert backend.sessions == set()
    assert backend.open_connections == 0
    assert report.requests < 60


async def test_nothing_that_a_server_says_reaches_the_terminal_as_it_is() -> None:
    async with bad_server() as backend:
        report = await judged(backend.url)

    document = json.dumps(report.document(), ensure_ascii=False)
    assert document.isprintable()
    assert "<U+001B>" in document


async def test_a_server_that_keeps_silent_costs_no_more_than_the_time_it_was_given() -> None:
    async with CheckedBackend(era="legacy", scripts={"tools/list": silence}) as backend:
        report = await judged(backend.url, timeout_s=1.0)

    assert "messages.incomplete" in ids(report)
    assert report.revisions != ()
    assert backend.sessions == set()


async def test_one_that_does_not_answer_one_request_is_judged_by_the_others() -> None:
    limits = WireLimits(request_s=0.2)
    async with CheckedBackend(era="legacy", scripts={"tools/list": silence}) as backend:
        report = await check(Target(url=backend.url), egress(), limits=limits)

    assert [f.where for f in found(report, "messages.no-answer")] == ["tools/list (2025-11-25)"]
    assert "messages.incomplete" not in ids(report)


async def test_a_flood_is_cut_off() -> None:
    limits = WireLimits(answer_bytes=10_000)
    flood = answers(b" " * 1_000_000)
    async with CheckedBackend(era="legacy", scripts={"tools/list": flood}) as backend:
        report = await check(Target(url=backend.url), egress(), limits=limits)

    assert [f.seen for f in found(report, "messages.no-answer")] == ["more than 10000 bytes"]


async def test_no_more_requests_are_made_than_are_allowed() -> None:
    async with CheckedBackend(era="both") as backend:
        report = await check(Target(url=backend.url), egress(), limits=WireLimits(requests=12))
        posts = [request for request in backend.requests if request.method == "POST"]

    assert report.requests == 12
    assert len(posts) <= 12
    assert "messages.incomplete" in ids(report)


async def test_a_server_of_both_eras_is_asked_in_both() -> None:
    async with CheckedBackend(era="both") as backend:
        report = await judged(backend.url)

    assert report.revisions[0] == MODERN
    assert "2025-11-25" in report.revisions


def test_a_rule_has_a_stable_id_of_its_group_and_costs_by_its_severity() -> None:
    ids_of_rules = [rule.id for rule in ALL]

    assert len(set(ids_of_rules)) == len(ids_of_rules)
    assert {rule.group for rule in ALL} == set(GROUPS)
    assert all(rule.title and rule.remedy and rule.source for rule in ALL)
    assert {rule.severity for rule in ALL} == set(Severity)


def test_every_rule_is_used_by_a_judge() -> None:
    package = ROOT / "gateway" / "check"
    code = "\n".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    unused = [
        f"{path.stem}.{line.split(' ')[0]}"
        for path in (package / "rules").glob("[a-z]*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.endswith(" = Rule(") and f".{line.split(' ')[0]}" not in code
    ]

    assert unused == []
