"""One city for all the cases that leave it as they found it.

`acme` and `globex` have backends of the same names with the same tools, and `shared` is the same
URL on both sides. Each backend gets another credential from each tenant.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.rigs.doors import Door, door
from tests.rigs.fake_backend import TOOL, FakeBackend
from tests.rigs.signing import rsa_key
from tests.rigs.walled_city import City, Json, Plan, modern_call, walled_city

TENANTS = ("acme", "globex")
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


def _backends() -> dict[str, FakeBackend]:
    found = {}
    for tenant in TENANTS:
        canary = f"canary-of-{tenant}"
        found[f"{tenant}-modern"] = FakeBackend(canary=canary, tools=list(TOOLS))
        found[f"{tenant}-legacy"] = FakeBackend(era="legacy", canary=canary, tools=list(TOOLS))
    found["shared"] = FakeBackend(canary="canary-of-nobody")
    found["wide"] = FakeBackend(canary="canary-of-acme", tools=WIDE)
    return found


def _document(plan: Plan) -> Json:
    return {
        "limits": {
            "connections_per_source": 2000,
            "in_flight_per_user": 1000,
            "in_flight_per_tenant": 2000,
        },
        "tenants": {tenant: _tenant(plan, tenant) for tenant in TENANTS},
    }


def _tenant(plan: Plan, tenant: str) -> Json:
    own = ("second",) if tenant == "acme" else ("foreign",)
    urls = {era: plan.backends[f"{tenant}-{era}"].url for era in ("modern", "legacy")}
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
            "legacy": {"backends": ["legacy"]},
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
    async with walled_city(
        _document, issuers=issuers, backends=backends, environ=CREDENTIALS
    ) as city:
        city.secrets.update(secrets)
        for name, issuer in city.issuers.items():
            issuer.extra_keys.append(rsa_key(f"{name}-1").jwk())
        for tenant, issuer_name in (("acme", "main"), ("acme", "second"), ("globex", "foreign")):
            answer = await door(city, tenant, issuer=issuer_name).modern(modern_call())
            assert answer.status == 200, answer.text
        yield city


@pytest.fixture
def city(shared_city: City) -> Iterator[City]:
    """The city; the log is read after each test, and scripts are taken back."""
    yield shared_city
    for backend in shared_city.backends.values():
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
