"""H05, H10, H14, H16, H17: header blocks that are too much, not ours, or for somebody else."""

import asyncio
import json

import pytest

from tests.gateway.http.front import CALL, PATH, Front
from tests.gateway.http.wire import HEAD_END, chunked, connected, head

pytestmark = pytest.mark.asyncio(loop_scope="session")

KIB = 1024
BODY = json.dumps(CALL).encode()

TOO_MUCH = {
    "101-fields": [(f"X-{number}", "1") for number in range(101)],
    "129-fields": [(f"X-{number}", "1") for number in range(129)],
    "field-of-16-kib-and-1": [("X-Long", "x" * (16 * KIB + 1))],
    "name-of-16-kib-and-1": [("x" * (16 * KIB + 1), "1")],
    "authorization-of-64-kib": [("X-Authorization", "Bearer " + "x" * 64 * KIB)],
}


@pytest.mark.parametrize("extra", TOO_MUCH.values(), ids=[f"H05-{name}" for name in TOO_MUCH])
async def test_too_much_in_headers_is_refused(front: Front, extra: list[tuple[str, str]]) -> None:
    answer = await front.refused(front.call(*extra), closes=True)

    assert answer.status in {400, 431}
    assert answer.says_close


async def test_h05_a_header_block_as_large_as_is_allowed_is_served(front: Front) -> None:
    many = [(f"X-{number}", "1") for number in range(100 - 8)]

    assert (await front.exchange(front.call(*many))).status == 200
    assert (await front.exchange(front.call(("X-Long", "x" * 16 * KIB)))).status == 200


async def test_h05_a_line_in_many_segments_is_one_line(front: Front) -> None:
    request = front.call()

    async with connected(front.port) as wire:
        for position in range(0, len(request), 64):
            await wire.send(request[position : position + 64])

        assert (await wire.answer()).status == 200


async def test_h05_headers_without_an_end_are_refused_before_they_fill_the_memory(
    front: Front,
) -> None:
    opening = head("POST", PATH, front.headers()).removesuffix(b"\r\n")
    line = b"X-A: " + b"x" * 8000 + b"\r\n"

    async with front.unharmed(), connected(front.port) as wire:
        await wire.send(opening)
        for _ in range(20):
            await wire.send(line)
        answer = await wire.answer()

    front.check_clean(answer)
    assert answer.status == 431
    assert answer.says_close


async def test_h05_trailers_of_a_megabyte_are_refused(front: Front) -> None:
    trailers = b"".join(b"X-%d: %b\r\n" % (n, b"x" * 1000) for n in range(1000))
    body = chunked(BODY).removesuffix(b"\r\n") + trailers + b"\r\n"

    async with front.unharmed(), connected(front.port) as wire:
        await wire.send(front.framed(("Transfer-Encoding", "chunked"), body=body))
        answer = await wire.answer()

    assert answer.status in {400, 431}


WRONG_HOSTS = {
    "other": "evil.com",
    "our-name-in-front": "{host}.evil.com",
    "user-info": "{host}@evil.com",
    "with-path": "{host}/..",
    "with-query": "{host}?x",
    "with-fragment": "{host}#x",
    "space": "a b",
    "empty": "",
    "comma": "{host}, evil.com",
    "trailing-dot": "localhost.",
    "other-port": "127.0.0.1:1",
    "no-port": "127.0.0.1",
    "port-zero-padded": "127.0.0.1:0{port}",
    "ipv6-junk": "[::1",
    "ipv6-zone": "[::1%25lo]:{port}",
    "ipv6-other": "[::2]:{port}",
    "integer-address": "2130706433:{port}",
    "backslash": "{host}\\evil.com",
    "percent": "%31%32%37.0.0.1:{port}",
}


@pytest.mark.parametrize("host", WRONG_HOSTS.values(), ids=[f"H10-{name}" for name in WRONG_HOSTS])
async def test_a_host_that_is_not_ours_is_refused(front: Front, host: str) -> None:
    value = host.format(host=front.host, port=front.port)

    answer = await front.refused(front.call(("Host", value), without=("Host",)))

    assert answer.status in {400, 421}


async def test_h10_no_host_and_two_hosts_are_refused(front: Front) -> None:
    assert (await front.refused(front.call(without=("Host",)))).status == 400
    assert (await front.refused(front.call(("Host", front.host)))).status == 400
    assert (await front.refused(front.call(("Host", "evil.com")))).status == 400


@pytest.mark.parametrize("version", ["0.9", "1.0", "1.2", "2.0", "3"], ids="H10-HTTP/{}".format)
async def test_other_versions_of_http_are_refused(front: Front, version: str) -> None:
    request = front.call().replace(b"HTTP/1.1", b"HTTP/" + version.encode(), 1)

    answer = await front.refused(request, closes=True)

    assert answer.status == 400


async def test_h10_our_host_in_capitals_is_ours(front: Front) -> None:
    host = f"LocalHost:{front.port}"

    assert (await front.exchange(front.call(("Host", host), without=("Host",)))).status == 200


async def test_h10_an_absolute_target_does_not_override_the_host(front: Front) -> None:
    for target in (f"http://evil.com{PATH}", f"http://{front.host}@evil.com{PATH}"):
        assert (await front.refused(front.call(path=target))).status in {400, 404, 421}


FORWARDED = {
    "x-forwarded-host": ("X-Forwarded-Host", "evil.com"),
    "x-forwarded-proto": ("X-Forwarded-Proto", "https"),
    "x-forwarded-for": ("X-Forwarded-For", "10.9.8.7"),
    "x-forwarded-uri": ("X-Forwarded-Uri", "/t/globex/mcp"),
    "forwarded": ("Forwarded", "for=10.9.8.7;host=evil.com;proto=https"),
    "x-original-url": ("X-Original-URL", "/livez"),
    "x-rewrite-url": ("X-Rewrite-URL", "/livez"),
    "x-method-override": ("X-HTTP-Method-Override", "DELETE"),
    "x-tenant-id": ("X-Tenant-Id", "globex"),
    "x-forwarded-user": ("X-Forwarded-User", "admin"),
    "mcp-init-host": ("mcp-init-host", "evil.com"),
    "router-key": ("router-key", "admin"),
    "x-host": ("X-Host", "evil.com"),
}


@pytest.mark.parametrize("extra", FORWARDED.values(), ids=[f"H14-{name}" for name in FORWARDED])
async def test_headers_of_proxies_change_nothing(front: Front, extra: tuple[str, str]) -> None:
    plain = await front.exchange(front.call())
    with_it = await front.exchange(front.call(extra))
    without_token = await front.refused(front.call(extra, without=("Authorization",)))
    challenge = without_token.header("WWW-Authenticate") or ""

    assert (with_it.status, with_it.body) == (plain.status, plain.body)
    assert without_token.status == 401
    assert f"{front.gateway.public_url}/.well-known/" in challenge
    assert extra[1].encode() not in front.backend.received


UNGRAMMATICAL = {
    "underscore": b"X_Forwarded_User: admin",
    "underscore-in-a-known-one": b"Content_Length: 1",
    "space-in-name": b"X A: 1",
    "no-colon": b"XA",
    "empty-name": b": 1",
    "non-ascii-name": b"X-\xc3\xa9: 1",
    "nul-in-value": b"X-A: a\x00b",
    "nul-in-name": b"X\x00A: 1",
    "obs-text": b"X-A: \xe9",
    "utf-8": b"X-A: \xc3\xa9",
    "cr-in-value": b"X-A: a\rb",
    "bare-cr-end": b"X-A: a\r",
    "control": b"X-A: a\x01b",
    "del": b"X-A: a\x7fb",
    "folded": b"X-A: a\r\n b",
    "leading-space": b" X-A: a",
}


@pytest.mark.parametrize(
    "line", UNGRAMMATICAL.values(), ids=[f"H16-{name}" for name in UNGRAMMATICAL]
)
async def test_a_header_that_is_not_grammatical_is_refused(front: Front, line: bytes) -> None:
    opening, _, body = front.call().partition(HEAD_END)

    answer = await front.refused(opening + b"\r\n" + line + HEAD_END + body, closes=True)

    assert answer.status == 400
    assert answer.says_close


@pytest.mark.parametrize("agent", ["GoogleHC/1.0", "kube-probe/1.31", "ELB-HealthChecker/2.0"])
async def test_h17_a_prober_needs_a_token_like_anybody(front: Front, agent: str) -> None:
    extra = ("User-Agent", agent)

    answer = await front.refused(front.call(extra, without=("Authorization",)))

    assert answer.status == 401


CRLF = {
    "tool-name": {"name": "x\r\nSet-Cookie: a=b"},
    "tool-name-unicode": {"name": "\u560d\u560aSet-Cookie: a=b"},
}


@pytest.mark.parametrize("change", CRLF.values(), ids=[f"H27-{name}" for name in CRLF])
async def test_what_a_client_names_never_splits_an_answer(
    front: Front, change: dict[str, str]
) -> None:
    body = json.dumps(CALL | {"params": CALL["params"] | change}).encode()

    answer = await front.refused(front.framed(("Content-Length", str(len(body))), body=body))

    assert answer.status == 400
    assert answer.header("Set-Cookie") is None


AUDITED = {
    "bad_host": [("Host", "evil.com")],
    "bad_origin": [("Origin", "https://evil.com")],
    "unsupported_media_type": [("Content-Encoding", "gzip")],
    "bad_request": [("X_A", "1")],
}


@pytest.mark.parametrize(("reason", "extra"), AUDITED.items(), ids=AUDITED)
async def test_o6_a_refusal_is_an_audit_event(
    front: Front, reason: str, extra: list[tuple[str, str]]
) -> None:
    without = tuple(name for name, _ in extra)

    await front.refused(front.call(*extra, without=without))

    assert await _audited(front, reason)


async def test_o6_bytes_that_are_no_http_are_an_audit_event(impatient: Front) -> None:
    await impatient.refused(b"nonsense\r\n\r\n", closes=True)

    assert await _audited(impatient, "bad_request")


async def _audited(front: Front, reason: str) -> bool:
    """Whether the trail has such a refusal; it is written in batches."""
    async with asyncio.timeout(5):
        while True:
            lines = front.gateway.log_lines()
            if any(e.get("event") == "audit" and e.get("reason") == reason for e in lines):
                return True
            await asyncio.sleep(0.05)
