"""Strangers at the door, and the old door itself."""

from dataclasses import replace

from gateway.check import trials
from gateway.check.asked import Asked, Talk, initialize
from gateway.check.location import is_loopback
from gateway.check.observations import Observations
from gateway.check.wire import Wire
from gateway.protocol.revisions import LATEST_LEGACY, LEGACY

DOOR_S = 2.0


async def probe_security(wire: Wire, seen: Observations) -> None:
    """Come from a foreign page, and under a foreign name where only this machine may call."""
    if not seen.eras:
        return
    asked = _harmless(seen)
    wanted = [trials.under("Origin", trials.FOREIGN_ORIGIN, trials.ORIGIN_VERDICTS, asked)]
    if is_loopback(seen.url):
        wanted.append(trials.under("Host", trials.FOREIGN_HOST, trials.HOST_VERDICTS, asked))
    for trial in wanted:
        answer = await wire.send(trial.build(seen.eras[0].talk))
        seen.security.append((trial, answer))


def _harmless(seen: Observations) -> Asked:
    if seen.modern is not None:
        return seen.modern.talk.ask("server/discover")
    return initialize(LATEST_LEGACY)


async def probe_door(wire: Wire, seen: Observations) -> None:
    """Look for the HTTP+SSE transport of 2024-11-05."""
    if seen.is_refused:
        return
    asked = Talk(revision=LEGACY[0]).plain("GET", where="GET of HTTP+SSE", reads_s=DOOR_S)
    seen.door = await wire.send(replace(asked, headers={"Accept": "text/event-stream"}))
