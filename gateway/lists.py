"""Answers to the list methods: what an endpoint shows to this caller, in pages.

Rules:
 1. The filter is the one decision that also judges calls (auth.access): denied means not listed.
 2. The order is the endpoint's order of backends, and each backend's own.
 3. A cursor is sealed to tenant, endpoint, principal and method; any other is invalid.
"""

from collections.abc import Iterator, Sequence

from auth.access import Deny
from gateway.admission import Admission
from gateway.endpoint_backends import Listing
from gateway.errors import InvalidParams
from gateway.introductions import absent_meta
from gateway.protocol.methods import LIST_MEMBER
from gateway.protocol.names import NameTable, Shown
from gateway.protocol.raw_json import read_string, write_array, write_object, write_value
from tenants.keyspace import framed
from tenants.seals import InvalidSeal, Seal

CURSOR_PURPOSE = "cursor"
CURSOR_LIFE_S = 3600.0
MAX_PAGE_BYTES = 256 * 1024
MAX_CURSOR_CHARS = 1024


class Lists:
    """Writes one page of a list."""

    def __init__(self, seal: Seal, *, max_page_bytes: int = MAX_PAGE_BYTES) -> None:
        self._seal = seal
        self._max_page_bytes = max_page_bytes

    def page(
        self, admission: Admission, listing: Listing, method: str, cursor: bytes | None
    ) -> bytes:
        """The raw result of a list method. `cursor` is raw JSON or None.

        Raises:
            InvalidParams: a cursor that was not made here, for this caller and list.
        """
        binding = _binding(admission, method)
        start = 0 if cursor is None else self._opened(cursor, binding)
        shown = list(_visible(admission, listing, method))
        items, end = self._cut(shown, start)
        members = {LIST_MEMBER[method]: write_array(items)}
        if end < len(shown):
            sealed = self._seal.seal(str(end).encode(), bound_to=binding)
            members["nextCursor"] = write_value(sealed)
        return write_object(members | absent_meta(listing))

    def _opened(self, cursor: bytes, binding: bytes) -> int:
        token = read_string(cursor)
        if token is None or len(token) > MAX_CURSOR_CHARS:
            raise InvalidParams("Invalid cursor")
        try:
            return int(self._seal.open(token, bound_to=binding, max_age_s=CURSOR_LIFE_S))
        except InvalidSeal as error:
            raise InvalidParams("Invalid cursor") from error

    def _cut(self, shown: Sequence[Shown], start: int) -> tuple[list[bytes], int]:
        items: list[bytes] = []
        size = 0
        for entry in shown[start:]:
            size += len(entry.item)
            if items and size > self._max_page_bytes:
                break
            items.append(entry.item)
        return items, start + len(items)


def _visible(admission: Admission, listing: Listing, method: str) -> Iterator[Shown]:
    table = _table(listing, method)
    if method != "tools/list":
        yield from table.shown
        return
    access = admission.endpoint.endpoint.access
    granted = admission.token.scopes
    for entry in table.shown:
        decision = access.decide(granted, method="tools/call", tool=entry.name)
        if not isinstance(decision, Deny):
            yield entry


def _table(listing: Listing, method: str) -> NameTable:
    tables = {
        "tools/list": listing.tools,
        "prompts/list": listing.prompts,
        "resources/list": listing.resources,
        "resources/templates/list": listing.templates,
    }
    return tables[method]


def _binding(admission: Admission, method: str) -> bytes:
    principal = admission.principal
    return framed(
        admission.tenant,
        admission.endpoint.endpoint.name,
        principal.issuer,
        principal.subject,
        principal.client_id,
        method,
    )
