"""Cases K: the issuer is a hostile or a dead network peer, and only its own tenant notices."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tenants.model import Slug
from tenants.registry import Registry
from tests.auth.scripted_issuer import DISCOVERY_PATH, JWKS_PATH, ScriptedIssuer, says
from tests.rigs.doors import Door, door
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.raw_http import Answer, exchange, write_request
from tests.rigs.signing import SigningKey, ec_key, mint, rsa_key
from tests.rigs.walled_city import City, Json, Plan, eventually, modern_call, walled_city

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOLEN = "/stolen"
"""A path at the good issuer that a redirection or a jwks_uri leads to."""
OPENID_PATH = "/.well-known/openid-configuration"
FLOOD = 400

Misbehave = Callable[[ScriptedIssuer, ScriptedIssuer], None]


def _says(issuer: ScriptedIssuer, document: Any, **more: Any) -> None:
    for path in (DISCOVERY_PATH, OPENID_PATH):
        issuer.answers[path] = says(document, **more)


def _names(change: Callable[[str], str]) -> Misbehave:
    return lambda issuer, _: _says(issuer, issuer.metadata(issuer=change(issuer.url)))


def _redirects(location: Callable[[ScriptedIssuer], str]) -> Misbehave:
    return lambda issuer, good: _says(issuer, b"", status=302, headers={"Location": location(good)})


def _has_keys_at(place: Callable[[ScriptedIssuer, ScriptedIssuer], str]) -> Misbehave:
    return lambda issuer, good: _says(issuer, issuer.metadata(jwks_uri=place(issuer, good)))


def _answers_keys(body: Any, **more: Any) -> Misbehave:
    def misbehave(issuer: ScriptedIssuer, _: ScriptedIssuer) -> None:
        issuer.answers[JWKS_PATH] = says(body, **more)

    return misbehave


def _is_down(issuer: ScriptedIssuer, _: ScriptedIssuer) -> None:
    issuer.is_down = True


HOSTILE: dict[str, Misbehave] = {
    "k01-slash": _names(lambda url: url + "/"),
    "k01-case": _names(str.upper),
    "k01-other": _names(lambda _: "https://other.example"),
    "k01-list": lambda issuer, _: _says(issuer, issuer.metadata(issuer=[issuer.url])),
    "k02-other-host": _redirects(lambda good: good.url + STOLEN),
    "k02-metadata": _redirects(lambda _: "http://169.254.169.254/latest"),
    "k02-keys": lambda issuer, good: issuer.answers.update(
        {JWKS_PATH: says(b"", status=307, headers={"Location": good.url + STOLEN})}
    ),
    "k03-other-port": _has_keys_at(lambda _, good: good.url + STOLEN),
    "k03-file": _has_keys_at(lambda *_: "file:///etc/passwd"),
    "k03-data": _has_keys_at(lambda *_: 'data:application/json,{"keys":[]}'),
    "k03-private": _has_keys_at(lambda *_: "http://10.0.0.1/jwks"),
    "k03-link-local": _has_keys_at(lambda *_: "http://169.254.169.254/jwks"),
    "k03-userinfo": _has_keys_at(lambda issuer, _: issuer.url.replace("://", "://x@") + "/jwks"),
    "k03-number": lambda issuer, _: _says(issuer, issuer.metadata(jwks_uri=7)),
    "k04-no-json": _answers_keys(b"<html>"),
    "k04-twice": _answers_keys(b'{"keys":[],"keys":[]}'),
    "k04-empty": _answers_keys({"keys": []}),
    "k04-huge": _answers_keys(b'{"keys":[' + b" " * 70_000 + b"]}"),
    "k04-many": _answers_keys({"keys": [{"kty": "RSA"}] * 51}),
    "k04-deep": _answers_keys(b'{"keys":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "k04-compressed": _answers_keys(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    "k04-refuses": _answers_keys(b"no", status=500),
    "k09-down": _is_down,
}
OTHERS = ("calm", "flooded", "rotated", "mixed", "cold", "stalled", "left", "silent")


def _document(plan: Plan) -> Json:
    return {
        "limits": {"connections_per_source": 2000},
        "tenants": {
            name: {
                "issuers": [{"issuer": issuer.url}]
                + ([{"issuer": plan.issuers["calm"].url}] if name == "left" else []),
                "backends": {"modern": {"url": plan.backends["modern"].url}},
            }
            for name, issuer in plan.issuers.items()
        },
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town() -> AsyncIterator[City]:
    """A gateway with a tenant for each issuer, good and bad."""
    issuers = (*HOSTILE, *OTHERS)
    async with walled_city(_document, issuers=issuers, backends={"modern": FakeBackend()}) as city:
        for name, issuer in city.issuers.items():
            issuer.extra_keys.append(rsa_key(f"{name}-1").jwk() if name in OTHERS else _ec(name))
        for name, misbehave in HOSTILE.items():
            misbehave(city.issuers[name], city.issuers["calm"])
        yield city


def _ec(name: str) -> Json:
    return ec_key(f"{name}-1").jwk()


@pytest.fixture(autouse=True)
def _diary(town: City) -> Any:
    yield
    town.diary.read()


def _door(town: City, tenant: str) -> Door:
    return door(town, tenant, issuer=tenant)


def _signed(at: Door, key: SigningKey, **header: Any) -> str:
    return mint(at.tokens.claims(), key, **header)


async def _call(at: Door, token: str | None = None) -> Answer:
    return await at.modern(modern_call(), token=token)


async def _readiness(town: City) -> tuple[int, Json]:
    port = int(town.gateway.admin_url.rpartition(":")[2])
    raw = write_request("GET", "/readyz?verbose", f"127.0.0.1:{port}", (), b"")
    answer = await exchange(port, raw)
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("name", HOSTILE)
async def test_an_issuer_that_cannot_be_believed_costs_its_own_tenant_a_503(
    name: str, town: City
) -> None:
    at, calm = _door(town, name), _door(town, "calm")
    asked = town.asked_backends()
    answer = await _call(at, _signed(at, ec_key(f"{name}-1")))

    assert answer.status == 503, answer.text
    assert 1 <= int(answer.header("Retry-After") or 0) <= 5
    assert answer.header("WWW-Authenticate") is None
    assert answer.error["message"] == "temporarily unavailable"
    assert "127.0.0.1" not in answer.text
    assert town.asked_backends() == asked
    assert town.issuers["calm"].asked[STOLEN] == 0
    event = await town.audited(answer)
    assert (event["reason"], event["tenant"]) == ("issuer_unavailable", name)
    assert (await _call(calm)).status == 200
    status, readiness = await _readiness(town)
    assert status == 200
    assert readiness["tenants"][name][at.tokens.issuer] != "ok"
    assert readiness["tenants"]["calm"][calm.tokens.issuer] == "ok"


async def test_k05_a_flood_of_unknown_keys_costs_one_look_and_no_good_token(town: City) -> None:
    at, issuer = _door(town, "flooded"), town.issuers["flooded"]
    assert (await _call(at)).status == 200
    before = issuer.asked[JWKS_PATH]
    gate = asyncio.Semaphore(100)

    async def one(number: int) -> int:
        async with gate:
            if number % 10 == 0:
                return (await _call(at, at.good(jti=f"good-{number}"))).status
            token = _signed(at, rsa_key("flooded-1"), kid=secrets.token_hex(8))
            return (await _call(at, token)).status

    told = await asyncio.gather(*(one(number) for number in range(FLOOD)))

    assert {status for number, status in enumerate(told) if number % 10 == 0} == {200}
    assert {status for number, status in enumerate(told) if number % 10} == {401}
    assert issuer.asked[JWKS_PATH] <= before + 1


async def test_k06_k08_an_outage_keeps_the_known_keys_and_makes_the_unknown_ones_503(
    town: City,
) -> None:
    at, issuer = _door(town, "silent"), town.issuers["silent"]
    assert (await _call(at)).status == 200
    issuer.is_down = True
    unknown = [await _call(at, _signed(at, rsa_key("silent-1"), kid=f"k{n}")) for n in range(20)]
    good = [await _call(at, at.good(jti=f"new-{n}")) for n in range(20)]

    assert {answer.status for answer in unknown} == {503}
    assert {answer.status for answer in good} == {200}


async def test_k10_a_new_key_is_followed_without_an_error(town: City) -> None:
    at, issuer = _door(town, "rotated"), town.issuers["rotated"]
    old = at.good()
    assert (await _call(at, old)).status == 200
    issuer.extra_keys.append(rsa_key("rotated-2").jwk())
    by_new = await _call(at, _signed(at, rsa_key("rotated-2")))

    assert by_new.status == 200
    assert (await _call(at, at.good(jti="by-old"))).status == 200


UNFIT: dict[str, Json] = {
    "use": {"use": "enc"},
    "operations": {"key_ops": ["encrypt"], "use": None},
    "algorithm": {"alg": "ES256"},
    "private": {"d": "AAAA"},
    "curve": {"kty": "EC"},
    "symmetric": {"kty": "oct", "k": ""},
}


async def test_k13_unfit_keys_are_left_out_and_the_others_used(town: City) -> None:
    at, issuer = _door(town, "mixed"), town.issuers["mixed"]
    for name, changes in UNFIT.items():
        jwk = rsa_key(f"unfit-{name}").jwk() | changes
        issuer.extra_keys.append({k: v for k, v in jwk.items() if v is not None})
    assert (await _call(at)).status == 200
    told = {name: await _call(at, _signed(at, rsa_key(f"unfit-{name}"))) for name in UNFIT}

    assert {name: answer.status for name, answer in told.items()} == dict.fromkeys(UNFIT, 401)
    assert (await town.audited(told["use"]))["reason"] == "unknown_key"


async def test_k14_many_at_a_cold_start_make_one_fetch(town: City) -> None:
    at, issuer = _door(town, "cold"), town.issuers["cold"]
    tokens = [at.good(jti=f"cold-{number}") for number in range(100)]
    answers = await asyncio.gather(*(_call(at, token) for token in tokens))

    assert {answer.status for answer in answers} == {200}
    assert issuer.asked[JWKS_PATH] == 1
    assert issuer.asked[DISCOVERY_PATH] == 1


async def test_k15_a_stalled_issuer_holds_up_nobody_else(town: City) -> None:
    at, issuer, calm = _door(town, "stalled"), town.issuers["stalled"], _door(town, "calm")
    assert (await _call(calm)).status == 200
    issuer.may_answer.clear()
    issuer.was_asked.clear()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_call(at))
        await issuer.was_asked.wait()
        others = [await _call(calm, calm.good(jti=f"calm-{number}")) for number in range(20)]
        is_waiting = not waiting.done()
        issuer.may_answer.set()

    assert is_waiting
    assert {answer.status for answer in others} == {200}
    assert waiting.result().status == 200


async def test_k16_an_issuer_that_was_removed_from_a_tenant_is_believed_no_longer(
    town: City,
) -> None:
    at, by_other = _door(town, "left"), door(town, "left", issuer="calm")
    assert (await _call(at)).status == (await _call(by_other)).status == 200
    path = town.gateway.directory / "state" / "registry.db"
    registry = await Registry.open(f"sqlite+aiosqlite:///{path}")
    try:
        tenants = dict((await registry.load()).tenants)
        tenant = tenants[Slug("left")]
        kept = tuple(each for each in tenant.issuers if each.issuer != at.tokens.issuer)
        tenants[Slug("left")] = replace(tenant, issuers=kept)
        await registry.replace_tenants(tenants)
    finally:
        await registry.close()

    async def is_refused() -> bool:
        return (await _call(at)).status == 401

    await eventually(is_refused, 2.0)
    assert (await town.audited(await _call(at)))["reason"] == "unknown_issuer"
    assert (await _call(by_other)).status == 200
    assert (await _call(_door(town, "calm"))).status == 200
