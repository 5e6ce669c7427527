"""Cases H in short, through the whole gateway: what is refused before anybody reads a message."""

import pytest

from tests.rigs.doors import Door
from tests.rigs.raw_http import Answer, write_request
from tests.rigs.walled_city import City, bearer, encoded, modern_call, modern_headers

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = modern_headers("tools/call", "echo")
BODY = encoded(modern_call())


async def _unheard(
    city: City, at: Door, method: str, headers: list[tuple[str, str]], body: bytes = b""
) -> Answer:
    asked = city.asked_backends()
    answer = await city.send(method, at.path, [bearer(at.good()), *headers], body)
    assert city.asked_backends() == asked
    return answer


def _as_type(media_type: str) -> list[tuple[str, str]]:
    return [("Content-Type", media_type), *GOOD[1:]]


async def test_h05_too_many_headers_are_refused(city: City, acme: Door) -> None:
    many = [(f"X-{number}", "x") for number in range(129)]

    assert (await _unheard(city, acme, "POST", [*GOOD, *many], BODY)).status in {400, 431}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity"])
async def test_h08_encoded_bodies_are_refused_as_they_are(
    coding: str, city: City, acme: Door
) -> None:
    headers = [*GOOD, ("Content-Encoding", coding)]
    answer = await _unheard(city, acme, "POST", headers, b"\x1f\x8b" + b"\0" * 1000)

    assert answer.status == 415


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1.evil.example:80"])
async def test_h10_another_host_is_not_served(host: str, city: City, acme: Door) -> None:
    headers = [bearer(acme.good()), *GOOD]
    asked = city.asked_backends()
    answer = await city.exchange(write_request("POST", acme.path, host, headers, BODY))

    assert answer.status == 421
    assert host not in answer.text
    assert city.asked_backends() == asked


async def test_h13_a_preflight_of_the_own_origin_is_minimal(city: City, acme: Door) -> None:
    origin = ("Origin", city.gateway.public_url)
    answer = await _unheard(city, acme, "OPTIONS", [origin])

    assert answer.status == 204
    assert answer.header("Access-Control-Allow-Origin") == city.gateway.public_url
    assert answer.header("Access-Control-Allow-Credentials") is None


@pytest.mark.parametrize("agent", ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0"])
async def test_h17_no_user_agent_is_privileged(agent: str, city: City, acme: Door) -> None:
    answer = await city.post(acme.path, [("User-Agent", agent), *GOOD], BODY)

    assert answer.status == 401


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "PUT", "HEAD", "PROPFIND"])
async def test_h19_other_methods_are_refused(method: str, city: City, acme: Door) -> None:
    answer = await _unheard(city, acme, method, GOOD)

    assert answer.status == 405
    assert "POST" in (answer.header("Allow") or "")


@pytest.mark.parametrize(
    "media_type",
    [
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json; charset=utf-16",
        "application/jsonx",
        "",
    ],
)
async def test_h23_forms_are_refused_by_their_type(media_type: str, city: City, acme: Door) -> None:
    assert (await _unheard(city, acme, "POST", _as_type(media_type), BODY)).status == 415


@pytest.mark.parametrize("path", ["/static/../etc/passwd", "/static/", "/", "/favicon.ico"])
async def test_h24_there_are_no_files(path: str, city: City) -> None:
    assert (await city.send("GET", path)).status == 404


@pytest.mark.parametrize("path", ["/metrics", "/debug", "/readyz?verbose", "/livez?verbose"])
async def test_h26_details_are_not_on_the_data_listener(path: str, city: City) -> None:
    answer = await city.send("GET", path)

    assert answer.status == 404
    assert "acme" not in answer.text
    assert "aiohttp" not in answer.text
    assert "Python" not in answer.text
