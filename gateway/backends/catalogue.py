"""What a backend offers, collected over all pages and kept as the bytes that came.

Rules
1. Only what the backend's capabilities name is asked for; -32601 for a list means an empty one.
2. Bounds: tools, bytes of one definition, bytes of everything, pages. A list that exceeds a bound
   or whose cursor comes again ends there, and `faults` says so.
3. A definition without a name, over its bound, or the second of its name is left out.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from gateway.backends.limits import BackendLimits
from gateway.errors import BackendRefused, OutcomeUnknown
from gateway.protocol.methods import ITEM_KEY, LIST_MEMBER
from gateway.protocol.raw_json import read_array, read_object, read_string

METHOD_NOT_FOUND = -32601

CAPABILITY: Mapping[str, str] = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resources",
}
"""The capability without which a list is not asked for."""

Ask = Callable[[str, dict[str, bytes]], Awaitable[bytes]]
"""Asks the backend for one page: method and params to raw result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that a backend offers, in its own order, each definition raw.

    `collected_at` is on the peer's clock.
    """

    tools: tuple[bytes, ...] = ()
    prompts: tuple[bytes, ...] = ()
    resources: tuple[bytes, ...] = ()
    templates: tuple[bytes, ...] = ()
    collected_at: float = 0
    faults: tuple[str, ...] = ()

    def offers(self, other: "Catalogue") -> bool:
        """Whether this one has just what `other` has."""
        return (self.tools, self.prompts, self.resources, self.templates) == (
            other.tools,
            other.prompts,
            other.resources,
            other.templates,
        )


@dataclass(slots=True)
class _Collection:
    """One catalogue in the making."""

    limits: BackendLimits
    size: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, entries: dict[str, bytes], method: str, item: bytes) -> None:
        name = read_string((read_object(item) or {}).get(ITEM_KEY[method]))
        if not name or name in entries or len(item) > self.limits.schema_bytes:
            self.faults.append(f"{method}: a definition was left out")
            return
        entries[name] = item
        self.size += len(item)

    def is_full(self, entries: dict[str, bytes]) -> bool:
        limits = self.limits
        return len(entries) >= limits.tools or self.size >= limits.catalogue_bytes


async def collect(
    ask: Ask, *, capabilities: bytes, limits: BackendLimits, now: float, backend: str
) -> Catalogue:
    """Collect a backend's whole catalogue.

    Raises:
        BackendFailure: a list could not be had.
    """
    offered = read_object(capabilities) or {}
    collection = _Collection(limits)
    lists = {}
    for method, capability in CAPABILITY.items():
        entries: dict[str, bytes] = {}
        if capability in offered:
            await _collect_list(ask, method, collection, entries, backend)
        lists[method] = tuple(entries.values())
    return Catalogue(
        tools=lists["tools/list"],
        prompts=lists["prompts/list"],
        resources=lists["resources/list"],
        templates=lists["resources/templates/list"],
        collected_at=now,
        faults=tuple(dict.fromkeys(collection.faults)),
    )


async def _collect_list(
    ask: Ask, method: str, collection: _Collection, entries: dict[str, bytes], backend: str
) -> None:
    cursors: set[bytes] = set()
    cursor: bytes | None = None
    for _ in range(collection.limits.pages):
        page = await _page(ask, method, cursor, backend)
        for item in page.items:
            if collection.is_full(entries):
                collection.faults.append(f"{method}: too much for one backend")
                return
            collection.add(entries, method, item)
        cursor = page.next_cursor
        if cursor is None:
            return
        if cursor in cursors:
            collection.faults.append(f"{method}: the cursor came again")
            return
        cursors.add(cursor)
    collection.faults.append(f"{method}: too many pages")


@dataclass(frozen=True, slots=True)
class _Page:
    items: list[bytes]
    next_cursor: bytes | None


async def _page(ask: Ask, method: str, cursor: bytes | None, backend: str) -> _Page:
    params = {} if cursor is None else {"cursor": cursor}
    try:
        members = read_object(await ask(method, params)) or {}
    except BackendRefused as refusal:
        if refusal.code != METHOD_NOT_FOUND:
            raise
        return _Page([], None)
    items = read_array(members.get(LIST_MEMBER[method], b"null"))
    if items is None:
        raise OutcomeUnknown(backend, "the backend's list is not one")
    next_cursor = members.get("nextCursor", b"null")
    # MCP: an absent cursor is the end, and an empty string is not.
    return _Page(items, next_cursor if read_string(next_cursor) is not None else None)
