"""P01: a node that leaves says a last word on the streams that would last for ever."""

import os
import signal

import pytest

from tests.gateway.core.caller import Caller
from tests.gateway.core.modern_rig import Station, subscribed
from tests.gateway.http.front import running_front
from tests.rigs.gateway import endpoint_url

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_p01_subscriptions_end_with_a_result_and_do_not_keep_the_node() -> None:
    async with running_front(limits={"drain_delay": 0.1, "drain": 30}) as front:
        station = Station(front.backend)
        caller = Caller(endpoint_url(front.gateway.public_url, "acme"), front.token())
        async with subscribed(caller, toolsListChanged=True) as (stream, _):
            os.kill(front.gateway.child.pid, signal.SIGTERM)
            answer = await stream.answer()
            await station.wires[0].client_is_gone()
        code = front.gateway.child.wait(10)

        assert answer.result["resultType"] == "complete"
        assert code == 0
