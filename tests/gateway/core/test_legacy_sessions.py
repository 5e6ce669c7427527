"""The legacy era: handshake, sessions here and at the backends, streams and cancellation."""

import asyncio
import json

import pytest

from gateway.protocol.revisions import LEGACY as REVISIONS
from tests.gateway.core.caller import LEGACY, Answer, Caller, is_at_rest
from tests.gateway.core.lines import logged, served
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.inner_gateway import inner_gateway


def _level(wire: Wire) -> str:
    return str(wire.request.message["params"]["level"])


class Slow:
    """A tool that says that it runs and ends when it may. Each backend's own id is kept."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.is_running = asyncio.Event()
        self.ids: list[int] = []

    async def run(self, wire: Wire) -> None:
        self.ids.append(wire.id)
        self.is_running.set()
        token = wire.request.message["params"].get("_meta", {}).get("progressToken")
        await wire.open_events()
        await wire.event(
            {
                "jsonrpc": "2.0",
                "method": "notifications/progress",
                "params": {"progressToken": token, "progress": 1},
            }
        )
        await wire.event(
            {
                "jsonrpc": "2.0",
                "method": "notifications/message",
                "params": {"level": "info", "data": "words"},
            }
        )
        await self.may_end.wait()
        await wire.event(wire.answer({"content": [{"type": "text", "text": "the end"}]}))
        await wire.end_events()


@pytest.mark.parametrize("requested", [*REVISIONS, "2099-01-01", "2024-10-07"])
async def test_a_revision_that_is_known_is_agreed_to_and_any_other_gets_the_newest(
    requested: str,
) -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        answer = await caller.initialize(requested)
        called = await caller.call("legacy")

        agreed = requested if requested in REVISIONS else LEGACY
        assert answer.result["protocolVersion"] == agreed
        assert called.status == 200
        assert len(answer.headers["mcp-session-id"]) >= 43


async def test_the_handshake_shows_the_sole_backend_itself() -> None:
    async with (
        FakeBackend(era="legacy", canary="the-backend") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).initialize()

        assert answer.result["serverInfo"]["name"] == "the-backend"
        assert answer.result["capabilities"] == {
            "tools": {},
            "prompts": {},
            "resources": {},
            "logging": {},
        }


async def test_without_a_session_only_initialize_is_served_and_never_twice() -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        before = await caller.legacy("tools/list")
        await caller.initialize()
        again = await caller.legacy("initialize", {"protocolVersion": LEGACY})
        foreign = await caller.legacy("ping", None, **{"Mcp-Session-Id": "A" * 43})
        ping = await caller.legacy("ping")
        listened = await caller.exchange(
            "GET", b"", caller.legacy_headers() | {"Accept": "application/json"}
        )

        assert (before.status, before.reason) == (400, "session_required")
        assert (again.status, again.reason) == (400, "already_initialized")
        assert (foreign.status, foreign.error["code"]) == (404, -32600)
        assert ping.result == {}
        assert listened.status == 406


async def test_delete_ends_the_session_here_and_at_every_backend_in_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        FakeBackend(era="legacy") as one,
        FakeBackend(era="legacy") as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.call("legacy", "one__echo")
        own = one.calls("tools/call")[0].header("Mcp-Session-Id")
        own_of_two = set(two.sessions)
        ended = await caller.delete()
        later = await caller.legacy("ping")
        twice = await caller.delete()

        assert ended.status == 204
        assert later.status == twice.status == 404
        deleted = [r.header("Mcp-Session-Id") for r in one.requests if r.method == "DELETE"]
        assert deleted == [own]
        assert two.sessions == own_of_two  # it never had one of the caller's
        (line,) = [x for x in logged(capsys, "request_served") if x["http_status"] == 204]
        assert len(line["session"]) == 16
        assert line["era"] == "legacy"


async def test_concurrent_first_calls_of_a_session_open_one_session_at_the_backend() -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        before = len(backend.calls("initialize"))
        await asyncio.gather(*(caller.legacy("tools/call", {"name": "echo"}) for _ in range(10)))

        assert len(backend.calls("initialize")) == before + 1
        used = {call.header("Mcp-Session-Id") for call in backend.calls("tools/call")}
        assert len(used) == 1


async def test_two_callers_sessions_never_share_one_at_the_backend() -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        ada, bob = Caller.of(inner), Caller.of(inner, subject="bob")
        await ada.call("legacy")
        await bob.call("legacy")

        used = {call.header("Mcp-Session-Id") for call in backend.calls("tools/call")}
        assert len(used) == 2
        assert len(backend.sessions - used) == 1  # the gateway's own, for its catalogue


async def test_a_session_that_the_backend_forgot_is_opened_anew_once_and_the_tool_runs_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    levels: list[str] = []

    async def set_level(wire: Wire) -> None:
        levels.append(_level(wire))
        await wire.result({})

    async with (
        FakeBackend(era="legacy", scripts={"logging/setLevel": set_level}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.call("legacy")
        await caller.legacy("logging/setLevel", {"level": "warning"})
        opened = len(backend.calls("initialize"))
        backend.sessions.clear()
        answers = await asyncio.gather(
            *(caller.legacy("tools/call", {"name": "echo"}) for _ in range(5))
        )

        assert all("content" in answer.result for answer in answers)
        assert len(backend.calls("initialize")) == opened + 1
        ran = [
            r for r in backend.calls("tools/call") if r.header("Mcp-Session-Id") in backend.sessions
        ]
        assert len(ran) == 5
        assert levels == ["warning", "warning"]
        assert len(logged(capsys, "backend_session_forgotten")) == 1


async def test_the_log_level_is_remembered_for_backends_that_come_into_use_later() -> None:
    levels: list[str] = []

    async def set_level(wire: Wire) -> None:
        levels.append(_level(wire))
        await wire.result({})

    async with (
        FakeBackend(era="legacy", scripts={"logging/setLevel": set_level}) as one,
        FakeBackend(era="legacy") as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        await two.stop()
        answer = await caller.legacy("logging/setLevel", {"level": "error"})
        wrong = await caller.legacy("logging/setLevel", {"level": "loud"})
        assert levels == []
        await caller.legacy("tools/call", {"name": "one__echo"})

        assert answer.result == {}
        assert (wrong.status, wrong.reason) == (200, "invalid_params")
        assert levels == ["error"]


async def test_what_precedes_a_result_comes_before_it_and_keeps_its_token() -> None:
    slow = Slow()
    async with (
        FakeBackend(era="legacy", scripts={"tools/call": slow.run}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        params = {"name": "echo", "_meta": {"progressToken": "the-token"}}
        async with caller.open_legacy("tools/call", params) as sent:
            assert await sent.head() == 200
            progress, message = await sent.event(), await sent.event()
            slow.may_end.set()
            answer = await sent.answer()

        assert progress["params"] == {"progressToken": "the-token", "progress": 1}
        assert message["params"]["data"] == "words"
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.last["id"] == caller.last_id
        assert answer.text == "the end"


async def test_a_client_that_takes_json_alone_gets_the_result_alone() -> None:
    slow = Slow()
    slow.may_end.set()
    async with (
        FakeBackend(era="legacy", scripts={"tools/call": slow.run}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        answer = await caller.legacy("tools/call", {"name": "echo"}, Accept="application/json")

        assert answer.headers["content-type"] == "application/json"
        assert len(answer.messages) == 1
        assert answer.text == "the end"


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/event-stream"])
async def test_a_cancelled_call_ends_at_the_backend_and_is_answered_as_the_official_sdk_does(
    accept: str, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = Slow()
    async with (
        FakeBackend(era="legacy", scripts={"tools/call": slow.run}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        async with caller.open_legacy("tools/call", {"name": "echo"}, Accept=accept) as sent:
            async with asyncio.timeout(5):
                await slow.is_running.wait()
            assert (await _cancel(caller, caller.last_id)).status == 202
            answer = await sent.answer()

        assert answer.status == 200
        assert answer.error["code"] == -32800
        (told,) = backend.calls("notifications/cancelled")
        assert told.message["params"]["requestId"] == slow.ids[0]
        (line,) = served(capsys, "tools/call")
        assert (line["outcome"], line["reason"]) == ("cancelled", "call_cancelled")
        assert is_at_rest(inner)


async def test_only_its_own_session_can_cancel_a_call() -> None:
    slow = Slow()
    async with (
        FakeBackend(era="legacy", scripts={"tools/call": slow.run}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        ada, same, bob = Caller.of(inner), Caller.of(inner), Caller.of(inner, subject="bob")
        for caller in (ada, same, bob):
            await caller.initialize()
        async with ada.open_legacy("tools/call", {"name": "echo"}) as sent:
            await backend.arrived("tools/call")
            await sent.head()
            for other in (same, bob):
                assert (await _cancel(other, ada.last_id)).status == 202
            slow.may_end.set()
            answer = await sent.answer()

        assert answer.text == "the end"
        assert backend.calls("notifications/cancelled") == []


@pytest.mark.parametrize("request_id", [{}, [], None, True, 1.0, "1", 10**30, {"a": []}])
async def test_a_cancellation_of_what_is_no_running_call_changes_nothing(
    request_id: object,
) -> None:
    slow = Slow()
    async with (
        FakeBackend(era="legacy", scripts={"tools/call": slow.run}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}}
        async with caller.sent("POST", json.dumps(body).encode(), caller.legacy_headers()) as sent:
            await sent.head()
            answer = await _cancel(caller, request_id)
            slow.may_end.set()

            assert answer.status == 202
            assert (await sent.answer()).text == "the end"
            assert backend.calls("notifications/cancelled") == []


async def test_a_legacy_client_that_leaves_cancels_nothing_and_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = Slow()
    async with (
        FakeBackend(era="legacy", scripts={"tools/call": slow.run}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        async with caller.open_legacy("tools/call", {"name": "echo"}) as sent:
            await sent.head()
            sent.leave()
        await caller.legacy("ping")
        assert inner.gateway._in_flight.total == 1  # noqa: SLF001 - what is held has no other view
        slow.may_end.set()
        async with asyncio.timeout(5):
            while not is_at_rest(inner):
                await caller.legacy("ping")

        assert backend.calls("notifications/cancelled") == []
        (line,) = served(capsys, "tools/call")
        assert line["outcome"] == "ok"


@pytest.mark.parametrize("method", ["tasks/list", "server/discover", "nonsense"])
async def test_what_is_not_served_is_an_unknown_method(method: str) -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        answer = await caller.legacy(method, {"uri": "fake://one"})

        assert answer.status == 200
        assert (answer.error["code"], answer.reason) == (-32601, "unknown_method")


async def _cancel(caller: Caller, request_id: object) -> Answer:
    return await caller.notify("notifications/cancelled", {"requestId": request_id})
