# ruff: noqa: TID251 - this is the one place that makes client sessions; all others ask it
"""The one way out: every outbound connection of the product is made by a session from here.

Rules: a session belongs to one tenant; a socket exists only for an address that the tenant may
reach (the check is at connect time, after DNS, for every address that is tried); before a byte
of a request is written the peer of the connection is checked again, with the URL's scheme. The
gateway's own listeners cannot be reached whatever is granted. No redirects, no proxies from the
environment, no cookies, no decompression; certificates are always verified.
"""

import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from contextvars import ContextVar

import aiohttp
from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection

from auth.addresses import PUBLIC_PORT, Address, EgressGrant, check_address, read_address, remedy
from auth.destinations import Destination, read_destination
from auth.errors import EgressRefused
from auth.own_listeners import Listeners, is_own_listener

__all__ = [
    "ConnectionRefused",
    "EgressGrant",
    "EgressGuard",
    "GuardedSession",
    "TenantEgress",
    "refusal_of",
]

GuardedSession = aiohttp.ClientSession
"""The name by which the other rooms speak of a session that came from here."""

CONNECT_TIMEOUT_S = 3.0
MAX_HEADER_BYTES = 8190
MAX_CHECKED = 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNSENT_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

# The scheme of the request that a connection is being made for; no scheme permits nothing.
_scheme: ContextVar[str] = ContextVar("egress_scheme", default="")


class ConnectionRefused(OSError):
    """The guard refused an address while connecting; aiohttp carries it in its own error."""

    def __init__(self, refusal: EgressRefused) -> None:
        super().__init__(errno.EACCES, str(refusal))
        self.refusal = refusal


def refusal_of(error: aiohttp.ClientError) -> EgressRefused | None:
    """The guard's refusal behind a failed request, if that is why it failed."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    return cause.refusal if isinstance(cause, ConnectionRefused) else None


class EgressGuard:
    """What the operator grants, for all tenants, and what all sessions share.

    `forbidden` gives the addresses of the gateway's own listeners as (address, port).
    `on_refused` is told of each refusal with the tenant; it must not block.
    """

    def __init__(
        self,
        grants: Sequence[EgressGrant] = (),
        *,
        forbidden: Callable[[], Listeners] = frozenset,
        resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
        on_refused: Callable[[str, EgressRefused], None] = lambda _tenant, _refusal: None,
    ) -> None:
        self._grants = tuple(grants)
        self._forbidden = forbidden
        self._resolver = resolver
        self._on_refused = on_refused
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    def for_tenant(self, slug: str) -> "TenantEgress":
        """The way out of one tenant."""
        own = tuple(grant for grant in self._grants if grant.is_for(slug))
        return TenantEgress(
            slug,
            own,
            forbidden=self._forbidden,
            resolver=self._resolver,
            on_refused=self._on_refused,
            tls=self._tls_context,
        )

    def _tls_context(self, ca_file: str | None) -> ssl.SSLContext:
        # One context costs 20 ms and 0.9 MB: shared by all that trust the same.
        context = self._contexts.get(ca_file)
        if context is None:
            context = ssl.create_default_context(cafile=ca_file)
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[ca_file] = context
        return context


class TenantEgress:
    """The way out of one tenant. Made by `EgressGuard.for_tenant`."""

    def __init__(
        self,
        tenant: str,
        grants: tuple[EgressGrant, ...],
        *,
        forbidden: Callable[[], Listeners],
        resolver: Callable[[], AbstractResolver],
        on_refused: Callable[[str, EgressRefused], None],
        tls: Callable[[str | None], ssl.SSLContext],
    ) -> None:
        self.tenant = tenant
        self._grants = grants
        self._forbidden = forbidden
        self._resolver = resolver
        self._on_refused = on_refused
        self._tls = tls
        self._checked: set[tuple[str, int, str]] = set()

    def check_url(self, url: str) -> None:
        """Refuse a URL by what it says, without resolving its name.

        Raises:
            EgressRefused: grammar, scheme, port or a literal address; `.remedy` is the grant.
        """
        destination = read_destination(url)
        if destination.address is None:
            self._check_name(destination)
        else:
            self.check_peer(destination.address, destination.port, destination.scheme)

    async def check_resolved(self, url: str) -> None:
        """Refuse a URL also by the addresses that its name has now. For registration.

        Raises:
            EgressRefused: as `check_url`, or one of the addresses is not allowed.
            OSError: the name cannot be resolved.
        """
        destination = read_destination(url)
        resolver = self._resolver()
        try:
            found = await resolver.resolve(destination.host, destination.port, socket.AF_UNSPEC)
        finally:
            await resolver.close()
        for each in found:
            self.check_peer(read_address(each["host"]), destination.port, destination.scheme)

    def check_peer(self, address: Address, port: int, scheme: str) -> None:
        """Refuse an address, a port and a scheme that this tenant may not connect to."""
        self._check_own_listeners(address, port)
        check_address(address, port=port, scheme=scheme, tenant=self.tenant, grants=self._grants)

    def client_session(
        self,
        *,
        limit: int = 100,
        ca_file: str | None = None,
        total_timeout_s: float | None = 300,
        idle_timeout_s: float | None = 60,
        keepalive_s: float = 15,
    ) -> GuardedSession:
        """A session whose every connection is guarded; the caller closes it.

        A redirect answer raises `aiohttp.ClientResponseError`; a refused address is an
        `aiohttp.ClientConnectorError` with the refusal inside (`refusal_of`).
        """
        connector = aiohttp.TCPConnector(
            resolver=_GuardedResolver(self, self._resolver()),
            socket_factory=self._open_socket,
            use_dns_cache=False,
            limit=limit,
            keepalive_timeout=keepalive_s,
            ssl=self._tls(ca_file),
        )
        return GuardedSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},
            skip_auto_headers=_UNSENT_HEADERS,
            timeout=aiohttp.ClientTimeout(
                total=total_timeout_s, sock_connect=CONNECT_TIMEOUT_S, sock_read=idle_timeout_s
            ),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            request_class=_guarded_request(self),
            middlewares=(_guard_exchange,),
        )

    def check_connection(self, host: str, port: int) -> None:
        """Refuse an address that a request under way is about to connect to."""
        try:
            self.check_peer(read_address(host), port, _scheme.get())
        except EgressRefused as refusal:
            self._on_refused(self.tenant, refusal)
            raise ConnectionRefused(refusal) from refusal
        if len(self._checked) >= MAX_CHECKED:
            self._checked.clear()
        self._checked.add((host, port, _scheme.get()))

    def check_reused(self, host: str, port: int) -> None:
        """As `check_connection`, for the peer of a connection that may have served before."""
        if (host, port, _scheme.get()) not in self._checked:
            self.check_connection(host, port)

    def _open_socket(self, info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        self.check_connection(str(address[0]), int(address[1]))
        return socket.socket(family=family, type=kind, proto=protocol)

    def _check_name(self, destination: Destination) -> None:
        scheme, port = destination.scheme, destination.port
        if (scheme, port) == ("https", PUBLIC_PORT):
            return
        if not any(grant.permits(port=port, scheme=scheme) for grant in self._grants):
            raise EgressRefused(
                "destination not allowed",
                remedy=remedy([f"ADDRESS-OF-{destination.host}/32"], port, scheme, self.tenant),
            )

    def _check_own_listeners(self, address: Address, port: int) -> None:
        if is_own_listener(address, port, self._forbidden()):
            raise EgressRefused("destination is this gateway itself")


class _GuardedResolver(AbstractResolver):
    """Drops addresses that would be refused anyway, so that the error says why."""

    def __init__(self, egress: TenantEgress, inner: AbstractResolver) -> None:
        self._egress = egress
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        allowed = []
        refused = None
        for found in await self._inner.resolve(host, port, family):
            try:
                self._egress.check_connection(found["host"], port)
                allowed.append(found)
            except ConnectionRefused as error:
                refused = error
        if refused is not None and not allowed:
            raise refused
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def _guarded_request(egress: TenantEgress) -> type[aiohttp.ClientRequest]:
    class GuardedRequest(aiohttp.ClientRequest):
        """Looks at who is really at the other end before it writes its first byte."""

        async def send(self, conn: Connection) -> aiohttp.ClientResponse:
            if conn.transport is None:
                raise aiohttp.ClientConnectionError("connection lost")
            host, port = conn.transport.get_extra_info("peername")[:2]
            try:
                egress.check_reused(host, port)
            except ConnectionRefused as error:
                raise aiohttp.ClientConnectorError(self.connection_key, error) from error
            return await super().send(conn)

    return GuardedRequest


async def _guard_exchange(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    # aiohttp connects in the requester's task or in tasks that copy its context.
    token = _scheme.set(request.url.scheme)
    try:
        response = await handler(request)
    finally:
        _scheme.reset(token)
    if response.status in _REDIRECTS:
        response.close()
        raise aiohttp.ClientResponseError(
            response.request_info, (), status=response.status, message="redirects are not followed"
        )
    return response
