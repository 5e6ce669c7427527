"""An issuer's keys change, or the issuer is gone: what a client notices of it."""

import asyncio

from tests.interop.branch_office import BranchOffice
from tests.rigs.caller import Caller
from tests.rigs.issuers import key_id
from tests.rigs.raw_http import Answer

TOOL = {"name": "order_total", "arguments": {"customer": "Ada Lovelace"}}
AT_ONCE = 8


async def _call(caller: Caller) -> Answer:
    return await caller.modern("tools/call", TOOL)


async def test_a_new_key_is_followed_without_an_error_to_anybody(office: BranchOffice) -> None:
    old = office.caller()
    assert (await _call(old)).status == 200

    office.issuer.rotate()
    new = [office.caller() for _ in range(AT_ONCE)]
    answers = await asyncio.gather(*(_call(caller) for caller in [old, *new]))

    assert {key_id(caller.token) for caller in new} != {key_id(old.token)}
    assert [answer.status for answer in answers] == [200] * (AT_ONCE + 1)
    assert all("131899" in answer.body.decode() for answer in answers)


async def test_a_session_outlives_the_key_that_it_was_opened_with(office: BranchOffice) -> None:
    old = office.caller()
    session = await old.open_session()

    office.issuer.rotate()
    answer = await office.caller().legacy(session, "tools/call", TOOL)

    assert "131899" in answer.body.decode()


async def test_without_the_issuer_known_keys_serve_and_unknown_ones_are_a_503(
    office: BranchOffice,
) -> None:
    known = office.caller()
    assert (await _call(known)).status == 200
    another_with_known_key = office.caller()
    office.issuer.rotate()
    unknown = office.caller()
    office.issuer.child.kill()

    served = await _call(known), await _call(another_with_known_key)
    refused = await _call(unknown)

    assert [answer.status for answer in served] == [200, 200]
    assert refused.status == 503
    assert refused.error["code"] == -31007
    assert refused.header("Retry-After") is not None
    assert refused.header("WWW-Authenticate") is None


async def test_a_key_that_was_withdrawn_opens_nothing_any_more(office: BranchOffice) -> None:
    withdrawn = office.caller()
    assert (await _call(withdrawn)).status == 200

    office.issuer.rotate(keep=False)
    # The first token with the new key makes the gateway look, and see that the old one is gone.
    new = await _call(office.caller())
    old = await _call(withdrawn)

    assert (new.status, old.status) == (200, 401)
