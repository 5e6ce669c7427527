"""A backend that asks its client first (SEP-2322), through the gateway: verbatim, and sealed."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tenants.revocation_scope import RevocationScope, ScopeKind
from tests.gateway.core.caller import Answer, Caller, Json
from tests.gateway.core.modern_rig import EVERYTHING, FORM, ROOTS, SAMPLING, declared, link
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.inner_gateway import InnerGateway, inner_gateway

STATE = "state-of-the-backend"
CALL: Json = {"name": "echo", "arguments": {"a": 1, "b": [2.5, "x"]}}
CALLS: dict[str, Json] = {
    "tools/call": CALL,
    "prompts/get": {"name": "greet"},
    "resources/read": {"uri": "fake://one"},
}
Ask = Callable[[Wire], Awaitable[None]]


def asking(requests: Json | None, state: Any = STATE, **more: Any) -> Ask:
    """Ask first; a retry gets its own params back."""

    async def ask(wire: Wire) -> None:
        params = wire.request.message["params"]
        if "inputResponses" in params or "requestState" in params:
            kept = {name: raw for name, raw in params.items() if name != "_meta"}
            content = [{"type": "text", "text": json.dumps(kept)}]
            await wire.result({"resultType": "complete", "ttlMs": 60_000, "content": content})
            return
        result: Json = {"resultType": "input_required", **more}
        if requests is not None:
            result["inputRequests"] = requests
        if state is not None:
            result["requestState"] = state
        await wire.result(result)

    return ask


def everywhere(ask: Ask) -> dict[str, Ask]:
    return dict.fromkeys(CALLS, ask)


async def asked(caller: Caller, method: str = "tools/call", **more: str) -> Answer:
    return await caller.modern(method, CALLS[method], meta=declared(**EVERYTHING), **more)


async def retried(
    caller: Caller, state: str, method: str = "tools/call", params: Json | None = None
) -> Answer:
    answers = {"inputResponses": {"q": {"action": "accept"}}, "requestState": state}
    return await caller.modern(
        method, {**(params or CALLS[method]), **answers}, meta=declared(**EVERYTHING)
    )


@pytest.mark.parametrize("method", CALLS)
async def test_what_is_asked_comes_verbatim_and_the_state_only_sealed(method: str) -> None:
    requests = {"q": FORM, "s": SAMPLING, "r": ROOTS, "u": link("https://example.com/pay?x=1")}
    async with (
        FakeBackend(scripts=everywhere(asking(requests, extra={"kept": [1.0]}))) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        first = await asked(caller, method)
        state = first.result["requestState"]
        second = await retried(caller, state, method)

        assert first.result["resultType"] == "input_required"
        assert first.result["inputRequests"] == requests
        assert first.result["extra"] == {"kept": [1.0]}
        assert "ttlMs" not in first.result
        assert STATE not in json.dumps(first.result)
        got = json.loads(second.text)
        assert got["requestState"] == STATE
        assert got["inputResponses"] == {"q": {"action": "accept"}}
        assert {name: got[name] for name in CALLS[method]} == CALLS[method]
        shown = backend.calls(method)[0].message["params"]["_meta"]
        assert shown["io.modelcontextprotocol/clientCapabilities"] == EVERYTHING
        if method == "resources/read":
            assert second.result["ttlMs"] == 0


async def test_a_client_that_takes_only_json_is_asked_too() -> None:
    async with (
        FakeBackend(scripts=everywhere(asking({"q": FORM}))) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        first = await asked(caller, Accept="application/json")
        second = await retried(caller, first.result["requestState"])

        assert first.headers["content-type"] == "application/json"
        assert json.loads(second.text)["requestState"] == STATE


async def test_only_requests_or_only_a_state_are_enough() -> None:
    async with (
        FakeBackend(scripts=everywhere(asking({"q": FORM}, None))) as one,
        FakeBackend(scripts=everywhere(asking(None))) as two,
        inner_gateway({"acme": {"one": one}, "globex": {"two": two}}) as inner,
    ):
        stateless = await asked(Caller.of(inner))
        silent = await asked(Caller.of(inner, "globex"))

        assert "requestState" not in stateless.result
        assert "inputRequests" not in silent.result
        assert silent.result["requestState"]


UNFIT: dict[str, tuple[Json, Json | None, Any]] = {
    "U16-nothing-declared": ({}, {"q": FORM}, STATE),
    "U16-sampling-not-declared": ({"elicitation": {}}, {"q": SAMPLING}, STATE),
    "U16-roots-not-declared": ({"elicitation": {}}, {"q": FORM, "r": ROOTS}, STATE),
    "U16-url-not-declared": ({"elicitation": {}}, {"q": link("https://a.example")}, STATE),
    "U16-form-not-declared": ({"elicitation": {"url": {}}}, {"q": FORM}, STATE),
    "U16-tools-not-declared": (
        {"sampling": {}},
        {"q": {**SAMPLING, "params": {"tools": []}}},
        STATE,
    ),
    "U16-javascript": (EVERYTHING, {"q": link("javascript:alert(1)")}, STATE),
    "U16-http": (EVERYTHING, {"q": link("http://a.example/")}, STATE),
    "U16-file": (EVERYTHING, {"q": link("file:///etc/passwd")}, STATE),
    "U16-userinfo": (EVERYTHING, {"q": link("https://good.example@evil.example/")}, STATE),
    "U16-control": (EVERYTHING, {"q": link("https://a.example/\n")}, STATE),
    "U16-no-host": (EVERYTHING, {"q": link("https:///x")}, STATE),
    "U16-another-method": (EVERYTHING, {"q": {"method": "tools/call"}}, STATE),
    "U16-no-method": (EVERYTHING, {"q": {}}, STATE),
    "U16-not-an-object": (EVERYTHING, {"q": 1}, STATE),
    "U16-nothing-at-all": (EVERYTHING, None, None),
    "U16-a-state-that-is-none": (EVERYTHING, {"q": FORM}, {"a": 1}),
}


@pytest.mark.parametrize(("capabilities", "requests", "state"), UNFIT.values(), ids=UNFIT.keys())
async def test_what_a_client_may_not_be_asked_does_not_reach_it(
    capabilities: Json, requests: Json | None, state: Any
) -> None:
    async with (
        FakeBackend(scripts=everywhere(asking(requests, state))) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).modern("tools/call", CALL, meta=declared(**capabilities))

        assert answer.status == 200
        assert answer.error["code"] == -31003
        assert answer.error["data"]["outcome"] == "unknown"
        assert b"javascript" not in answer.body
        assert STATE.encode() not in answer.body


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost/"])
async def test_u16_a_user_may_be_sent_to_their_own_machine(url: str) -> None:
    async with (
        FakeBackend(scripts=everywhere(asking({"q": link(url)}))) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await asked(Caller.of(inner))

        assert answer.result["inputRequests"]["q"]["params"]["url"] == url


async def test_other_methods_may_not_be_answered_with_a_question() -> None:
    async with (
        FakeBackend(scripts={"completion/complete": asking({"q": FORM})}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        params = {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {}}
        answer = await Caller.of(inner).modern(
            "completion/complete", params, meta=declared(**EVERYTHING)
        )

        assert answer.error["code"] == -31003


def flipped(state: str) -> str:
    middle = len(state) // 2
    return state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]


async def test_j27_a_state_opens_for_its_own_caller_call_and_backend_alone() -> None:
    scripts = everywhere(asking({"q": FORM}))
    async with (
        FakeBackend(scripts=scripts) as one,
        FakeBackend(scripts=scripts) as two,
        FakeBackend(scripts=scripts) as far,
        inner_gateway({"acme": {"one": one, "two": two}, "globex": {"one": far}}) as inner,
    ):
        ada = Caller.of(inner)
        call = {**CALL, "name": "one__echo"}
        meta = declared(**EVERYTHING)
        state = (await ada.modern("tools/call", call, meta=meta)).result["requestState"]
        before = [len(backend.calls("tools/call")) for backend in (one, two, far)]
        attempts = {
            "other user": (Caller.of(inner, subject="eve"), state, call),
            "other client": (Caller.of(inner, client_id="ide"), state, call),
            "other tenant": (Caller.of(inner, "globex"), state, CALL),
            "other endpoint": (Caller.of(inner, endpoint="one"), state, CALL),
            "other backend": (ada, state, {**call, "name": "two__echo"}),
            "other arguments": (ada, state, {**call, "arguments": {"a": 2, "b": [2.5, "x"]}}),
            "more arguments": (ada, state, {**call, "more": 1}),
            "bit flipped": (ada, flipped(state), call),
            "cut": (ada, state[:-2], call),
            "own words": (ada, STATE, call),
            "empty": (ada, "", call),
        }
        refused = {
            name: await retried(caller, held, params=params)
            for name, (caller, held, params) in attempts.items()
        }
        other_method = await retried(ada, state, "prompts/get", {"name": "one__greet"})
        no_string = await ada.modern("tools/call", {**call, "requestState": {}}, meta=meta)
        after = [len(backend.calls("tools/call")) for backend in (one, two, far)]
        reordered = {"name": "one__echo", "arguments": {"b": [2.5, "x"], "a": 1}}
        good = await retried(replace(ada), state, params=reordered)

        answers = [*refused.values(), other_method, no_string]
        assert {name: a.error["code"] for name, a in refused.items() if a.status != 400} == {}
        assert {answer.error["code"] for answer in answers} == {-32602}
        assert {json.dumps(a.error) for a in answers} == {json.dumps(answers[0].error)}
        assert before == after
        assert json.loads(good.text)["requestState"] == STATE


async def _sign_out(inner: InnerGateway) -> None:
    scope = RevocationScope(
        kind=ScopeKind.USER, tenant="acme", issuer=inner.issuer.issuer, subject="ada"
    )
    await inner.foundations.registry.revoke(scope, actor="test", reason="")
    await inner.foundations.view.refresh()


async def test_j27_a_revocation_is_the_end_of_a_state_for_the_next_sign_in_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, ahead_s = time.time, [0.0]
    # Before the gateway starts, so that its clock and the issuer's can be put forward together.
    monkeypatch.setattr(time, "time", lambda: real() + ahead_s[0])
    async with (
        FakeBackend(scripts=everywhere(asking({"q": FORM}))) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        monkeypatch.setattr(inner.issuer._minting, "_now", time.time)  # noqa: SLF001 - its clock
        ada, bob = Caller.of(inner), Caller.of(inner, subject="bob")
        state = (await asked(ada)).result["requestState"]
        of_bob = (await asked(bob)).result["requestState"]
        await _sign_out(inner)
        gone = await retried(ada, state)
        ahead_s[0] = 120
        again = Caller.of(inner)
        old = await retried(again, state)
        new = await retried(again, (await asked(again)).result["requestState"])
        beside = await retried(bob, of_bob)
        ahead_s[0] = 1000
        late = await retried(Caller.of(inner, subject="bob"), of_bob)

        assert gone.status == 401
        assert (old.status, old.error["code"]) == (400, -32602)
        assert json.loads(new.text)["requestState"] == STATE
        assert json.loads(beside.text)["requestState"] == STATE
        assert (late.status, late.error["code"]) == (400, -32602)
