"""The backends of one endpoint, seen as one server: who they are, what they have, who owns what.

Rules:
 1. A backend that is down, slow or of another era leaves the others listed; it is named as absent.
 2. A list costs at most `LIST_BUDGET_S`, whatever a backend does; a backend that owes an answer
    for longer than that costs the next list nothing. What it had before is listed, and it is named
    as stale: it is slow, and may serve calls all the same.
 3. Calls are routed by what is known; an unknown name makes the lists fresh once, and only then is
    it unknown.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, NoReturn

from gateway.backends.catalogue import Catalogue
from gateway.backends.description import BackendDescription
from gateway.backends.peer import BackendPeer
from gateway.errors import (
    BackendFailure,
    BackendRefused,
    BackendTimeout,
    BackendUnavailable,
    EraImpossible,
    RateLimited,
    UnknownPrompt,
    UnknownResource,
    UnknownTool,
)
from gateway.protocol.names import (
    Hidden,
    NameTable,
    Shown,
    build_name_table,
    build_uri_table,
    split,
)
from gateway.protocol.param_headers import ParamHeader, find_param_headers
from gateway.protocol.raw_json import read_object, read_value
from gateway.protocol.revisions import Era
from gateway.uri_templates import UriTemplate
from observability import events
from observability.logs import get_logger

LIST_BUDGET_S = 5.0
FRESH_S = 5.0
RELIST_S = 1.0
"""How old lists may be when they are asked for, and when a name is not found in them."""

MAX_TOLD_CHARS = 128
"""How much of a name that nobody has is repeated; names of tools are no longer (MCP, tools)."""

Kind = Literal["tools", "prompts"]


@dataclass(frozen=True, slots=True)
class Present:
    """A backend that answers, and what it has."""

    peer: BackendPeer
    description: BackendDescription
    catalogue: Catalogue
    stale_s: float | None = None
    """How old the catalogue is, where the backend owes a newer one."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A backend that cannot serve this client now, and why."""

    peer: BackendPeer
    failure: BackendFailure | RateLimited

    @property
    def reason(self) -> str:
        """The stable code of the failure."""
        return self.failure.reason

    @property
    def refusal(self) -> BackendFailure | RateLimited:
        """What a request that needs this backend fails with; nothing of it was sent."""
        failure = self.failure
        if isinstance(failure, BackendUnavailable | EraImpossible | BackendRefused | RateLimited):
            return failure.with_traceback(None)  # it is kept: no frames of callers with it
        return BackendUnavailable(self.peer.name, f"the backend is absent: {self.reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Everything that an endpoint shows to the clients of one era."""

    present: tuple[Present, ...]
    absent: tuple[Absent, ...]
    tools: NameTable
    prompts: NameTable
    resources: NameTable
    templates: NameTable
    param_headers: Mapping[str, Sequence[ParamHeader]] = field(default_factory=dict)

    @property
    def absent_names(self) -> list[str]:
        """The backends that this client cannot use now."""
        return [absent.peer.name for absent in self.absent]

    def check_any_present(self) -> None:
        """Raise the first failure when no backend is left to speak for the endpoint."""
        if self.absent and not self.present:
            raise self.absent[0].refusal

    def check_none_is_out(self) -> None:
        """Raise the failure of the first backend that is out of order, if one is."""
        for absent in self.absent:
            if not isinstance(absent.failure, EraImpossible):
                raise absent.refusal


class EndpointBackends:
    """An ordered set of backends behind one URL."""

    def __init__(self, peers: Sequence[BackendPeer]) -> None:
        self._peers = {peer.name: peer for peer in peers}
        self._known: dict[Era, Listing] = {}
        self._told: dict[Era, frozenset[_Oddity]] = {}

    @property
    def peers(self) -> Iterable[BackendPeer]:
        """All of them, in order."""
        return self._peers.values()

    def peer(self, name: str) -> BackendPeer | None:
        """The backend of that registered name."""
        return self._peers.get(name)

    async def listing(self, era: Era, *, max_age_s: float = FRESH_S) -> Listing:
        """Ask every backend, at the same time, for what is older than `max_age_s`."""
        found = await asyncio.gather(*(_look(p, era, max_age_s) for p in self._peers.values()))
        present = tuple(one for one in found if isinstance(one, Present))
        absent = tuple(one for one in found if isinstance(one, Absent))
        known = self._known.get(era)
        if known is None or known.absent or not _is_same(known.present, present) or absent:
            known = self._known[era] = _build(list(self._peers), present, absent)
            self._tell_oddities(era, known)
        return replace(known, present=present) if _any_stale(present) else known

    def _tell_oddities(self, era: Era, listing: Listing) -> None:
        """Log names that are not shown, or not as they are, when they come up."""
        oddities = frozenset(_oddities(listing))
        for oddity in sorted(oddities - self._told.get(era, frozenset())):
            get_logger().warning(
                oddity.event,
                tenant=self._peers[oddity.backend].tenant,
                backend=oddity.backend,
                name=oddity.name,
                why=oddity.why,
            )
        self._told[era] = oddities

    async def tool(self, era: Era, name: str) -> tuple[BackendPeer, Shown, Sequence[ParamHeader]]:
        """Find who has the tool that is shown as `name`.

        Raises:
            UnknownTool: nobody.
            BackendFailure: somebody may, but is absent.
        """
        peer, shown, listing = await self._named(era, "tools", name)
        return peer, shown, listing.param_headers.get(name, ())

    async def refuse_tool(self, era: Era, name: str) -> NoReturn:
        """Refuse a tool that is denied just as one that nobody has, after the same look.

        Raises:
            UnknownTool, BackendFailure: as `tool` does for a name that is not there.
        """
        _raise_unknown(await self.listing(era, max_age_s=RELIST_S), "tools", name)

    async def prompt(self, era: Era, name: str) -> tuple[BackendPeer, Shown]:
        """Find who has the prompt that is shown as `name`; raises as `tool` does."""
        peer, shown, _ = await self._named(era, "prompts", name)
        return peer, shown

    async def resource_owner(self, era: Era, uri: str) -> BackendPeer:
        """Find whose resource `uri` is: listed by it, or matched by one of its templates.

        A sole backend is asked about any URI: it alone knows which of them it serves.

        Raises:
            UnknownResource: nobody's.
            BackendFailure: nobody's who is present, and somebody is out of order.
        """
        if len(self._peers) == 1:
            return await self._sole(era)
        listing = self._known.get(era) or await self.listing(era)
        owner = _owner(listing, uri)
        if owner is None:
            listing = await self.listing(era, max_age_s=RELIST_S)
            owner = _owner(listing, uri)
        if owner is None:
            listing.check_any_present()
            listing.check_none_is_out()
            raise UnknownResource("Unknown resource")
        return self._peers[owner]

    async def _sole(self, era: Era) -> BackendPeer:
        peer = next(iter(self._peers.values()))
        await peer.in_era(era)
        return peer

    async def _named(self, era: Era, kind: Kind, name: str) -> tuple[BackendPeer, Shown, Listing]:
        known = self._known.get(era)
        if known is not None and (shown := getattr(known, kind).find(name)) is not None:
            return self._peers[shown.backend], shown, known
        listing = await self.listing(era, max_age_s=RELIST_S)
        shown = getattr(listing, kind).find(name)
        if shown is None:
            _raise_unknown(listing, kind, name)
        return self._peers[shown.backend], shown, listing


async def _look(peer: BackendPeer, era: Era, max_age_s: float) -> Present | Absent:
    try:
        async with asyncio.timeout(max(0.0, LIST_BUDGET_S - peer.waited_for_s)):
            face = await peer.in_era(era)
            description = await face.description()
            catalogue = await face.catalogue(max_age_s)
    except TimeoutError:
        return _slow(peer, era)
    except (BackendFailure, RateLimited) as failure:
        return Absent(peer, failure)
    if isinstance(face.catalogue_failure, BackendTimeout):
        return _slow(peer, era)
    # What is shown is what can be used now: a last good catalogue is no backend.
    if face.catalogue_failure is not None:
        return Absent(peer, face.catalogue_failure)
    return Present(peer, description, catalogue)


def _slow(peer: BackendPeer, era: Era) -> Present | Absent:
    """A backend that has not answered in time, with what is known of it from before."""
    face = peer.known_face(era)
    if face is None or face.known_description is None or face.last_catalogue is None:
        return Absent(peer, BackendTimeout(peer.name))
    catalogue = face.last_catalogue
    return Present(peer, face.known_description, catalogue, peer.age_of(catalogue))


def _any_stale(present: Iterable[Present]) -> bool:
    return any(one.stale_s is not None for one in present)


def _is_same(known: tuple[Present, ...], found: tuple[Present, ...]) -> bool:
    return len(known) == len(found) and all(
        old.description is new.description
        and (old.catalogue is new.catalogue or old.catalogue.offers(new.catalogue))
        for old, new in zip(known, found, strict=True)
    )


class _Oddity(NamedTuple):
    """A name of a backend's that is not shown as it is."""

    event: str
    backend: str
    name: str
    why: str


def _oddities(listing: Listing) -> Iterator[_Oddity]:
    for table in (listing.tools, listing.prompts, listing.resources, listing.templates):
        for entry in table.hidden:
            yield _Oddity(events.NAME_COLLIDED, entry.backend, entry.own_name or "", entry.why)
    for table in (listing.tools, listing.prompts):
        for shown in table.changed_names():
            why = f"shown as {shown.name}"
            yield _Oddity(events.NAME_SHORTENED, shown.backend, shown.own_name, why)


def _build(
    order: Sequence[str], present: tuple[Present, ...], absent: tuple[Absent, ...]
) -> Listing:
    catalogues = {one.peer.name: one.catalogue for one in present}
    tools = build_name_table(order, {name: c.tools for name, c in catalogues.items()})
    tools, param_headers = _checked(tools)
    return Listing(
        present=present,
        absent=absent,
        tools=tools,
        prompts=build_name_table(order, {name: c.prompts for name, c in catalogues.items()}),
        resources=build_uri_table(order, {name: c.resources for name, c in catalogues.items()}),
        templates=build_uri_table(
            order, {name: c.templates for name, c in catalogues.items()}, key="uriTemplate"
        ),
        param_headers=param_headers,
    )


def _checked(tools: NameTable) -> tuple[NameTable, Mapping[str, Sequence[ParamHeader]]]:
    """Drop tools whose header annotations are at odds; note the headers of the others."""
    fields: dict[str, Sequence[ParamHeader]] = {}
    faulty: dict[str, Hidden] = {}
    for shown in tools.shown:
        if b"x-mcp-header" not in shown.item:
            continue
        schema = (read_object(shown.item) or {}).get("inputSchema", b"{}")
        found = find_param_headers(read_value(schema))
        if found.fault is not None:
            faulty[shown.name] = Hidden(shown.backend, shown.own_name, found.fault)
        elif found.fields:
            fields[shown.name] = found.fields
    kept = tuple(shown for shown in tools.shown if shown.name not in faulty)
    hidden = (*tools.hidden, *faulty.values())
    return (tools if not faulty else NameTable(kept, hidden)), fields


def _owner(listing: Listing, uri: str) -> str | None:
    listed = listing.resources.find(uri)
    if listed is not None:
        return listed.backend
    for template in listing.templates.shown:
        if UriTemplate.parse(template.own_name).matches(uri):
            return template.backend
    return None


def _raise_unknown(listing: Listing, kind: Kind, name: str) -> NoReturn:
    prefix = split(name)
    for absent in listing.absent:
        if not listing.present or (prefix is not None and prefix[0] == absent.peer.name):
            raise absent.refusal
    told = name if len(name) <= MAX_TOLD_CHARS else f"{name[:MAX_TOLD_CHARS]}..."
    if kind == "tools":
        raise UnknownTool(f"Unknown tool: {told}")
    raise UnknownPrompt(f"Unknown prompt: {told}")
