"""One city for all the cases that leave it as they found it.

`acme` and `globex` have backends of the same names with the same tools, and `shared` is the same
URL on both sides. Each backend gets another credential from each tenant.
"""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from tests.rigs.doors import Door, door
from tests.rigs.fake_backend import TOOL, FakeBackend, Wire
from tests.rigs.otlp_sink import OtlpSink
from tests.rigs.signing import rsa_key
from tests.rigs.walled_city import City, Json, Plan, modern_call, walled_city

TENANTS = ("acme", "globex")
OWN = ("modern", "legacy", "mirror")
"""Backends that both tenants have under these names, each at its own URL."""
CREDENTIALS = {
    "ACME_KEY": "credential-of-acme-at-its-backends",
    "GLOBEX_KEY": "credential-of-globex-at-its-backends",
}
GUARDED = {
    "backends": ["modern"],
    "scopes": {"tools": {"admin_*": ["tools:admin", "tools:audit"]}},
    "tools": {"deny": ["secret_*"]},
}
GUARDED_LEGACY = GUARDED | {"backends": ["legacy"]}


def _tool(name: str, **schema: Any) -> Json:
    return TOOL | {"name": name, "inputSchema": {"type": "object", **schema}}


REGION = {"region": {"type": "string", "x-mcp-header": "Region"}}
LIMIT = {"limit": {"type": "integer", "x-mcp-header": "Limit"}}
TOOLS = [
    _tool("echo"),
    _tool("admin_wipe"),
    _tool("secret_door"),
    _tool("placed", properties=REGION | LIMIT),
]
WIDE = [TOOL | {"name": f"wide_{n:02}", "description": "x" * 8000} for n in range(40)]


async def _poisoned(wire: Wire) -> None:
    await wire.result({"content": [{"type": "text", "text": "poison"}]})


def _backends() -> dict[str, FakeBackend]:
    found = {}
    for tenant in TENANTS:
        canary = f"canary-of-{tenant}"
        found[f"{tenant}-modern"] = FakeBackend(canary=canary, tools=list(TOOLS))
        found[f"{tenant}-legacy"] = FakeBackend(era="legacy", canary=canary, tools=list(TOOLS))
    # One that looks like the other tenant's, but for a word.
    poison = TOOL | {"description": "poison"}
    found["acme-mirror"] = FakeBackend(canary="canary-of-globex", tools=[poison])
    found["globex-mirror"] = FakeBackend(canary="canary-of-globex", tools=[TOOL])
    found["acme-mirror"].scripts["tools/call"] = _poisoned
    found["shared"] = FakeBackend(canary="canary-of-nobody")
    found["wide"] = FakeBackend(canary="canary-of-acme", tools=WIDE)
    return found


def _document(sink: OtlpSink, plan: Plan) -> Json:
    return {
        "telemetry": {
            "log_format": "json",
            "otlp_endpoint": sink.endpoint,
            "trace_ratio": 1.0,
        },
        "limits": {
            "connections_per_source": 2000,
            "in_flight_per_user": 1000,
            "in_flight_per_tenant": 2000,
        },
        "tenants": {tenant: _tenant(plan, tenant) for tenant in TENANTS}
        | {"sleepy": _suspended(plan)},
    }


def _suspended(plan: Plan) -> Json:
    return {
        "status": "suspended",
        "issuers": [{"issuer": plan.issuers["main"].url}],
        "backends": {"shared": {"url": plan.backends["shared"].url}},
    }


def _tenant(plan: Plan, tenant: str) -> Json:
    own = ("second",) if tenant == "acme" else ("foreign",)
    urls = {era: plan.backends[f"{tenant}-{era}"].url for era in OWN}
    urls |= {"shared": plan.backends["shared"].url, "wide": plan.backends["wide"].url}
    credential = {"header": "X-Backend-Key", "prefix": "", "env": f"{tenant.upper()}_KEY"}
    return {
        "issuers": [{"issuer": plan.issuers[name].url} for name in ("main", *own)],
        "backends": {
            name: {"url": url, "credential": credential, "max_in_flight": 2000}
            for name, url in urls.items()
        },
        "endpoints": {
            "default": {"backends": ["modern"]},
            **{name: {"backends": [name]} for name in ("legacy", "mirror")},
            "guarded": GUARDED,
            "guarded-legacy": GUARDED_LEGACY,
        },
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_city() -> AsyncIterator[City]:
    """The city, once for a test process."""
    backends = _backends()
    issuers = ("main", "second", "foreign")
    secrets = set(CREDENTIALS.values())
    with OtlpSink() as sink:
        document = partial(_document, sink)
        async with walled_city(
            document, issuers=issuers, backends=backends, environ=CREDENTIALS
        ) as city:
            city.secrets.update(secrets)
            await _warm_up(city)
            yield city
        # Everything that was ever traced is here now, as the gateway has left.
        spans = b"".join(sink.raw).decode("latin-1")
        assert "mcp.server" in spans or "tools/call" in spans
        assert not [secret for secret in city.secrets if secret in spans]
        assert "canary-of" not in spans


async def _warm_up(city: City) -> None:
    """Have the keys and the backends known, so that a case sees its own traffic alone."""
    for name, issuer in city.issuers.items():
        issuer.extra_keys.append(rsa_key(f"{name}-1").jwk())
    for tenant, issuer_name in (("acme", "main"), ("acme", "second"), ("globex", "foreign")):
        answer = await door(city, tenant, issuer=issuer_name).modern(modern_call())
        assert answer.status == 200, answer.text


@pytest.fixture
def city(shared_city: City) -> Iterator[City]:
    """The city; the log is read after each test, and scripts are taken back."""
    yield shared_city
    for name, backend in shared_city.backends.items():
        if name != "acme-mirror":
            backend.scripts.clear()
    shared_city.diary.read()


@pytest.fixture
def acme(city: City) -> Door:
    """The default endpoint of acme, modern."""
    return door(city, "acme")


@pytest.fixture
def globex(city: City) -> Door:
    """The default endpoint of globex, modern."""
    return door(city, "globex")


@pytest.fixture
def old_acme(city: City) -> Door:
    """The legacy endpoint of acme."""
    return door(city, "acme", "legacy")


@pytest.fixture
def old_globex(city: City) -> Door:
    """The legacy endpoint of globex."""
    return door(city, "globex", "legacy")
