"""J30: a caller's trace context is joined where it is well formed; nothing else of it goes on."""

import re

import pytest

from tests.rigs.doors import Door, mirrored
from tests.rigs.fake_backend import Recorded
from tests.rigs.raw_http import Answer
from tests.rigs.walled_city import City, modern

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = f"00-{'1' * 32}-{'2' * 16}-01"
MALFORMED = {
    "empty": "",
    "word": "trace me",
    "zero-trace": f"00-{'0' * 32}-{'2' * 16}-01",
    "zero-span": f"00-{'1' * 32}-{'0' * 16}-01",
    "upper": f"00-{'A' * 32}-{'2' * 16}-01",
    "short": f"00-{'1' * 31}-{'2' * 16}-01",
    "version-ff": f"ff-{'1' * 32}-{'2' * 16}-01",
    "100k": "0" * 100_000,
    "personal": "00-ann@example.com-2-01",
    "number": 7,
    "object": {"trace": "x"},
}
PARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\Z")


async def _call(acme: Door, **meta: object) -> tuple[Answer, Recorded]:
    message = modern("tools/call", name="echo", arguments={}, meta=meta)
    answer = await acme.modern(message)
    assert answer.status == 200, answer.text
    return answer, acme.city.backends["acme-modern"].calls("tools/call")[-1]


def _sent_on(request: Recorded) -> str:
    in_meta = request.message["params"]["_meta"]["traceparent"]
    assert request.header("traceparent") == in_meta
    assert PARENT.match(in_meta)
    return str(in_meta)


async def test_j30_a_good_context_is_joined_under_a_span_of_the_gateways_own(acme: Door) -> None:
    _, received = await _call(acme, traceparent=GOOD)

    _, trace, span, _ = _sent_on(received).split("-")
    assert trace == "1" * 32
    assert span != "2" * 16


@pytest.mark.parametrize("name", MALFORMED)
async def test_j30_a_bad_context_is_as_none(name: str, acme: Door) -> None:
    _, received = await _call(acme, traceparent=MALFORMED[name])

    trace = _sent_on(received).split("-")[1]
    assert trace not in {"1" * 32, "0" * 32}
    if isinstance(MALFORMED[name], str) and MALFORMED[name]:
        assert str(MALFORMED[name]).encode() not in received.raw


@pytest.mark.parametrize("name", ["word", "zero-trace", "version-ff", "personal"])
async def test_j30_a_bad_context_in_the_header_is_as_none(name: str, acme: Door) -> None:
    message = modern("tools/call", name="echo", arguments={})
    headers = [*mirrored(message), ("traceparent", str(MALFORMED[name]))]
    assert (await acme.modern(message, headers=headers)).status == 200

    received = acme.city.backends["acme-modern"].calls("tools/call")[-1]
    assert _sent_on(received).split("-")[1] != "1" * 32


@pytest.mark.parametrize("state", ["x" * 100_000, "a=b,ann@example.com", "=,=,=", 7, ["a=b"]])
async def test_j30_a_bad_state_is_dropped(state: object, acme: Door) -> None:
    _, received = await _call(acme, traceparent=GOOD, tracestate=state)

    assert "tracestate" not in received.message["params"]["_meta"]
    assert received.header("tracestate") is None


async def test_j30_baggage_goes_nowhere(city: City, acme: Door) -> None:
    message = modern("tools/call", name="echo", meta={"baggage": "user=ann-in-meta"})
    headers = [*mirrored(message), ("baggage", "user=ann-in-header")]
    answer = await acme.modern(message, headers=headers)

    received = city.backends["acme-modern"].calls("tools/call")[-1]
    assert answer.status == 200
    assert b"ann-in" not in received.raw
    assert "ann-in" not in city.gateway.child.log_text()
