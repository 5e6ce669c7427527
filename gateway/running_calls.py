"""The legacy calls that are under way, found by who started them, so that they can be cancelled.

Rule: a call is found by (tenant, session, request id) together. A cancellation that names another
one's call finds nothing and changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.backends.exchange import Exchange
from gateway.protocol.raw_json import read_value
from tenants.session_records import Session

CallKey = tuple[str, str, type[str] | type[int], str | int]


class RunningCalls:
    """Exchanges by the call that they serve; one client may use one id twice at a time."""

    def __init__(self) -> None:
        self._running: dict[CallKey, list[Exchange]] = {}

    @contextmanager
    def registered(self, session: Session, request_id: bytes, exchange: Exchange) -> Iterator[None]:
        """Have `exchange` found by the client's id while the block runs."""
        key = _key(session, request_id)
        self._running.setdefault(key, []).append(exchange)
        try:
            yield
        finally:
            running = self._running[key]
            running.remove(exchange)
            if not running:
                del self._running[key]

    async def cancel(self, session: Session, request_id: bytes) -> None:
        """Cancel what this session started under this id, if anything."""
        if not isinstance(read_value(request_id), str | int):
            return  # no id of JSON-RPC's
        for exchange in tuple(self._running.get(_key(session, request_id), ())):
            await exchange.cancel()


def _key(session: Session, request_id: bytes) -> CallKey:
    # Decoded, because one string has several spellings; 1, "1" and true stay different.
    value = read_value(request_id)
    return (session.owner.tenant, session.key, type(value), value)
