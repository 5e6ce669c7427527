"""Conversations in both eras: what the server offers, how it refuses, how fast it is."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from gateway.backends.catalogue import CAPABILITY
from gateway.check import trials
from gateway.check.answer import Answer
from gateway.check.asked import SESSION_HEADER, Json, Talk, initialize
from gateway.check.observations import EraSeen, ListSeen, Observations
from gateway.check.trials import Trial
from gateway.check.wire import Wire
from gateway.protocol.revisions import LATEST_MODERN, LEGACY, MODERN, is_at_least

PAGES = 10
PINGS = 5
LISTEN_S = 2.0
BATCHING = "2025-03-26"
VERSION_HEADER_SINCE = "2025-06-18"

_TEMPLATE_VARIABLE = re.compile(r"\{[+#./;?&]?([A-Za-z0-9_.]+)")
_HOPELESS = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool that the check is allowed to call, once."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


async def find_modern(wire: Wire, seen: Observations) -> None:
    """Ask for a description in the modern era."""
    talk = Talk(revision=LATEST_MODERN)
    seen.discovery = await wire.send(talk.ask("server/discover"))
    versions = (seen.discovery.result or {}).get("supportedVersions")
    if isinstance(versions, list) and any(each in MODERN for each in versions):
        seen.modern = EraSeen(talk, seen.discovery)


async def find_legacy(wire: Wire, seen: Observations) -> None:
    """Shake hands in every legacy revision; the newest that is agreed on is talked in."""
    for revision in reversed(LEGACY):
        answer = await wire.send(initialize(revision))
        seen.handshakes[revision] = answer
        talk = agreed(answer)
        if talk is not None and (seen.legacy is None or talk.revision == revision):
            seen.legacy = seen.legacy or EraSeen(talk, answer)
        elif answer.status in _HOPELESS or answer.fault:
            return
    if seen.legacy is not None:
        seen.impossible_handshake = await wire.send(initialize(LATEST_MODERN))


def agreed(answer: Answer) -> Talk | None:
    """The conversation that a handshake began, if it did."""
    revision = (answer.result or {}).get("protocolVersion")
    if revision not in LEGACY:
        return None
    return Talk(revision=str(revision), session=answer.header(SESSION_HEADER))


async def probe_modern(wire: Wire, era: EraSeen, call: ToolCall | None) -> None:
    """Ask everything of the modern era."""
    await _ask_lists(wire, era)
    await _ask_methods(wire, era)
    wanted = {"notifications": {"toolsListChanged": True}}
    listen = era.talk.ask("subscriptions/listen", wanted, reads_s=LISTEN_S)
    era.listening = await wire.send(listen)
    await _try_all(wire, era, trials.MODERN_TRIALS)
    await _call(wire, era, call)
    for _ in range(PINGS):
        era.pings.append(await wire.send(era.talk.ask("server/discover")))


async def probe_legacy(wire: Wire, seen: Observations, era: EraSeen, call: ToolCall | None) -> None:
    """Ask everything of the legacy era, then end the session."""
    await _try_all(wire, era, (trials.INITIALIZED, trials.GET_STREAM))
    for _ in range(PINGS):
        era.pings.append(await wire.send(era.talk.ask("ping")))
    await _ask_lists(wire, era)
    await _ask_methods(wire, era)
    if era.can("logging"):
        era.methods.append(await wire.send(era.talk.ask("logging/setLevel", {"level": "warning"})))
    await _call(wire, era, call)
    await _try_all(wire, era, _legacy_trials(seen, era))
    await _try_batch(wire, seen, era)
    await _try_end(wire, era)


def _legacy_trials(seen: Observations, era: EraSeen) -> Iterator[Trial]:
    yield from trials.LEGACY_TRIALS
    if is_at_least(era.talk.revision, VERSION_HEADER_SINCE):
        yield from trials.VERSION_HEADER_TRIALS
        yield trials.NO_BATCH
        if _batching(seen) is not None:
            yield trials.NO_VERSION_HEADER
    if era.talk.session is not None:
        yield from trials.SESSION_TRIALS


def _batching(seen: Observations) -> Talk | None:
    answer = seen.handshakes.get(BATCHING)
    talk = agreed(answer) if answer is not None else None
    return talk if talk is not None and talk.revision == BATCHING else None


async def _try_batch(wire: Wire, seen: Observations, era: EraSeen) -> None:
    talk = _batching(seen)
    if talk is None:
        return
    await wire.send(talk.notify("notifications/initialized"))
    era.trials.append((trials.BATCH, await wire.send(trials.BATCH.build(talk))))


async def _try_end(wire: Wire, era: EraSeen) -> None:
    if era.talk.session is None:
        return
    ended = await wire.end(era.talk)
    era.trials.append((trials.DELETE, ended))
    if ended.is_success:
        after = trials.AFTER_DELETE
        era.trials.append((after, await wire.send(after.build(era.talk))))


async def _try_all(wire: Wire, era: EraSeen, wanted: Iterable[Trial]) -> None:
    for trial in wanted:
        if not trial.capability or era.can(trial.capability):
            era.trials.append((trial, await wire.send(trial.build(era.talk))))


async def _ask_lists(wire: Wire, era: EraSeen) -> None:
    for method, capability in CAPABILITY.items():
        if era.can(capability):
            era.lists[method] = ListSeen(method)
            await _read_pages(wire, era.talk, era.lists[method])
    paged = [m for m, each in era.lists.items() if len(each.pages) > 1 or each.has_more]
    await _try_all(wire, era, (trials.bad_cursor(method) for method in paged))


async def _read_pages(wire: Wire, talk: Talk, seen: ListSeen) -> None:
    params: Json = {}
    cursors: set[str] = set()
    while len(seen.pages) < PAGES:
        page = await wire.send(talk.ask(seen.method, params))
        seen.pages.append(page)
        cursor = (page.result or {}).get("nextCursor")
        if not isinstance(cursor, str) or not cursor:
            return
        if cursor in cursors:
            seen.is_loop = True
            return
        cursors.add(cursor)
        params = {"cursor": cursor}
    seen.has_more = True


async def _ask_methods(wire: Wire, era: EraSeen) -> None:
    if era.can("completions") and (params := _completable(era)):
        era.methods.append(await wire.send(era.talk.ask("completion/complete", params)))
    uri = next(_texts(era, "resources/list", "uri"), None)
    if uri is not None:
        era.methods.append(await wire.send(era.talk.ask("resources/read", {"uri": uri})))
    name = next(_texts(era, "prompts/list", "name", needs_nothing=True), None)
    if name is not None:
        era.methods.append(await wire.send(era.talk.ask("prompts/get", {"name": name})))


def _items(era: EraSeen, method: str) -> Iterator[Json]:
    if method in era.lists:
        yield from (each for each in era.lists[method].items if isinstance(each, dict))


def _texts(era: EraSeen, method: str, key: str, *, needs_nothing: bool = False) -> Iterator[str]:
    for item in _items(era, method):
        value = item.get(key)
        if isinstance(value, str) and not (needs_nothing and _required(item)):
            yield value


def _arguments(item: Json) -> list[Json]:
    arguments = item.get("arguments")
    return [a for a in arguments if isinstance(a, dict)] if isinstance(arguments, list) else []


def _required(item: Json) -> bool:
    return any(argument.get("required") for argument in _arguments(item))


def _completable(era: EraSeen) -> Json | None:
    """Something that can be completed: an argument of a prompt, a variable of a template."""
    for prompt in _items(era, "prompts/list"):
        for argument in _arguments(prompt):
            ref = {"type": "ref/prompt", "name": prompt.get("name")}
            return {"ref": ref, "argument": {"name": argument.get("name"), "value": ""}}
    for template in _texts(era, "resources/templates/list", "uriTemplate"):
        variable = _TEMPLATE_VARIABLE.search(template)
        if variable:
            ref = {"type": "ref/resource", "uri": template}
            return {"ref": ref, "argument": {"name": variable[1], "value": ""}}
    return None


async def _call(wire: Wire, era: EraSeen, call: ToolCall | None) -> None:
    if call is not None:
        params = {"name": call.name, "arguments": dict(call.arguments)}
        era.call = await wire.send(era.talk.ask("tools/call", params))
