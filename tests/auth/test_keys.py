import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from auth.errors import InvalidToken, IssuerUnavailable, TokenFault
from auth.keys import KeyRing
from auth.policy import IssuerPolicy
from tests.auth.certificates import Authority
from tests.auth.scripted_issuer import (
    DISCOVERY_PATH,
    JWKS_PATH,
    Clock,
    ScriptedIssuer,
    egress,
    fetching,
    running_issuer,
    says,
)
from tests.auth.test_addresses import grant


class Scene:
    """An issuer with the key `one`, a ring that asks it, and the ring's clock."""

    def __init__(self, issuer: ScriptedIssuer, ring: KeyRing, clock: Clock) -> None:
        self.issuer = issuer
        self.ring = ring
        self.clock = clock

    @property
    def fetches(self) -> int:
        return self.issuer.asked[JWKS_PATH]

    async def passes(self, kid: str | None = "one") -> bool:
        """Whether a token with this key would be believed; anything but yes and 401 is raised."""
        try:
            await self.ring.key(kid, "ES256")
        except InvalidToken as refused:
            if refused.fault is not TokenFault.UNKNOWN_KEY:
                raise
            return False
        return True

    async def until_asked_again(self, count: int) -> None:
        while self.fetches < count:
            self.issuer.was_asked.clear()
            await self.issuer.was_asked.wait()

    async def settled(self) -> None:
        """Wait for the flight that is under way, if there is one."""
        if self.ring._flight is not None:  # noqa: SLF001 - the end of a background fetch
            await asyncio.wait({self.ring._flight})  # noqa: SLF001


@asynccontextmanager
async def scene(
    *, timeout_s: float = 5, ca_file: str | None = None, ssl: Any = None, **policy: Any
) -> AsyncIterator[Scene]:
    clock = Clock()
    async with (
        asyncio.timeout(10),
        running_issuer(ssl=ssl) as issuer,
        fetching(timeout_s=timeout_s, ca_file=ca_file) as fetcher,
        asyncio.TaskGroup() as tasks,
    ):
        issuer.add_key("one")
        ring = KeyRing(
            IssuerPolicy(issuer=issuer.url, **policy),
            fetcher,
            tasks=tasks,
            clock=clock,
            spread=lambda: 0.5,
        )
        yield Scene(issuer, ring, clock)
        issuer.may_answer.set()
        await ring.close()


async def test_the_key_that_a_token_names_is_had_from_the_issuer() -> None:
    async with scene() as s:
        key = await s.ring.key("one", "ES256")

        assert (key.kid, key.alg) == ("one", "ES256")
        assert isinstance(key.key, EllipticCurvePublicKey)
        assert key.key == s.issuer.keys["one"].public_key()
        assert s.ring.is_usable
        assert s.ring.age_s == 0
        assert s.ring.fault is None


async def test_a_key_that_is_known_costs_no_fetch_and_does_not_suspend() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        coroutine = s.ring.key("one", "ES256")
        with pytest.raises(StopIteration):
            coroutine.send(None)

        assert s.fetches == 1


async def test_a_key_for_another_algorithm_is_unknown_and_asks_nobody() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        with pytest.raises(InvalidToken):
            await s.ring.key("one", "RS256")

        assert s.fetches == 1


async def test_a_token_without_kid_is_refused_by_default() -> None:
    async with scene() as s:
        assert not await s.passes(None)
        assert s.fetches == 1


async def test_a_token_without_kid_needs_permission_and_a_single_key() -> None:
    async with scene(allow_missing_kid=True) as s:
        assert await s.passes(None)
        s.issuer.add_key("two")
        s.clock.now += 700
        assert not await s.passes(None)


async def test_the_version_grows_when_the_keys_change_and_only_then() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        first = s.ring.version
        s.clock.now += 700
        await s.ring.prefetch()
        assert (s.fetches, s.ring.version) == (2, first)

        s.issuer.add_key("two")
        s.clock.now += 700
        await s.ring.prefetch()
        assert s.ring.version > first


@pytest.mark.parametrize(
    "change",
    [lambda url: url + "/", lambda url: url.upper(), lambda _url: "https://other.example"],
    ids=["K01-slash", "K01-case", "K01-other"],
)
async def test_k01_another_issuers_document_makes_the_issuer_unavailable(change: Any) -> None:
    async with scene() as s:
        s.issuer.answers[DISCOVERY_PATH] = says(s.issuer.metadata(issuer=change(s.issuer.url)))
        with pytest.raises(IssuerUnavailable):
            await s.passes()

        assert "another issuer" in (s.ring.fault or "")
        assert not s.ring.is_usable


@pytest.mark.parametrize(
    "target", ["https://other.example/", "http://169.254.169.254/", "/other"], ids="K02-{}".format
)
@pytest.mark.parametrize("path", [DISCOVERY_PATH, JWKS_PATH])
async def test_k02_a_redirect_makes_the_issuer_unavailable(path: str, target: str) -> None:
    async with scene() as s:
        s.issuer.answers[path] = says({}, status=302, headers={"Location": target})
        with pytest.raises(IssuerUnavailable):
            await s.passes()

        assert "/other" not in s.issuer.asked


async def test_k03_a_jwks_uri_that_leads_elsewhere_later_is_refused_and_the_keys_stay() -> None:
    async with scene() as s:
        assert await s.passes()
        elsewhere = s.issuer.metadata(jwks_uri="http://10.0.0.1/jwks")
        s.issuer.answers[DISCOVERY_PATH] = says(elsewhere)
        s.clock.now += 3601
        with pytest.raises(IssuerUnavailable):
            await s.passes()

        assert "jwks_hosts" in (s.ring.fault or "")


async def test_a_refused_destination_tells_operators_the_grant_that_is_missing() -> None:
    async with running_issuer() as issuer, fetching(egress(grant("10.0.0.0/8"))) as fetcher:
        async with asyncio.TaskGroup() as tasks:
            ring = KeyRing(IssuerPolicy(issuer=issuer.url), fetcher, tasks=tasks)
            await ring.prefetch()

        assert "cidr: 127.0.0.1/32" in (ring.fault or "")


async def test_k05_a_flood_of_unknown_kids_is_one_fetch_in_30_s_and_all_401() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        answers = await asyncio.gather(*(s.passes(f"random-{n}") for n in range(1000)))

        assert not any(answers)
        assert s.fetches == 2
        s.clock.now += 29
        assert not await s.passes("again")
        assert s.fetches == 2
        s.clock.now += 1
        assert not await s.passes("again")
        assert s.fetches == 3


async def test_k05_good_tokens_do_not_wait_for_the_fetch_of_an_unknown_kid() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        s.issuer.may_answer.clear()
        async with asyncio.TaskGroup() as callers:
            unknown = callers.create_task(s.passes("unknown"))
            await s.until_asked_again(2)

            assert await s.passes("one")
            assert not unknown.done()
            s.issuer.may_answer.set()


async def test_k05_a_caller_that_goes_away_neither_stops_nor_repeats_the_fetch() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        s.issuer.may_answer.clear()
        async with asyncio.TaskGroup() as callers:
            for number in range(20):
                leaving = callers.create_task(s.passes(f"random-{number}"))
                await s.until_asked_again(2)
                leaving.cancel()
            s.issuer.may_answer.set()
        await s.settled()

        assert s.fetches == 2


async def test_k06_a_fetch_that_fails_during_a_flood_evicts_nothing() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        s.issuer.is_down = True
        for number in range(100):
            with pytest.raises(IssuerUnavailable):
                await s.passes(f"random-{number}")

        assert await s.passes("one")
        # A pooled connection that is found cut is replaced once by the client.
        assert s.fetches <= 3


@pytest.mark.parametrize(
    "broken",
    [{}, {"keys": []}, {"keys": None}, {"keys": [{"kty": "oct", "k": "AAAA"}]}, [], b"<html>"],
    ids=lambda body: f"K06-{body!r}",
)
async def test_k06_a_document_that_is_no_key_set_leaves_the_last_good_one(broken: Any) -> None:
    async with scene() as s:
        await s.ring.prefetch()
        s.issuer.answers[JWKS_PATH] = says(broken)
        s.clock.now += 700
        assert await s.passes("one")

        assert s.ring.fault is not None


async def test_k08_known_keys_work_for_an_hour_of_outage_and_then_no_longer() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        s.issuer.is_down = True
        for _ in range(36):
            s.clock.now += 100
            assert await s.passes("one")
            await s.settled()
        assert s.ring.age_s == 3600

        s.clock.now += 1
        with pytest.raises(IssuerUnavailable):
            await s.passes("one")
        assert not s.ring.is_usable

        s.issuer.is_down = False
        s.clock.now += 30
        assert await s.passes("one")
        assert s.ring.fault is None


async def test_k08_during_an_outage_calls_do_not_wait_for_the_issuer() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        s.issuer.is_down = True
        s.clock.now += 700
        assert await s.passes("one")
        s.issuer.is_down = False
        s.issuer.may_answer.clear()
        s.clock.now += 30

        with pytest.raises(StopIteration):
            s.ring.key("one", "ES256").send(None)
        s.issuer.may_answer.set()
        await s.settled()
        assert s.ring.fault is None


async def test_k09_a_cold_start_with_the_issuer_down_is_unavailable_and_asks_little() -> None:
    async with scene() as s:
        s.issuer.is_down = True
        outcomes = await asyncio.gather(*(s.passes() for _ in range(1000)), return_exceptions=True)
        assert all(isinstance(outcome, IssuerUnavailable) for outcome in outcomes)
        with pytest.raises(IssuerUnavailable):
            await s.passes()
        asked = s.issuer.asked.total()

        s.issuer.is_down = False
        s.clock.now += 2
        assert await s.passes()
        assert asked <= 2  # an idempotent request may be repeated once on a fresh connection


async def test_k10_a_new_key_passes_at_its_first_token_after_one_fetch() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        s.clock.now += 1
        s.issuer.add_key("two")
        answers = await asyncio.gather(*(s.passes("two") for _ in range(100)))

        assert all(answers)
        assert s.fetches == 2


async def test_k10_a_withdrawn_key_dies_within_ten_minutes_even_without_traffic() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        del s.issuer.keys["one"]
        s.issuer.add_key("two")
        s.clock.now += 601

        assert not await s.passes("one")


async def test_k10_a_set_older_than_five_minutes_is_renewed_behind_the_calls_back() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        del s.issuer.keys["one"]
        s.issuer.add_key("two")
        s.clock.now += 301

        assert await s.passes("one")
        await s.settled()
        assert not await s.passes("one")


@pytest.mark.parametrize(("number", "due"), [(0.0, 270), (0.5, 300), (0.999999, 330)])
async def test_the_renewal_is_spread_by_ten_percent(number: float, due: int) -> None:
    async with scene() as s:
        s.ring._spread = lambda: number  # noqa: SLF001
        await s.ring.prefetch()
        s.clock.now += due - 1
        await s.ring.prefetch()
        assert s.fetches == 1
        s.clock.now += 1
        await s.ring.prefetch()
        await s.settled()

        assert s.fetches == 2


async def test_k11_purged_keys_do_not_come_back_when_the_issuer_is_down() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        before = s.ring.version
        s.issuer.is_down = True
        s.ring.purge()

        assert s.ring.version > before
        with pytest.raises(IssuerUnavailable):
            await s.passes("one")


async def test_k11_what_was_fetched_before_the_purge_is_not_believed_after_it() -> None:
    async with scene() as s:
        s.issuer.may_answer.clear()
        async with asyncio.TaskGroup() as callers:
            caller = callers.create_task(s.passes("one"))
            await s.issuer.was_asked.wait()
            s.ring.purge()
            del s.issuer.keys["one"]
            s.issuer.add_key("two")
            s.issuer.may_answer.set()

        assert not caller.result()
        assert await s.passes("two")


async def test_k13_keys_left_out_are_told_for_an_alert() -> None:
    async with scene() as s:
        s.issuer.extra_keys.append({"kty": "oct", "k": "c2VjcmV0", "kid": "secret"})
        assert await s.passes("one")

        assert s.ring.ignored_keys == ("keys[1]: private or symmetric",)


async def test_k14_a_thousand_verifications_and_one_renewal_are_one_fetch() -> None:
    async with scene() as s:
        s.issuer.may_answer.clear()
        async with asyncio.TaskGroup() as callers:
            tasks = [callers.create_task(s.passes("one")) for _ in range(1000)]
            await s.issuer.was_asked.wait()
            s.issuer.may_answer.set()

        assert all(task.result() for task in tasks)
        assert s.fetches == 1


async def test_k14_a_set_is_replaced_whole() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        seen: set[tuple[bool, bool]] = set()
        s.issuer.keys.clear()
        s.issuer.add_key("two")
        s.clock.now += 301
        for _ in range(1000):
            keys = s.ring._keys  # noqa: SLF001
            seen.add(("one" in keys, "two" in keys))
            await s.ring.prefetch()
            await asyncio.sleep(0)
        await s.settled()
        seen.add(("one" in s.ring._keys, "two" in s.ring._keys))  # noqa: SLF001

        assert seen == {(True, False), (False, True)}


async def test_k15_an_issuer_that_stalls_does_not_hold_up_the_loop() -> None:
    async with scene(timeout_s=0.3) as s:
        s.issuer.may_answer.clear()
        loop = asyncio.get_running_loop()
        longest = 0.0
        async with asyncio.TaskGroup() as callers:
            stalled = callers.create_task(s.ring.prefetch())
            while not stalled.done():
                before = loop.time()
                await asyncio.sleep(0)
                longest = max(longest, loop.time() - before)

        assert longest < 0.1
        assert s.ring.fault is not None


async def test_k16_a_closed_ring_has_no_keys_and_asks_for_none() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        await s.ring.close()
        with pytest.raises(IssuerUnavailable):
            await s.passes("one")

        assert s.fetches == 1


async def test_k18_a_certificate_gone_bad_leaves_the_last_good_keys(tmp_path: Path) -> None:
    authority = Authority()
    context = authority.server_context(tmp_path, "127.0.0.1")
    async with scene(ssl=context, ca_file=authority.write(tmp_path)) as s:
        s.issuer.answers[JWKS_PATH] = _closing(s.issuer)
        await s.ring.prefetch()
        authority.server_context(tmp_path, "127.0.0.1", is_expired=True)
        context.load_cert_chain(tmp_path / "server.pem")
        s.clock.now += 700
        assert await s.passes("one")

        assert "Certificate" in (s.ring.fault or "")


def _closing(issuer: ScriptedIssuer) -> Any:
    async def answer(_request: web.Request) -> web.StreamResponse:
        response = web.json_response(issuer.key_set())
        response.force_close()  # so that the next fetch shakes hands again
        return response

    return answer


async def test_the_metadata_is_the_issuers_own_document() -> None:
    async with scene() as s:
        assert await s.ring.metadata() == s.issuer.metadata()
        await s.ring.metadata()

        assert s.issuer.asked[DISCOVERY_PATH] == 1


async def test_metadata_that_was_never_had_is_unavailable() -> None:
    async with scene() as s:
        s.issuer.is_down = True
        with pytest.raises(IssuerUnavailable):
            await s.ring.metadata()


async def test_keys_that_moved_are_found_by_discovering_anew() -> None:
    async with scene() as s:
        await s.ring.prefetch()
        s.issuer.answers[JWKS_PATH] = says({}, status=404)
        s.issuer.answers["/moved"] = says(s.issuer.key_set())
        moved = s.issuer.metadata(jwks_uri=s.issuer.url + "/moved")
        s.issuer.answers[DISCOVERY_PATH] = says(moved)
        for _ in range(2):
            s.clock.now += 700
            await s.ring.prefetch()
            await s.settled()

        assert s.ring.fault is None
        assert s.issuer.asked["/moved"] == 1


async def test_a_surprise_while_fetching_is_a_fault_and_ends_nothing_else() -> None:
    async with scene() as s:

        async def surprise(*_args: Any, **_options: Any) -> Any:
            raise ZeroDivisionError("secret detail")

        s.ring._fetcher.fetch_json = surprise  # type: ignore[method-assign] # noqa: SLF001
        with pytest.raises(IssuerUnavailable):
            await s.passes()

        assert s.ring.fault == "ZeroDivisionError"
