"""H08, H19, H23, H24, H26: what is asked, of which path, in which form."""

import gzip
import json

import pytest

from tests.gateway.http.front import CALL, PATH, Front
from tests.gateway.http.wire import Answer, connected, head

pytestmark = pytest.mark.asyncio(loop_scope="session")

BODY = json.dumps(CALL).encode()
ENCODINGS = ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "x-unknown", ""]


@pytest.mark.parametrize("encoding", ENCODINGS, ids="H08-{}".format)
async def test_an_encoded_body_is_refused_unread(front: Front, encoding: str) -> None:
    packed = gzip.compress(b"\x00" * 1_000_000) * 3
    framing = (("Content-Length", str(len(packed))), ("Content-Encoding", encoding))

    answer = await front.refused(front.framed(*framing, body=packed))

    assert answer.status == 415


async def test_h08_a_hundred_thousand_empty_members_are_refused_unread(front: Front) -> None:
    packed = gzip.compress(b"") * 100_000
    framing = (("Content-Length", str(len(packed))), ("Content-Encoding", "gzip"))

    async with front.unharmed(), connected(front.port) as wire:
        wire.writer.write(front.framed(*framing, body=packed))

        assert (await wire.answer()).status == 415


@pytest.mark.parametrize("method", ["PATCH", "PUT", "TRACE", "HEAD", "OPTIONS", "PROPFIND"])
async def test_h19_a_method_that_is_not_served_is_named_with_those_that_are(
    front: Front, method: str
) -> None:
    request = head(method, PATH, front.headers(("Content-Length", "0")))

    answer = await front.refused(request, is_head=method == "HEAD")

    assert answer.status == 405
    assert answer.header("Allow") == "POST, GET, DELETE"


@pytest.mark.parametrize("method", ["post", "X" * 1024, "POST\t", "GE\x00T", "P@ST"])
async def test_h19_a_word_that_is_no_method_is_no_request(front: Front, method: str) -> None:
    answer = await front.refused(head(method, PATH, front.headers()), closes=True)

    assert answer.status in {400, 405}


@pytest.mark.parametrize("target", ["127.0.0.1:80", PATH])
async def test_h19_no_tunnel_is_opened(front: Front, target: str) -> None:
    async with front.unharmed(), connected(front.port) as wire:
        await wire.send(head("CONNECT", target, front.headers()))
        answer = await wire.answer()
        assert await wire.is_closed()

    front.check_clean(answer)
    assert answer.status in {400, 405}


async def test_h19_get_is_not_served_to_modern_clients(front: Front) -> None:
    answer = await front.refused(head("GET", PATH, front.headers()))

    assert answer.status == 405
    assert answer.header("Allow") == "POST"


FORMS = {
    "multipart": "multipart/form-data; boundary=x",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain",
    "json-like": "application/json-patch+json",
    "latin-1": "application/json; charset=latin-1",
    "two-in-one": "application/json, text/plain",
    "empty": "",
}


@pytest.mark.parametrize("kind", FORMS.values(), ids=[f"H23-{name}" for name in FORMS])
async def test_only_json_is_read(front: Front, kind: str) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    headers = front.headers(
        ("Content-Type", kind), ("Content-Length", str(len(form))), without=("Content-Type",)
    )

    answer = await front.refused(head("POST", PATH, headers) + form)

    assert answer.status == 415


async def test_h23_two_content_types_and_none_are_refused(front: Front) -> None:
    twice = front.call(("Content-Type", "application/json"))

    assert (await front.refused(twice)).status in {400, 415}
    assert (await front.refused(front.call(without=("Content-Type",)))).status == 415


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
async def test_json_by_its_other_names_is_read(front: Front, kind: str) -> None:
    call = front.call(("Content-Type", kind), without=("Content-Type",))

    assert (await front.exchange(call)).status == 200


async def test_an_accept_that_leaves_no_form_is_refused(front: Front) -> None:
    call = front.call(("Accept", "text/html"), without=("Accept",))

    assert (await front.refused(call)).status == 406


async def test_a_body_over_the_limit_is_refused_unread(front: Front) -> None:
    size = str(4 * 1024 * 1024 + 1)

    answer = await front.refused(front.framed(("Content-Length", size)), closes=True)

    assert answer.status == 413
    assert answer.says_close


async def test_a_body_that_grows_over_the_limit_is_refused(impatient: Front) -> None:
    async with impatient.unharmed(), connected(impatient.port) as wire:
        wire.writer.write(impatient.framed(("Transfer-Encoding", "chunked")))
        wire.writer.write((b"100000\r\n" + b" " * 0x100000 + b"\r\n") * 5)
        answer = await wire.answer()

    impatient.check_clean(answer)
    assert answer.status == 413


NOWHERE = [
    "/static/../etc/passwd", "/static/..%2f..%2fetc/passwd", "/", "/t/acme", "/t/acme/mcp/",
    "/t//acme/mcp", "/t/ACME/mcp", "/t/acme%2fmcp", "/t/acme/./mcp", "/x/../t/acme/mcp",
    "/t/acme/mcp;x", "/t/acme/mcp#x", "/t/acme/mcp%00", "//evil.com/t/acme/mcp", "/metrics",
    "/debug", "/api/v1/tenants", "/livez/", "/livez?verbose", "/readyz?verbose", "/readyz?x=1",
    "/.well-known/", "/favicon.ico", "/console", "/t/\\..\\mcp",
]  # fmt: skip


@pytest.mark.parametrize("target", NOWHERE, ids="H24-{}".format)
async def test_a_path_that_is_not_served_is_nowhere(front: Front, target: str) -> None:
    with_token = await front.refused(head("GET", target, front.headers()))
    without = await front.refused(head("GET", target, front.headers(without=("Authorization",))))

    assert with_token.status == 404
    assert without.status == 404
    assert with_token.header("Location") is None


async def test_a_query_does_not_carry_a_token(front: Front) -> None:
    secret = front.token("queen")
    call = front.call(without=("Authorization",), path=f"{PATH}?access_token={secret}")

    answer = await front.refused(call)

    assert answer.status == 401
    assert "error=" not in (answer.header("WWW-Authenticate") or "")
    assert secret not in front.gateway.child.log_text()


@pytest.mark.parametrize("path", ["/livez", "/readyz"], ids="H26-{}".format)
@pytest.mark.parametrize("listener", ["data", "admin"])
async def test_health_is_a_status_and_nothing_more(front: Front, path: str, listener: str) -> None:
    answer = await _get(front, listener, path)

    assert answer.status == 200
    assert answer.body == b""
    assert answer.header("Server") == "portcullis"


async def test_h26_details_are_on_the_operators_listener_only(front: Front) -> None:
    ready = await _get(front, "admin", "/readyz?verbose")
    metrics = await _get(front, "admin", "/metrics")

    assert json.loads(ready.body)["ready"] is True
    assert b"portcullis_" in metrics.body
    for path in ("/debug", "/api/v1/tenants", PATH, "/"):
        assert (await _get(front, "admin", path)).status == 404


async def test_h26_the_operators_listener_answers_nonsense_without_its_insides(
    front: Front,
) -> None:
    for nonsense in (
        b"\x16\x03\x01\x02\x00",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nA B: 1\r\n\r\n",
    ):
        async with front.unharmed(), connected(front.admin_port) as wire:
            await wire.send(nonsense)
            answer = await wire.answer()

        front.check_clean(answer)
        assert answer.status == 400


async def _get(front: Front, listener: str, path: str) -> Answer:
    port = front.port if listener == "data" else front.admin_port
    async with connected(port) as wire:
        await wire.send(head("GET", path, [("Host", "10.1.2.3:8080")]))
        return await wire.answer()
