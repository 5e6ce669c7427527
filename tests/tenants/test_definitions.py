"""Definitions are read strictly, every fault at its path, and the shipped schema says the same."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tenants.definitions
from auth.policy import Profile
from tenants.definitions import parse_tenants, tenant_document
from tenants.errors import InvalidDefinition
from tenants.grammar import SCOPED_METHODS
from tenants.model import DEFAULT_ENDPOINT, BackendProtocol, Slug, Tenant, TenantStatus

PUBLIC_URL = "https://gw.example"
SCHEMA = json.loads(
    (Path(tenants.definitions.__file__).parent / "tenant.schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)


def acme(**changes: Any) -> dict[str, Any]:
    plain = {
        "issuers": [{"issuer": "https://idp.example"}],
        "backends": {"files": {"url": "https://files.example/mcp"}},
    }
    return {**plain, **changes}


def issuer(**changes: Any) -> dict[str, Any]:
    return acme(issuers=[{"issuer": "https://idp.example", **changes}])


def backend(**changes: Any) -> dict[str, Any]:
    return acme(backends={"files": {"url": "https://files.example/mcp", **changes}})


def endpoint(**changes: Any) -> dict[str, Any]:
    return acme(endpoints={"default": {"backends": ["files"], **changes}})


def parse(document: Mapping[str, Any]) -> dict[Slug, Tenant]:
    return parse_tenants(document, public_url=PUBLIC_URL)


def faults_of(document: Mapping[str, Any]) -> list[str]:
    try:
        parse(document)
    except InvalidDefinition as error:
        return [str(fault) for fault in error.faults]
    return []


GOOD: dict[str, dict[str, Any]] = {
    "least": acme(),
    "display name": acme(display_name="Ácme & Co"),
    "suspended": acme(status="suspended"),
    "origins": acme(allowed_origins=["https://app.example", "http://localhost:3000"]),
    "issuer path": acme(issuers=[{"issuer": "https://idp.example/realms/a/"}]),
    "issuer on loopback": acme(issuers=[{"issuer": "http://127.0.0.1:8080"}]),
    "issuer on IPv6 loopback": acme(issuers=[{"issuer": "http://[::1]:8080/x"}]),
    "profile": issuer(profile="keycloak"),
    "algorithms": issuer(algorithms=["ES256"]),
    "required claims": issuer(required_claims={"tid": "abc"}),
    "durations": issuer(leeway="30s", clock_ahead=2.5, max_lifetime="1h"),
    "kid": issuer(allow_missing_kid=True),
    "jwks hosts": issuer(jwks_hosts=["keys.example"]),
    "backend with query": acme(backends={"b": {"url": "https://b.example/mcp?v=1"}}),
    "backend on loopback": acme(backends={"b": {"url": "http://localhost:9000/mcp"}}),
    "backend members": backend(protocol="legacy", timeout="5m", max_in_flight=1),
    "credential": backend(credential={"header": "X-Api-Key", "env": "KEY"}),
    "credential file": backend(credential={"prefix": "Bearer ", "file": "/run/secrets/key"}),
    "endpoint": endpoint(audiences=["api://files"]),
    "endpoint scopes": endpoint(
        scopes={"endpoint": ["mcp"], "methods": {"tools/call": ["call"]}, "tools": {"rm_*": ["w"]}}
    ),
    "endpoint tools": endpoint(tools={"allow": ["read*"], "deny": []}),
    "own endpoint written": acme(endpoints={"files": {"backends": ["files"]}}),
}

# What is wrong, where it is said to be, and a word of what is said.
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no issuers": ({"backends": acme()["backends"]}, "issuers", "is missing"),
    "empty issuers": (acme(issuers=[]), "issuers", "at least 1"),
    "no backends": ({"issuers": acme()["issuers"]}, "backends", "is missing"),
    "empty backends": (acme(backends={}), "backends", "at least 1"),
    "unknown key": (acme(isuers=[]), "isuers", 'did you mean "issuers"?'),
    "blank name": (acme(display_name=" "), "display_name", "1 to 64"),
    "bidi name": (acme(display_name="a\u202eb"), "display_name", "printable"),
    "long name": (acme(display_name="x" * 65), "display_name", "1 to 64"),
    "number as name": (acme(display_name=5), "display_name", "string"),
    "status": (acme(status="suspend"), "status", 'did you mean "suspended"?'),
    "origin path": (acme(allowed_origins=["https://a.example/"]), "allowed_origins[0]", "path"),
    "origin star": (acme(allowed_origins=["*"]), "allowed_origins[0]", "absolute URL"),
    "origin null": (acme(allowed_origins=["null"]), "allowed_origins[0]", "absolute URL"),
    "http issuer": (
        acme(issuers=[{"issuer": "http://idp.example"}]),
        "issuers[0].issuer",
        "must be https",
    ),
    "issuer query": (
        acme(issuers=[{"issuer": "https://idp.example/?a=b"}]),
        "issuers[0].issuer",
        "query",
    ),
    "issuer user": (
        acme(issuers=[{"issuer": "https://a@idp.example"}]),
        "issuers[0].issuer",
        "user",
    ),
    "issuer twice in words": (acme(issuers="https://idp.example"), "issuers", "list"),
    "profile": (issuer(profile="keycloack"), "issuers[0].profile", 'did you mean "keycloak"?'),
    "algorithm": (issuer(algorithms=["HS256"]), "issuers[0].algorithms[0]", "RS256"),
    "no algorithm": (issuer(algorithms=[]), "issuers[0].algorithms", "at least 1"),
    "algorithm twice": (issuer(algorithms=["ES256", "ES256"]), "issuers[0].algorithms[1]", "twice"),
    "claim number": (
        issuer(required_claims={"tid": 5}),
        "issuers[0].required_claims.tid",
        "string",
    ),
    "claim aud": (issuer(required_claims={"aud": "x"}), "issuers[0].required_claims.aud", "judged"),
    "leeway": (issuer(leeway=61), "issuers[0].leeway", "from 0 to 60"),
    "leeway words": (issuer(leeway="half a minute"), "issuers[0].leeway", "duration"),
    "leeway truth": (issuer(leeway=True), "issuers[0].leeway", "duration"),
    "kid words": (issuer(allow_missing_kid="yes"), "issuers[0].allow_missing_kid", "true or false"),
    "jwks host": (issuer(jwks_hosts=["https://k.example"]), "issuers[0].jwks_hosts[0]", "host"),
    "no url": (acme(backends={"files": {}}), "backends.files.url", "is missing"),
    "ftp backend": (
        acme(backends={"files": {"url": "ftp://10.0.0.1/mcp"}}),
        "backends.files.url",
        "must be https or http",
    ),
    "file url": (
        acme(backends={"files": {"url": "file:///etc/passwd"}}),
        "backends.files.url",
        "absolute URL",
    ),
    "command": (backend(command="npx"), "backends.files.command", "unknown key"),
    "fragment": (
        acme(backends={"files": {"url": "https://b.example/#x"}}),
        "backends.files.url",
        "fragment",
    ),
    "backslash": (
        acme(backends={"files": {"url": "https://b.example\\@evil.example"}}),
        "backends.files.url",
        "absolute URL",
    ),
    "upper-case backend": (acme(backends={"Files": {"url": "https://b.example"}}), "backends", ""),
    "reserved backend": (acme(backends={"mcp": {"url": "https://b.example"}}), "backends.mcp", ""),
    "backend named default": (
        acme(backends={"default": {"url": "https://b.example"}}),
        "backends.default",
        "reserved",
    ),
    "underscore": (
        acme(backends={"a__b": {"url": "https://b.example"}}),
        "backends.a__b",
        "must be 1 to 23",
    ),
    "protocol": (backend(protocol="old"), "backends.files.protocol", "one of"),
    "timeout": (backend(timeout=0), "backends.files.timeout", "from 0.001"),
    "flight": (backend(max_in_flight=0), "backends.files.max_in_flight", "from 1"),
    "flight truth": (backend(max_in_flight=True), "backends.files.max_in_flight", "whole"),
    "flight half": (backend(max_in_flight=1.5), "backends.files.max_in_flight", "whole"),
    "credential value": (
        backend(credential={"value": "s3cret", "env": "KEY"}),
        "backends.files.credential.value",
        "unknown key",
    ),
    "credential nowhere": (backend(credential={}), "backends.files.credential", "either env"),
    "credential twice": (
        backend(credential={"env": "KEY", "file": "/k"}),
        "backends.files.credential",
        "either env",
    ),
    "credential CRLF": (
        backend(credential={"env": "KEY", "prefix": "a\r\nb"}),
        "backends.files.credential.prefix",
        "printable",
    ),
    "no endpoint": (acme(endpoints={}), "endpoints", "at least 1"),
    "endpoint name": (acme(endpoints={"sse": {"backends": ["files"]}}), "endpoints.sse", "reserv"),
    "endpoint empty": (endpoint(backends=[]), "endpoints.default.backends", "at least 1"),
    "endpoint twice": (
        endpoint(backends=["files", "files"]),
        "endpoints.default.backends[1]",
        "twice",
    ),
    "audience": (endpoint(audiences=["a b"]), "endpoints.default.audiences[0]", "visible ASCII"),
    "scope": (
        endpoint(scopes={"endpoint": ["a b"]}),
        "endpoints.default.scopes.endpoint[0]",
        "one scope",
    ),
    "scope text": (endpoint(scopes={"endpoint": "a"}), "endpoints.default.scopes.endpoint", "list"),
    "method": (
        endpoint(scopes={"methods": {"tool/call": ["a"]}}),
        "endpoints.default.scopes.methods.tool/call",
        'did you mean "tools/call"?',
    ),
    "glob": (
        endpoint(scopes={"tools": {"a b": ["s"]}}),
        "endpoints.default.scopes.tools['a b']",
        "glob",
    ),
    "allow nothing": (endpoint(tools={"allow": []}), "endpoints.default.tools.allow", "at least 1"),
}

# Beyond what a schema can say.
BAD_BEYOND_SCHEMA: dict[str, tuple[dict[str, Any], str, str]] = {
    "issuer twice": (
        acme(
            issuers=[{"issuer": "https://i.example"}, {"issuer": "https://i.example", "leeway": 1}]
        ),
        "issuers[1].issuer",
        "twice",
    ),
    "unknown backend": (
        endpoint(backends=["file"]),
        "endpoints.default.backends[0]",
        'did you mean "files"?',
    ),
    "backend's name for others": (
        acme(
            backends={"a": {"url": "https://a.example"}, "b": {"url": "https://b.example"}},
            endpoints={"a": {"backends": ["b"]}},
        ),
        "endpoints.a",
        'must be ["a"]',
    ),
    "short IPv4": (acme(backends={"b": {"url": "https://127.1/"}}), "backends.b.url", "plain IP"),
    "hexadecimal IPv4": (acme(backends={"b": {"url": "https://0x7f.1/"}}), "backends.b.url", ""),
    "whole number": (acme(backends={"b": {"url": "https://2130706433/"}}), "backends.b.url", ""),
    "port": (acme(backends={"b": {"url": "https://b.example:70000/"}}), "backends.b.url", "URL"),
    "default port": (
        acme(allowed_origins=["https://a.example:443"]),
        "allowed_origins[0]",
        "default port",
    ),
    "long duration": (issuer(max_lifetime="25h"), "issuers[0].max_lifetime", "86400"),
    "gateway's header": (
        backend(credential={"header": "Mcp-Session-Id", "env": "KEY"}),
        "backends.files.credential.header",
        "writes itself",
    ),
    "gateway's own audience": (
        endpoint(audiences=["https://gw.example"]),
        "endpoints.default.audiences",
        "own",
    ),
    "another tenant's endpoint": (
        endpoint(audiences=["https://gw.example/t/globex/mcp"]),
        "endpoints.default.audiences",
        "not an endpoint of acme",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_definition_is_read_and_the_schema_agrees(name: str) -> None:
    assert faults_of({"acme": GOOD[name]}) == []
    assert [error.message for error in VALIDATOR.iter_errors(GOOD[name])] == []


@pytest.mark.parametrize("name", BAD)
def test_a_fault_is_reported_at_its_path_and_the_schema_agrees(name: str) -> None:
    document, path, word = BAD[name]

    faults = faults_of({"acme": document})

    assert any(f.startswith(f"tenants.acme.{path}") and word in f for f in faults), faults
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("name", BAD_BEYOND_SCHEMA)
def test_a_fault_that_no_schema_can_see_is_reported_too(name: str) -> None:
    document, path, word = BAD_BEYOND_SCHEMA[name]

    faults = faults_of({"acme": document})

    assert any(f.startswith(f"tenants.acme.{path}") and word in f for f in faults), faults


def test_the_schema_knows_the_same_methods_and_closes_every_mapping() -> None:
    methods = SCHEMA["$defs"]["endpoint"]["properties"]["scopes"]["properties"]["methods"]

    assert methods["propertyNames"]["enum"] == list(SCOPED_METHODS)
    assert all("additionalProperties" in part for part in objects(SCHEMA))
    assert all("description" in part for part in properties(SCHEMA))


def objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for value in schema.values() for found in objects(value)]


def properties(schema: Any) -> list[dict[str, Any]]:
    found = [value for part in objects(schema) for value in part.get("properties", {}).values()]
    return [part for part in found if "$ref" not in part]


def test_every_fault_is_reported_at_once() -> None:
    faults = faults_of(
        {
            "Acme": acme(),
            "globex": {"issuers": [{"issuer": "http://idp.example", "profil": "okta"}]},
            "initech": None,
        }
    )

    assert faults == [
        "tenants.Acme: must be 3 to 32 of a-z, 0-9, -, begin with a letter and not end with -",
        "tenants.globex.backends: is missing",
        'tenants.globex.issuers[0].profil: unknown key (did you mean "profile"?)',
        "tenants.globex.issuers[0].issuer: must be https",
        "tenants.initech: must be a mapping",
    ]


def test_a_key_that_yaml_made_a_truth_value_is_named() -> None:
    assert "tenants.acme: key True must be a string (quote it)" in faults_of(
        {"acme": {**acme(), True: 1}}
    )


def test_the_least_definition_has_the_defaults_of_the_model() -> None:
    tenant = parse({"acme": acme()})[Slug("acme")]

    assert tenant.display_name == "acme"
    assert tenant.status is TenantStatus.ACTIVE
    assert list(tenant.endpoints) == [DEFAULT_ENDPOINT, "files"]
    assert tenant.issuers[0].profile is Profile.RFC9068
    assert tenant.issuers[0].clock_ahead_s == 5
    assert tenant.backends["files"].protocol is BackendProtocol.AUTO


def test_durations_are_numbers_of_seconds_or_texts_with_a_unit() -> None:
    document = issuer(leeway="500ms", clock_ahead=7, max_lifetime="90m")

    (policy,) = parse({"acme": document})[Slug("acme")].issuers

    assert (policy.leeway_s, policy.clock_ahead_s, policy.max_lifetime_s) == (0.5, 7, 5400)


def with_audience(audience: str, claims: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        **issuer(**({"required_claims": claims} if claims else {})),
        "endpoints": {"default": {"backends": ["files"], "audiences": [audience]}},
    }


def test_two_tenants_may_not_accept_the_same_audience_of_one_issuer() -> None:
    faults = faults_of({"acme": with_audience("api://x"), "globex": with_audience("api://x")})

    assert len(faults) == 1
    assert faults[0].startswith("tenants.globex: accepts api://x of https://idp.example, as acme")


@pytest.mark.parametrize(
    ("one", "other", "is_fine"),
    [
        ({"tid": "1"}, {"tid": "2"}, True),
        ({"tid": "1", "a": "x"}, {"tid": "2", "a": "x"}, True),
        ({"tid": "1"}, {"tid": "1"}, False),
        ({"tid": "1"}, {"org": "2"}, False),
        ({"tid": "1"}, None, False),
    ],
)
def test_they_may_when_no_token_can_have_the_claims_of_both(
    one: dict[str, str], other: dict[str, str] | None, *, is_fine: bool
) -> None:
    faults = faults_of(
        {"acme": with_audience("api://x", one), "globex": with_audience("api://x", other)}
    )

    assert (faults == []) is is_fine


def test_the_same_audience_of_different_issuers_is_fine() -> None:
    other = with_audience("api://x")
    other["issuers"] = [{"issuer": "https://other.example"}]

    assert faults_of({"acme": with_audience("api://x"), "globex": other}) == []


def test_a_tenant_may_list_its_own_endpoints_url_for_another_of_its_endpoints() -> None:
    document = acme(
        endpoints={
            "default": {"backends": ["files"]},
            "reading": {"backends": ["files"], "audiences": [f"{PUBLIC_URL}/t/acme/mcp"]},
        }
    )

    assert faults_of({"acme": document}) == []


# --- round trip ------------------------------------------------------------------------------

NAMES = st.sampled_from(["files", "mail", "db", "x-1"])
SCOPE_LISTS = st.lists(st.sampled_from(["a", "b:c", "d.e"]), unique=True, max_size=2)
GLOBS = st.sampled_from(["read_*", "*", "files__rm?", "mail__[ab]*"])
DURATIONS = st.sampled_from([1, 2.5, "10s", "0.5m"])
ISSUERS = st.fixed_dictionaries(
    {"issuer": st.sampled_from(["https://idp.example", "https://idp.example/b/"])},
    optional={
        "profile": st.sampled_from([profile.value for profile in Profile]),
        "algorithms": st.just(["ES256", "RS256"]),
        "required_claims": st.dictionaries(st.sampled_from(["tid", "org"]), st.just("1")),
        "leeway": DURATIONS,
        "clock_ahead": DURATIONS,
        "max_lifetime": DURATIONS,
        "allow_missing_kid": st.booleans(),
        "jwks_hosts": st.just(["keys.example"]),
    },
)
BACKENDS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {"url": st.just("https://b.example/mcp")},
        optional={
            "protocol": st.sampled_from(["auto", "legacy", "modern"]),
            "credential": st.sampled_from(
                [{"env": "A"}, {"file": "/a"}, {"header": "X-Key", "prefix": "k ", "env": "A"}]
            ),
            "timeout": DURATIONS,
            "max_in_flight": st.integers(1, 4000),
        },
    ),
    min_size=1,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    backends = draw(BACKENDS)
    carried = st.lists(st.sampled_from(sorted(backends)), min_size=1, unique=True)
    endpoints = st.dictionaries(
        st.sampled_from(["default", "reading", "writing"]),
        st.fixed_dictionaries(
            {"backends": carried},
            optional={
                "audiences": st.just(["api://x"]),
                "scopes": st.fixed_dictionaries(
                    {},
                    optional={
                        "endpoint": SCOPE_LISTS,
                        "methods": st.dictionaries(st.just("tools/call"), SCOPE_LISTS),
                        "tools": st.dictionaries(GLOBS, SCOPE_LISTS),
                    },
                ),
                "tools": st.fixed_dictionaries(
                    {},
                    optional={
                        "allow": st.lists(GLOBS, min_size=1, unique=True),
                        "deny": st.lists(GLOBS, unique=True),
                    },
                ),
            },
        ),
        min_size=1,
    )
    others = st.fixed_dictionaries(
        {"issuers": st.lists(ISSUERS, min_size=1, max_size=2, unique_by=lambda i: i["issuer"])},
        optional={
            "display_name": st.just("Näme"),
            "status": st.sampled_from(["active", "suspended"]),
            "allowed_origins": st.just(["https://app.example"]),
            "endpoints": endpoints,
        },
    )
    return {"backends": backends, **draw(others)}


@given(document=documents())
def test_a_tenant_that_is_written_is_read_back_the_same(document: dict[str, Any]) -> None:
    (tenant,) = parse({"acme": document}).values()

    written = tenant_document(tenant)

    assert parse({"acme": json.loads(json.dumps(written))})[Slug("acme")] == tenant
    assert VALIDATOR.is_valid(document)
    assert VALIDATOR.is_valid(written)
