import asyncio
import gzip

import pytest
from aiohttp import web

from auth.errors import DocumentUnavailable, EgressRefused
from tests.auth.scripted_issuer import Answer, egress, fetching, running_issuer, says
from tests.auth.test_addresses import grant

LIMIT = 65_536


async def fetch(answer: Answer, *, timeout_s: float = 5) -> dict[str, object]:
    async with asyncio.timeout(10), running_issuer() as issuer:
        issuer.answers["/document"] = answer
        async with fetching(timeout_s=timeout_s) as fetcher:
            return await fetcher.fetch_json(issuer.url + "/document")


async def test_a_json_object_is_fetched() -> None:
    assert await fetch(says({"a": 1})) == {"a": 1}


async def test_the_request_says_as_little_as_possible() -> None:
    headers: dict[str, str] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        headers.update(request.headers)
        return web.json_response({})

    await fetch(answer)

    assert headers.keys() == {"Host", "Accept", "Accept-Encoding"}
    assert headers["Accept-Encoding"] == "identity"


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b" " * 8192)
    except ConnectionError:
        return response


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(says(b'{"a":"' + b"x" * LIMIT + b'"}'), id="64 KiB and more"),
        pytest.param(endless, id="endless"),
        pytest.param(says([]), id="a list"),
        pytest.param(says("x"), id="a string"),
        pytest.param(says(None), id="null"),
        pytest.param(says(b""), id="empty"),
        pytest.param(says(b"<html>"), id="html"),
        pytest.param(says(b'{"a":1,"a":2}'), id="duplicate members"),
        pytest.param(says(b'{"a":' * 99 + b"1" + b"}" * 99), id="deep"),
        pytest.param(says(b"\xef\xbb\xbf{}"), id="byte order mark"),
        pytest.param(says(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}), id="gzip"),
        pytest.param(says({}, status=201), id="201"),
        pytest.param(says({}, status=304), id="304"),
        pytest.param(says({}, status=404), id="404"),
        pytest.param(says({}, status=500), id="500"),
    ],
)
async def test_what_is_not_a_small_json_object_is_no_document(answer: Answer) -> None:
    with pytest.raises(DocumentUnavailable) as refused:
        await fetch(answer)

    assert refused.value.answered


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", ["/other", "http://169.254.169.254/", "http://example.com/", "/document"]
)
async def test_k02_u05_a_redirect_is_not_followed(status: int, target: str) -> None:
    async with asyncio.timeout(5), running_issuer() as issuer, fetching() as fetcher:
        issuer.answers["/document"] = says({}, status=status, headers={"Location": target})
        with pytest.raises(DocumentUnavailable, match=str(status)):
            await fetcher.fetch_json(issuer.url + "/document")

        assert issuer.asked == {"/document": 1}


async def test_a_document_that_does_not_come_in_time_is_given_up() -> None:
    async with asyncio.timeout(5), running_issuer() as issuer:
        issuer.may_answer.clear()
        async with fetching(timeout_s=0.05) as fetcher:
            with pytest.raises(DocumentUnavailable) as refused:
                await fetcher.fetch_json(issuer.url + "/document")

    assert not refused.value.answered


async def test_a_document_that_stops_in_the_middle_is_given_up() -> None:
    async with asyncio.timeout(5), running_issuer() as issuer:
        never = asyncio.Event()

        async def stall(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b'{"a":')
            await never.wait()
            return response

        issuer.answers["/document"] = stall
        async with fetching(timeout_s=0.1) as fetcher:
            with pytest.raises(DocumentUnavailable):
                await fetcher.fetch_json(issuer.url + "/document")
        never.set()


async def test_a_connection_that_is_cut_is_no_document() -> None:
    async with asyncio.timeout(5), running_issuer() as issuer, fetching() as fetcher:
        issuer.is_down = True
        with pytest.raises(DocumentUnavailable) as refused:
            await fetcher.fetch_json(issuer.url + "/document")

    assert not refused.value.answered


async def test_a_destination_without_a_grant_is_refused_before_any_connection() -> None:
    async with running_issuer() as issuer, fetching(egress(grant("10.0.0.0/8"))) as fetcher:
        with pytest.raises(EgressRefused) as refused:
            await fetcher.fetch_json(issuer.url + "/document")

        assert "127.0.0.1/32" in (refused.value.remedy or "")
        assert not issuer.asked
