"""H01, H03, H21: where a request ends is told in one way, or the connection does."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.gateway.http.front import CALL, PATH, Front
from tests.gateway.http.wire import chunked, connected, head

pytestmark = pytest.mark.asyncio(loop_scope="session")

BODY = json.dumps(CALL).encode()
LENGTH = str(len(BODY))

AMBIGUOUS = {
    "cl-and-te": [("Content-Length", LENGTH), ("Transfer-Encoding", "chunked")],
    "te-and-cl": [("Transfer-Encoding", "chunked"), ("Content-Length", LENGTH)],
    "two-equal-cl": [("Content-Length", LENGTH), ("Content-Length", LENGTH)],
    "two-different-cl": [("Content-Length", LENGTH), ("Content-Length", "5")],
    "cl-plus": [("Content-Length", "+5")],
    "cl-list": [("Content-Length", "5,5")],
    "cl-hex": [("Content-Length", "0x5")],
    "cl-minus": [("Content-Length", "-1")],
    "cl-inner-space": [("Content-Length", "1 5")],
    "cl-space-before-colon": [("Content-Length ", LENGTH)],
    "cl-other-digits": [("Content-Length", "\u0665".encode().decode("latin-1"))],
    "cl-empty": [("Content-Length", "")],
    "cl-too-big-for-64-bits": [("Content-Length", "9" * 30)],
    "cl-underscored": [("Content-Length", "1_0")],
    "te-xchunked": [("Transfer-Encoding", "xchunked")],
    "te-chunked-identity": [("Transfer-Encoding", "chunked, identity")],
    "te-identity": [("Transfer-Encoding", "identity")],
    "te-vertical-tab": [("Transfer-Encoding", "\x0bchunked")],
    "te-space-before-colon": [("Transfer-Encoding ", "chunked")],
    "te-doubled": [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    "te-doubled-in-one": [("Transfer-Encoding", "chunked, chunked")],
    "te-gzip-chunked": [("Transfer-Encoding", "gzip, chunked")],
    "te-quoted": [("Transfer-Encoding", '"chunked"')],
    "te-followed-by-space": [("Transfer-Encoding", "chunked \t")],
    "te-folded": [("Transfer-Encoding", "\r\n chunked")],
}


@pytest.mark.parametrize("framing", AMBIGUOUS.values(), ids=[f"H01-{name}" for name in AMBIGUOUS])
async def test_ambiguous_framing_is_refused_and_nothing_behind_it_is_read(
    front: Front, framing: list[tuple[str, str]]
) -> None:
    smuggled = front.call()

    answer = await front.refused(front.framed(*framing, body=BODY + smuggled), closes=True)

    assert answer.status in {400, 415}
    assert answer.says_close


# RFC 9110 section 5.5: white space around a value is not part of it.
@pytest.mark.parametrize("value", [" chunked", "\tchunked", "CHUNKED"], ids="H01-{}".format)
async def test_white_space_around_the_coding_does_not_change_the_framing(
    front: Front, value: str
) -> None:
    request = front.framed(("Transfer-Encoding", value), body=chunked(BODY))

    async with connected(front.port) as wire:
        await wire.send(request + front.call())

        assert (await wire.answer()).status == 200
        assert (await wire.answer()).status == 200


BROKEN_CHUNKS = {
    "size-is-no-number": b"zz\r\n",
    "size-negative": b"-1\r\n",
    "size-plus": b"+5\r\nhello\r\n",
    "size-0x": b"0x5\r\nhello\r\n",
    "size-too-big": b"f" * 17 + b"\r\n",
    "size-with-space": b"5 \r\nhello\r\n",
    "bare-lf": b"5\nhello\r\n",
    "data-too-long": b"5\r\nhello!\r\n",
    "extension-with-cr": b"5;a=\rb\r\nhello\r\n",
}


@pytest.mark.parametrize("chunk", BROKEN_CHUNKS.values(), ids=[f"H01-{n}" for n in BROKEN_CHUNKS])
async def test_a_broken_chunk_is_refused_at_once(front: Front, chunk: bytes) -> None:
    began = time.monotonic()

    answer = await front.refused(
        front.framed(("Transfer-Encoding", "chunked"), body=chunk + front.call()), closes=True
    )

    assert answer.status == 400
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("chunk", BROKEN_CHUNKS.values(), ids=[f"H01-{n}" for n in BROKEN_CHUNKS])
async def test_a_chunk_that_breaks_while_its_body_is_awaited_is_refused_at_once(
    front: Front, chunk: bytes
) -> None:
    began = time.monotonic()

    async with front.unharmed(), connected(front.port) as wire:
        await wire.send(front.framed(("Transfer-Encoding", "chunked"), body=b"1\r\n{\r\n"))
        await asyncio.sleep(0.1)  # the body is being read now
        await wire.send(chunk)
        answer = await wire.answer()
        assert await wire.is_closed()

    front.check_clean(answer)
    assert answer.status == 400
    assert time.monotonic() - began < 5


async def test_h03_a_body_in_chunks_of_one_byte_is_served_within_its_bounds(front: Front) -> None:
    text = "x" * 1_000_000
    body = json.dumps(CALL | {"params": CALL["params"] | {"arguments": {"text": text}}}).encode()
    request = front.framed(("Transfer-Encoding", "chunked"), body=_in_bytes(body))

    async with connected(front.port) as wire:
        sending = asyncio.gather(wire.send(request), wire.answer())
        lag = await _slowest_probe_during(front, sending)
        _, answer = await sending

    assert answer.status in {200, 400, 413}
    assert lag < 1.0
    assert await front.is_well()


def _in_bytes(body: bytes) -> bytes:
    return b"".join(b"1\r\n%c\r\n" % value for value in body) + b"0\r\n\r\n"


async def _slowest_probe_during(front: Front, work: asyncio.Future[Any]) -> float:
    """The longest time that a health probe took while something else was going on."""
    slowest = 0.0
    while not work.done():
        began = time.monotonic()
        await front.exchange(head("GET", "/livez", [("Host", front.host)]))
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.02)
    return slowest


async def test_h21_no_body_is_no_message(front: Front) -> None:
    for framing in ((("Content-Length", "0"),), ()):
        answer = await front.refused(front.framed(*framing))

        assert answer.status == 400
        assert json.loads(answer.body)["error"]["code"] == -32700


async def test_h21_a_client_that_closes_within_its_body_acts_on_nothing(front: Front) -> None:
    async with front.unharmed(), connected(front.port) as wire:
        await wire.send(front.framed(("Content-Length", str(len(BODY) + 1)), body=BODY))
        wire.writer.write_eof()
        assert len(await wire.rest()) < 1000


async def test_h21_a_client_that_stalls_within_its_body_is_told_so(impatient: Front) -> None:
    began = time.monotonic()
    request = impatient.framed(("Content-Length", str(len(BODY) + 1)), body=BODY)

    answer = await impatient.refused(request, closes=True)

    assert answer.status == 408
    assert answer.says_close
    assert time.monotonic() - began < 6


async def test_h21_a_body_is_asked_for_once_the_caller_is_admitted(front: Front) -> None:
    request = front.framed(("Content-Length", LENGTH), ("Expect", "100-continue"))

    async with connected(front.port) as wire:
        await wire.send(request)
        assert await wire.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await wire.send(BODY)

        assert (await wire.answer()).status == 200


async def test_h21_a_body_is_not_asked_for_without_a_token(front: Front) -> None:
    framing = (("Content-Length", LENGTH), ("Expect", "100-continue"))

    answer = await front.refused(
        head("POST", PATH, front.headers(*framing, without=("Authorization",)))
    )

    assert answer.status == 401


async def test_h21_silence_after_the_body_was_asked_for_is_told(impatient: Front) -> None:
    request = impatient.framed(("Content-Length", LENGTH), ("Expect", "100-continue"))

    async with impatient.unharmed(), connected(impatient.port) as wire:
        await wire.send(request)
        assert (await wire.head()).startswith(b"HTTP/1.1 100 ")
        answer = await wire.answer()
        assert await wire.is_closed()

    assert answer.status == 408


async def test_an_expectation_that_is_not_known_changes_nothing(front: Front) -> None:
    assert (await front.exchange(front.call(("Expect", "200-ok")))).status == 200


async def test_pipelined_requests_are_answered_in_order(front: Front) -> None:
    calls = [CALL | {"id": number} for number in range(20)]
    bodies = [json.dumps(call).encode() for call in calls]
    requests = [front.framed(("Content-Length", str(len(b))), body=b) for b in bodies]

    async with connected(front.port) as wire:
        await wire.send(b"".join(requests))
        answers = [await wire.answer() for _ in requests]

    assert [json.loads(answer.body)["id"] for answer in answers] == list(range(20))


async def test_what_follows_a_good_request_and_is_no_http_costs_only_itself(front: Front) -> None:
    async with connected(front.port) as wire:
        await wire.send(front.call())
        assert (await wire.answer()).status == 200
        await wire.send(b"\x00\x01\x02 no http\r\n\r\n")
        refusal = await wire.answer()

        front.check_clean(refusal)
        assert refusal.status == 400
        assert await wire.is_closed()


async def test_an_offer_to_upgrade_is_ignored_and_ends_the_connection(front: Front) -> None:
    upgrades = [
        [("Connection", "upgrade"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")],
        [("Connection", "upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x" * 24)],
    ]
    for upgrade in upgrades:
        async with connected(front.port) as wire:
            await wire.send(front.call(*upgrade))
            answer = await wire.answer()

            assert answer.status == 200
            assert answer.says_close
            assert await wire.is_closed()
