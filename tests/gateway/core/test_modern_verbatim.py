"""What the gateway does not know goes through it as the bytes that came, in both directions."""

import pytest

from tests.gateway.core.caller import Caller, Json
from tests.gateway.core.modern_rig import declared
from tests.rigs.fake_backend import FakeBackend, FakeEra, Script, Wire
from tests.rigs.inner_gateway import inner_gateway

UI = "io.modelcontextprotocol/ui"
SCHEMA = (
    b'{"$schema":"https://json-schema.org/draft/2020-12/schema", "type" : "object",'
    b'"$defs":{"n":{"type":"number","default":1.0e2,"const":12345678901234567890}},'
    b'"properties":{"\\u0061b":{"$ref":"#/$defs/n"},"b":{"$dynamicRef":"http://x.example/#d"}},'
    b'"if":{"required":["b"]},"then":{"minProperties":2},"x-vendor":[1,null,{ "deep" : -0.0}],'
    b'"unevaluatedProperties":false}'
)
TOOL = b'{"name":"echo","inputSchema":%b,"outputSchema":%b,"icons":[],"_meta":%b,"x":1.50}'
TOOL_META = b'{"ui":{"resourceUri":"ui://one/app.html"},"vendor.example/x":{ "a" : [1.0, 2e0]}}'


def written(schema: bytes, meta: bytes) -> bytes:
    return TOOL % (schema, schema, meta)


def answering(result: bytes) -> Script:
    async def answer(wire: Wire) -> None:
        raw = b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (wire.id, result)
        await wire.reply(raw)

    return answer


async def test_definitions_are_listed_byte_for_byte_and_prefixed_in_the_name_alone() -> None:
    tool = written(SCHEMA, TOOL_META)
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        one.scripts["tools/list"] = answering(b'{"tools":[%b]}' % tool)
        alone = await Caller.of(inner, endpoint="one").modern("tools/list")
        beside = await Caller.of(inner).modern("tools/list")

        assert tool in alone.body
        assert tool.replace(b'"echo"', b'"one__echo"') in beside.body


async def test_results_keep_what_is_unknown_in_them() -> None:
    result = (
        b'{"content":[{"type":"vendor","data":1.0}],"structuredContent":[1, 2.50 ,"\\u00e9"],'
        b'"vendorMember":{ "a" : 1e2 },"_meta":{"vendor.example/y":{ "b" : 0.10}}}'
    )
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        backend.scripts["tools/call"] = answering(result)
        answer = await Caller.of(inner).call("modern")

        assert result[: result.index(b'"_meta"')] in answer.body
        assert b'"vendor.example/y":{ "b" : 0.10}' in answer.body


async def test_extensions_settings_and_meta_members_cross_verbatim() -> None:
    settings: Json = {"mimeTypes": ["text/html;profile=mcp-app"], "later": {"x": 1.0}}
    async with (
        FakeBackend(capabilities={"tools": {}, "extensions": {UI: settings, "x/y": {}}}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        shown = (await caller.modern("server/discover")).result["capabilities"]["extensions"]
        meta = declared(extensions={UI: settings}) | {"vendor.example/z": {"a": [None]}}
        await caller.modern("tools/call", {"name": "echo"}, meta=meta)
        sent = backend.calls("tools/call")[0].message["params"]["_meta"]

        assert shown == {UI: settings, "x/y": {}}
        assert sent["io.modelcontextprotocol/clientCapabilities"] == {"extensions": {UI: settings}}
        assert sent["vendor.example/z"] == {"a": [None]}


async def test_apps_are_listed_and_read_as_they_are() -> None:
    app = {"uri": "ui://one/app.html", "name": "app", "mimeType": "text/html;profile=mcp-app"}
    contents = [{**app, "text": "<p>hi</p>", "_meta": {"ui": {"csp": {"connectDomains": []}}}}]

    async def read(wire: Wire) -> None:
        await wire.result({"contents": contents, "ttlMs": 10**9, "cacheScope": "public"})

    async with (
        FakeBackend(scripts={"resources/read": read}) as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        one.scripts["resources/list"] = lambda wire: wire.result({"resources": [app]})
        caller = Caller.of(inner)
        listed = await caller.modern("resources/list")
        found = await caller.modern("resources/read", {"uri": app["uri"]})

        assert app in listed.result["resources"]
        assert found.result["contents"] == contents
        assert one.calls("resources/read")[0].header("Mcp-Name") == app["uri"]
        assert (found.result["ttlMs"], found.result["cacheScope"]) == (300_000, "private")


async def test_a_backends_missing_capability_comes_with_its_status_and_data() -> None:
    data = {"requiredCapabilities": {"elicitation": {"url": {}}}, "vendor": 1.0}

    async def refuse(wire: Wire) -> None:
        await wire.error(-32021, "needs elicitation", status=400, data=data)

    async with (
        FakeBackend(scripts={"tools/call": refuse}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).call("modern")

        assert answer.status == 400
        assert answer.error == {"code": -32021, "message": "needs elicitation", "data": data}
        assert len(backend.calls("tools/call")) == 1


@pytest.mark.parametrize(("era", "code"), [("legacy", -31008), ("modern", -31001)])
async def test_a_backend_that_drops_its_revision_does_not_make_the_client_do_so(
    era: FakeEra, code: int
) -> None:
    async def refuse(wire: Wire) -> None:
        wire.backend.era = era
        await wire.error(-32022, status=400, data={"supported": ["2025-11-25"], "requested": "?"})

    async with (
        FakeBackend(scripts={"tools/call": refuse}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).call("modern")

        assert (answer.status, answer.error["code"]) == (200, code)
        assert len(backend.calls("tools/call")) == 1


async def test_a_second_mismatch_of_headers_is_the_clients_to_see() -> None:
    async def mismatch(wire: Wire) -> None:
        await wire.error(-32020, "header mismatch", status=400)

    async with (
        FakeBackend(scripts={"tools/call": mismatch}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).call("modern")

        assert (answer.status, answer.error["code"]) == (400, -32020)
        assert len(backend.calls("tools/call")) == 2
