"""The view: this process's picture of the registry, and how old it may be.

Rules
- One poll of the registry, each second, for truth; one feed of hints, for speed. A hint only makes
  the next poll come sooner: it is never believed.
- Age counts on the monotonic clock from the *start* of the last poll that succeeded. Older than
  the lease, nothing may be admitted by it.
- The snapshot is replaced whole; nobody sees half of a change.
- A sequence never falls. A registry that knows less than we do has lost changes, revocations
  perhaps among them: the view is stale at once, the incarnation is moved (which ends every session)
  and everything is revoked (which covers whatever was lost). Losers adopt what the winner made.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from math import inf

from observability import events
from observability.logs import get_logger
from tenants.changes import Head
from tenants.errors import RegistryUnavailable, TenantError, ViewStale
from tenants.model import Snapshot
from tenants.registry import News, Picture, Registry
from tenants.revocation import Revocations

LOST_CHANGES = "the registry lost changes that were acknowledged"


class View:
    """What this process knows of tenants and revocations. Empty, and stale, until refreshed."""

    def __init__(
        self,
        registry: Registry,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        lease_s: float = 2.0,
        poll_s: float = 1.0,
        feed: AsyncIterator[tuple[str, int]] | None = None,
    ) -> None:
        self.snapshot = Snapshot(incarnation="", seq=0, tenants={})
        self.revocations = Revocations()
        self._registry = registry
        self._clock = clock
        self._now = now
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._feed = feed
        self._callbacks: list[Callable[[View], None]] = []
        self._renewed_at = -inf
        self._confirmed_at = inf
        self._hinted = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._begun = 0
        self._ended = 0
        self._failure: RegistryUnavailable | None = None

    @property
    def incarnation(self) -> str:
        """The history to which `seq` belongs; empty before the first refresh."""
        return self.snapshot.incarnation

    @property
    def seq(self) -> int:
        """The last change that is known here."""
        return self.snapshot.seq

    @property
    def age_s(self) -> float:
        """How long ago the registry last confirmed this picture; infinite when it never did."""
        return self._clock() - self._renewed_at

    def ensure_fresh(self) -> None:
        """Raise ViewStale when the picture is older than the lease."""
        if self._clock() - self._renewed_at > self._lease_s:
            raise ViewStale("the revocation view is older than its lease")

    def on_change(self, callback: Callable[["View"], None]) -> None:
        """Have `callback` called after each change, in the order of registration.

        `snapshot.tenants` is another object only when a tenant changed. A callback must not raise.
        """
        self._callbacks.append(callback)

    async def refresh(self) -> None:
        """Return when a poll that began after this call has ended; callers share one.

        Raises:
            RegistryUnavailable: that poll failed.
        """
        asked = self._begun
        async with self._one_at_a_time:
            if self._ended <= asked:
                await self._poll()
            if self._failure is not None:
                raise RegistryUnavailable(str(self._failure)) from self._failure

    async def run(self) -> None:
        """Keep the view fresh until cancelled. A failing registry is asked again and again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_feed())
            tasks.create_task(self._keep_polling())

    async def _keep_polling(self) -> None:
        while True:
            self._hinted.clear()
            with suppress(RegistryUnavailable):
                await self.refresh()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._hinted.wait()

    async def _follow_feed(self) -> None:
        if self._feed is None:
            return
        try:
            async for incarnation, seq in self._feed:
                if incarnation != self.incarnation or seq > self.seq:
                    self._hinted.set()
        except TenantError as error:
            # Nothing is lost but speed: the poll goes on.
            get_logger().warning(events.VIEW_REFRESH_FAILED, reason=error.reason, source="feed")

    async def _poll(self) -> None:
        self._begun += 1
        started, wall = self._clock(), self._now()
        try:
            await self._catch_up()
        except RegistryUnavailable as error:
            self._note_failure(error)
        else:
            self._renewed_at, self._confirmed_at = started, wall
            self._note_success()
        self._ended = self._begun

    async def _catch_up(self) -> None:
        known = Head(self.incarnation, self.seq)
        if not known.incarnation:
            self._adopt(await self._registry.picture())
            return
        news = await self._registry.news(known)
        if news.head.seq < known.seq:
            self._adopt(await self._repaired(known))
        elif news.head.incarnation != known.incarnation or _has_gap(news, known):
            self._adopt(await self._registry.picture())
        elif news.changes:
            self._follow(news)

    async def _repaired(self, known: Head) -> Picture:
        picture = await self._registry.picture()
        found = picture.snapshot.incarnation
        # Everything was revoked after we last heard: another process saw the loss before us.
        is_repaired = picture.revocations.global_cut >= self._confirmed_at
        if found != known.incarnation and is_repaired:
            return picture
        self._renewed_at = -inf
        await self._registry.move_incarnation(found, revoking_all=LOST_CHANGES)
        raise RegistryUnavailable(LOST_CHANGES)

    def _adopt(self, picture: Picture) -> None:
        self.snapshot, self.revocations = picture.snapshot, picture.revocations
        self._tell()

    def _follow(self, news: News) -> None:
        tenants = self.snapshot.tenants
        if news.tenants:
            merged = {**tenants, **news.tenants}
            tenants = {slug: tenant for slug, tenant in merged.items() if tenant is not None}
        self.snapshot = Snapshot(
            incarnation=news.head.incarnation, seq=news.head.seq, tenants=tenants
        )
        self.revocations = self.revocations.applying(news.changes)
        self._tell()
        for change in news.changes:
            if change.scope is not None:
                get_logger().info(
                    events.REVOCATION_APPLIED,
                    seq=change.seq,
                    kind=change.kind,
                    scope=change.scope.kind,
                    tenant=change.scope.tenant or "",
                )

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback(self)

    def _note_failure(self, error: RegistryUnavailable) -> None:
        if self._failure is None:
            get_logger().error(events.VIEW_REFRESH_FAILED, reason=error.reason, cause=str(error))
        self._failure = error

    def _note_success(self) -> None:
        if self._failure is not None:
            get_logger().info(events.VIEW_REFRESHED, seq=self.seq)
        self._failure = None


def _has_gap(news: News, known: Head) -> bool:
    # Old rows are dropped; who slept for longer than they are kept begins anew.
    return len(news.changes) != news.head.seq - known.seq
