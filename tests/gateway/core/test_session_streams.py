"""The streams that clients open by GET: what comes on them, on which one, and when they end."""

import asyncio
import json
import time
from dataclasses import dataclass, field

import pytest

from tenants.revocation_scope import RevocationScope, ScopeKind
from tests.gateway.core.asking import SAMPLING, listening, question, respond
from tests.gateway.core.caller import Caller, Json, Open
from tests.rigs.fake_backend import TOOL, FakeBackend, Script, Wire
from tests.rigs.inner_gateway import inner_gateway

UPDATED = "notifications/resources/updated"
CHANGED = "notifications/tools/list_changed"


@dataclass
class Speaker:
    """A backend that says on the streams of GETs what it is told to."""

    wires: list[Wire] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def backend(self, **settings: object) -> FakeBackend:
        return FakeBackend(era="legacy", scripts={"GET": self.stream}, **settings)  # type: ignore[arg-type]

    async def stream(self, wire: Wire) -> None:
        await wire.open_events()
        self.wires.append(wire)
        self.opened.set()
        await wire.client_is_gone()

    async def say(self, method: str, params: Json | None = None, *, to: int = 0) -> None:
        await self.reached(to + 1)
        message: Json = {"jsonrpc": "2.0", "method": method}
        await self.wires[to].event(message if params is None else {**message, "params": params})

    async def reached(self, times: int) -> None:
        async with asyncio.timeout(5):
            while len(self.wires) < times:
                self.opened.clear()
                await self.opened.wait()


async def _ended(stream: Open) -> bytes:
    return (await stream.answer()).body


async def test_what_backends_say_outside_of_calls_comes_to_their_session_alone() -> None:
    speaker = Speaker()
    async with speaker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        ada, bob = Caller.of(inner), Caller.of(inner, subject="bob")
        await ada.initialize()
        await bob.initialize()
        async with listening(ada) as hers, listening(bob) as his:
            await speaker.reached(2)
            sessions = [w.request.header("Mcp-Session-Id") for w in speaker.wires]
            for number in (0, 1):
                await speaker.say("notifications/progress", {"progress": 1}, to=number)
                await speaker.say("notifications/nonsense", {}, to=number)
                await speaker.say(UPDATED, {"uri": f"fake://{number}"}, to=number)
            first, second = await hers.event(), await his.event()

        assert len(set(sessions)) == 2
        assert {first["params"]["uri"], second["params"]["uri"]} == {"fake://0", "fake://1"}
        heads = {w.request.header("Accept") for w in speaker.wires}
        assert heads == {"text/event-stream"}
        assert all("bearer" not in w.request.raw.decode().lower() for w in speaker.wires)


async def test_s05_each_message_comes_on_one_of_several_streams_and_a_fifth_is_refused() -> None:
    speaker = Speaker()
    async with speaker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize()
        async with (
            listening(caller) as one,
            listening(caller) as two,
            listening(caller) as three,
            listening(caller) as four,
        ):
            headers = caller.legacy_headers() | {"Accept": "text/event-stream"}
            fifth = await caller.exchange("GET", b"", headers)
            for number in range(3):
                await speaker.say(UPDATED, {"uri": f"fake://{number}"})
            found = [await four.event() for _ in range(3)]
            four.leave()
            async with asyncio.timeout(5):
                while len(inner.gateway._streams) == 4:  # noqa: SLF001 - no other view
                    await caller.legacy("ping")
            await speaker.say(UPDATED, {"uri": "fake://after"})
            after = await three.event()
            await caller.delete()
            bodies = [await _ended(stream) for stream in (one, two)]

        assert fifth.status == 429
        assert [m["params"]["uri"] for m in found] == ["fake://0", "fake://1", "fake://2"]
        assert after["params"]["uri"] == "fake://after"
        assert all(b"data:" not in body for body in bodies)
        assert len(speaker.wires) == 1


async def test_that_lists_changed_is_told_once_and_the_next_list_is_the_new_one() -> None:
    one, two = Speaker(), Speaker()
    async with (
        one.backend() as first,
        two.backend() as second,
        inner_gateway({"acme": {"one": first, "two": second}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        before = await caller.legacy("tools/list")
        async with listening(caller) as stream:
            await one.reached(1)
            await two.reached(1)
            first.tools.append(TOOL | {"name": "new"})
            await asyncio.gather(one.say(CHANGED), two.say(CHANGED))
            told = await stream.event()
            after = await caller.legacy("tools/list")
            await one.say(UPDATED, {"uri": "fake://x"})
            then = await stream.event()

        names = [[t["name"] for t in found.result["tools"]] for found in (before, after)]
        assert names == [["one__echo", "two__echo"], ["one__echo", "one__new", "two__echo"]]
        assert told == {"jsonrpc": "2.0", "method": CHANGED}
        assert then["method"] == UPDATED


async def test_what_a_backend_asks_beside_its_very_first_call_is_heard() -> None:
    speaker = Speaker()
    heard = asyncio.Event()

    async def ask(wire: Wire) -> None:
        if not speaker.wires:
            await wire.error(-32000, status=200)  # it would have been said to nobody
            return
        await speaker.wires[0].event(question("q", "sampling/createMessage", SAMPLING))
        await heard.wait()
        await wire.result({"content": []})

    async def hear(wire: Wire) -> None:
        heard.set()
        await wire.reply(b"", status=202)

    scripts: dict[str, Script] = {"GET": speaker.stream, "tools/call": ask, "response": hear}
    async with (
        FakeBackend(era="legacy", scripts=scripts) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(sampling={})
        async with listening(caller) as stream, asyncio.TaskGroup() as tasks:
            call = tasks.create_task(caller.legacy("tools/call", {"name": "echo"}))
            asked = await stream.event()
            await respond(caller, asked["id"], result={"role": "assistant"})

    assert call.result().result == {"content": []}


async def test_a_backend_that_never_opens_its_stream_is_not_waited_for() -> None:
    async def hang(wire: Wire) -> None:
        await wire.client_is_gone()

    async with (
        FakeBackend(era="legacy", scripts={"GET": hang}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        async with listening(caller), asyncio.timeout(5):
            answers = [await caller.legacy("tools/call", {"name": "echo"}) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert backend.calls("tools/call")


async def test_a_question_outside_of_calls_is_asked_on_the_stream() -> None:
    speaker = Speaker()
    async with speaker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(sampling={})
        async with listening(caller) as stream:
            await speaker.reached(1)
            await speaker.wires[0].event(question("q", "sampling/createMessage", SAMPLING))
            asked = await stream.event()
            await respond(caller, asked["id"], result={"role": "assistant"})
            await speaker.wires[0].event(question("r", "roots/list", None))
            async with asyncio.timeout(5):
                while len(answers := [r for r in backend.requests if r.body and not r.rpc]) < 2:
                    await caller.legacy("ping")

        assert answers[0].message["id"] == "q"
        assert answers[0].message["result"] == {"role": "assistant"}
        assert answers[1].message["error"]["code"] == -32601


async def test_a_backend_without_a_stream_is_let_be_and_one_that_ends_its_own_is_asked_again() -> (
    None
):
    reopened = asyncio.Event()
    seen: list[str | None] = []

    async def ends(wire: Wire) -> None:
        seen.append(wire.request.header("Last-Event-ID"))
        await wire.open_events()
        if len(seen) > 1:
            reopened.set()
            await wire.client_is_gone()
            return
        body = json.dumps({"jsonrpc": "2.0", "method": UPDATED, "params": {"uri": "fake://1"}})
        await wire.chunk(b"retry: 60\nid: e-1\ndata: " + body.encode() + b"\n\n")
        await wire.end_events()

    async with (
        FakeBackend(era="legacy") as mute,
        FakeBackend(era="legacy", scripts={"GET": ends}) as other,
        inner_gateway({"acme": {"mute": mute, "other": other}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        async with listening(caller) as stream:
            assert (await stream.event())["method"] == UPDATED
            async with asyncio.timeout(5):
                await reopened.wait()

        assert seen == [None, "e-1"]
        assert len([r for r in mute.requests if r.method == "GET"]) == 1


async def test_a_session_that_the_backend_forgot_is_listened_to_anew_with_its_subscriptions() -> (
    None
):
    speaker = Speaker()
    subscribed: list[tuple[str | None, str]] = []

    async def subscribe(wire: Wire) -> None:
        uri = wire.request.message["params"]["uri"]
        subscribed.append((wire.request.header("Mcp-Session-Id"), uri))
        await wire.result({})

    async def stream(wire: Wire) -> None:
        if wire.request.header("Mcp-Session-Id") in backend.sessions:
            await speaker.stream(wire)
        else:
            await wire.reply(b"", status=404)

    scripts: dict[str, Script] = {
        "GET": stream,
        "resources/subscribe": subscribe,
        "resources/unsubscribe": subscribe,
    }
    async with (
        FakeBackend(era="legacy", scripts=scripts) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        for uri in ("fake://a", "fake://b"):
            assert (await caller.legacy("resources/subscribe", {"uri": uri})).result == {}
        assert (await caller.legacy("resources/unsubscribe", {"uri": "fake://b"})).result == {}
        old = subscribed[0][0]
        backend.sessions.discard(str(old))
        async with listening(caller) as client:
            await speaker.say(UPDATED, {"uri": "fake://a"})
            told = await client.event()

        assert told["params"]["uri"] == "fake://a"
        assert len(subscribed) == 4
        assert subscribed[3][1] == "fake://a"
        assert subscribed[3][0] != old


async def test_a_subscription_goes_to_the_owner_of_the_resource() -> None:
    async def fine(wire: Wire) -> None:
        await wire.result({})

    async def lists(wire: Wire) -> None:
        await wire.result({"resources": [{"uri": "other://two", "name": "two"}]})

    async with (
        FakeBackend(era="legacy", scripts={"resources/subscribe": fine}) as one,
        FakeBackend(
            era="legacy", scripts={"resources/subscribe": fine, "resources/list": lists}
        ) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        answer = await caller.legacy("resources/subscribe", {"uri": "other://two"})
        nobody = await caller.legacy("resources/subscribe", {"uri": "none://three"})

        assert answer.result == {}
        assert nobody.error["code"] == -32002
        assert len(two.calls("resources/subscribe")) == 1
        assert one.calls("resources/subscribe") == []


@pytest.mark.parametrize("kind", [ScopeKind.USER, ScopeKind.TENANT])
async def test_s08_a_sign_out_ends_streams_and_calls_under_way_and_nobody_elses(
    kind: ScopeKind,
) -> None:
    slow = asyncio.Event()

    async def tool(wire: Wire) -> None:
        await wire.open_events()
        await wire.event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
        await slow.wait()
        await wire.event(wire.answer({"content": [{"type": "text", "text": "too late"}]}))
        await wire.end_events()

    async with (
        FakeBackend(era="legacy", scripts={"tools/call": tool}) as one,
        FakeBackend(era="legacy") as two,
        inner_gateway({"acme": {"one": one}, "globex": {"two": two}}) as inner,
    ):
        ada, eve = Caller.of(inner), Caller.of(inner, "globex", subject="eve")
        await ada.initialize()
        await eve.initialize()
        user = {"issuer": inner.issuer.issuer, "subject": "ada"} if kind is ScopeKind.USER else {}
        async with (
            listening(ada) as hers,
            listening(eve) as others,
            ada.open_legacy("tools/call", {"name": "echo"}) as call,
        ):
            await call.head()
            await call.event()
            await inner.foundations.registry.revoke(
                RevocationScope(kind=kind, tenant="acme", **user), actor="test", reason=""
            )
            began = time.monotonic()
            await inner.foundations.view.refresh()
            await _ended(hers)
            answer = await call.answer()
            took_s = time.monotonic() - began
            slow.set()

            assert took_s < 2
            assert answer.error["code"] == -32600
            assert "too late" not in answer.body.decode()
            await one.arrived("notifications/cancelled")
            assert (await eve.legacy("ping")).status == 200
            others.leave()


async def test_s13_a_stream_ends_with_its_time_and_the_session_lives_on() -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}, limits={"stream": "300ms"}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        async with listening(caller) as stream:
            ended = await stream.answer()

        assert ended.headers["content-type"] == "text/event-stream"
        assert (await caller.legacy("ping")).result == {}


async def test_streams_end_cleanly_when_the_node_leaves() -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        async with listening(caller) as stream:
            inner.gateway.end_streams()
            body = await _ended(stream)

        assert body.startswith(b": keep-alive")


async def test_nothing_is_held_for_streams_that_are_over() -> None:
    speaker = Speaker()
    async with speaker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize()
        for _ in range(3):
            async with listening(caller) as stream:
                await speaker.reached(len(speaker.wires))
                stream.leave()
        streams = inner.gateway._streams  # noqa: SLF001 - what is held has no other view
        async with asyncio.timeout(5):
            while len(streams) or any(not wire.is_client_gone for wire in speaker.wires):
                await caller.legacy("ping")

        assert not streams._following  # noqa: SLF001 - likewise
        assert not streams._open  # noqa: SLF001 - likewise


async def test_a_stream_of_a_revoked_session_or_a_foreign_one_is_never_opened() -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        ada, bob = Caller.of(inner), Caller.of(inner, subject="bob")
        await ada.initialize()
        bob.session = ada.session
        headers = bob.legacy_headers() | {"Accept": "text/event-stream"}
        foreign = await bob.exchange("GET", b"", headers)
        await ada.delete()
        ended = await ada.exchange("GET", b"", headers)

        assert (foreign.status, ended.status) == (404, 404)
        assert foreign.error == ended.error
