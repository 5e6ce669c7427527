"""The keys of one issuer, kept in memory: asked on every new token, fetched now and then.

Rules
1. A call that finds its key in a fresh set neither suspends nor does I/O.
2. All fetching happens in one flight at a time, a task of the group that the ring was given: no
   caller's cancellation stops it, and everybody who has to wait waits for the same one.
3. A set is renewed every `refresh_s` (with jitter). Callers wait for that only when the set is
   older than `fresh_s` and nothing is known to be wrong; so a key that its issuer withdrew dies
   within `fresh_s`, unless the issuer cannot be reached.
4. An issuer that fails leaves the last good set in use for `stale_s`; then IssuerUnavailable.
5. A `kid` that is not in the set causes at most one fetch per `cooldown_s`.
6. A set is replaced whole or not at all. An unusable key is left out, an empty set is no set.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auth.discovery import IssuerMetadata, discover
from auth.documents import DocumentFetcher
from auth.errors import AuthError, EgressRefused, InvalidToken, IssuerUnavailable, TokenFault
from auth.key_set import EMPTY_KEY_SET, KeySet, VerificationKey, read_key_set
from auth.policy import IssuerPolicy
from observability import events
from observability.logs import get_logger

__all__ = ["KeyRing", "RingTiming", "VerificationKey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RingTiming:
    """How long what may be believed, in seconds."""

    refresh_s: float = 300
    jitter: float = 0.1
    fresh_s: float = 600
    stale_s: float = 3600
    cooldown_s: float = 30
    """Between fetches for unknown kids, and between attempts at an issuer that fails."""
    cold_retry_s: float = 2
    """Between attempts while there is no set at all."""
    metadata_s: float = 3600


class KeyRing:
    """The verification keys of one issuer for one tenant.

    `tasks` must outlive the ring. `clock` is monotonic; `spread` gives numbers in [0, 1).
    """

    def __init__(
        self,
        policy: IssuerPolicy,
        fetcher: DocumentFetcher,
        *,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
        timing: RingTiming | None = None,
    ) -> None:
        self.policy = policy
        self.version = 0
        """Grows whenever the set of keys changes; part of the key of cached verified tokens."""
        self.fault: str | None = None
        """Why the last attempt failed, for operators; None after a success."""
        self._fetcher = fetcher
        self._tasks = tasks
        self._clock = clock
        self._spread = spread
        self._timing = timing or RingTiming()
        self._keys = EMPTY_KEY_SET
        self._fetched_at = float("-inf")
        self._due_at = float("-inf")
        self._unknown_kid_due_at = float("-inf")
        self._metadata: IssuerMetadata | None = None
        self._metadata_at = float("-inf")
        self._purges = 0
        self._is_closed = False
        self._flight: asyncio.Task[None] | None = None

    @property
    def age_s(self) -> float:
        """Seconds since the last good fetch; infinite when there was none."""
        return self._clock() - self._fetched_at

    @property
    def is_usable(self) -> bool:
        """Whether tokens can be verified now: a set that is not too old."""
        return bool(self._keys) and self.age_s <= self._timing.stale_s

    @property
    def ignored_keys(self) -> tuple[str, ...]:
        """Why keys of the issuer's document were left out; an alert when not empty."""
        return self._keys.ignored

    async def key(self, kid: str | None, alg: str) -> VerificationKey:
        """Find the key that a token names.

        Raises:
            InvalidToken: UNKNOWN_KEY; the issuer has no such key.
            IssuerUnavailable: keys cannot be had, or the issuer could not be asked about this one.
        """
        await self._renew()
        self._check_usable()
        if kid is None:
            return self._only_key(alg)
        found = self._keys.find(kid, alg)
        return found or await self._ask_for(kid, alg)

    async def metadata(self) -> Mapping[str, Any]:
        """The issuer's own document, for the copy that RFC 8414 clients read.

        Raises:
            IssuerUnavailable: it was never had.
        """
        if self._metadata is None:
            await self._renew()
        if self._metadata is None:
            raise IssuerUnavailable(self.fault or "no metadata")
        return self._metadata.raw

    async def prefetch(self) -> None:
        """Have the keys before the first token comes. A failure shows in `fault` alone."""
        await self._renew()

    def purge(self) -> None:
        """Forget every key at once; the next call asks the issuer again, or gets 503."""
        self._purges += 1
        self._keys = EMPTY_KEY_SET
        self._metadata = None
        self._fetched_at = self._due_at = self._unknown_kid_due_at = float("-inf")
        self.version += 1

    async def close(self) -> None:
        """Drop the keys for good; what a fetch under way brings is dropped too."""
        self._is_closed = True
        self.purge()

    async def _renew(self) -> None:
        now = self._clock()
        if now < self._due_at or self._is_closed:
            return
        flight = self._take_off()
        if self._must_wait(now):
            await asyncio.shield(flight)

    def _must_wait(self, now: float) -> bool:
        if not self.is_usable:
            return True
        return self.fault is None and now - self._fetched_at > self._timing.fresh_s

    def _check_usable(self) -> None:
        if not self.is_usable:
            raise IssuerUnavailable(self.fault or "no keys")

    def _only_key(self, alg: str) -> VerificationKey:
        # RFC 7515 section 4.1.4 makes `kid` optional; then the choice must be no choice.
        candidates = self._keys.of_algorithm(alg)
        if not self.policy.allow_missing_kid or len(candidates) != 1:
            raise InvalidToken(TokenFault.UNKNOWN_KEY)
        return candidates[0]

    async def _ask_for(self, kid: str, alg: str) -> VerificationKey:
        if kid in self._keys:
            raise InvalidToken(TokenFault.UNKNOWN_KEY)  # it is there, for another algorithm
        if self._is_flying or self._clock() >= self._unknown_kid_due_at:
            self._unknown_kid_due_at = self._clock() + self._timing.cooldown_s
            await asyncio.shield(self._take_off())
        found = self._keys.find(kid, alg)
        if found is not None:
            return found
        if self.fault is not None:
            raise IssuerUnavailable(self.fault)
        raise InvalidToken(TokenFault.UNKNOWN_KEY)

    @property
    def _is_flying(self) -> bool:
        return self._flight is not None and not self._flight.done()

    def _take_off(self) -> asyncio.Task[None]:
        if self._flight is None or self._flight.done():
            self._flight = self._tasks.create_task(self._fly())
        return self._flight

    async def _fly(self) -> None:
        purges = -1
        outcome: KeySet | BaseException | None = None
        while purges != self._purges:  # what was fetched before a purge is not believed after it
            purges = self._purges
            # Whatever a hostile document may provoke must not end the group's other tasks.
            (outcome,) = await asyncio.gather(self._fetch(), return_exceptions=True)
            if self._is_closed:
                return
        if isinstance(outcome, KeySet):
            self._install(outcome)
        elif outcome is not None:
            self._note_failure(outcome)

    async def _fetch(self) -> KeySet:
        metadata = await self._current_metadata()
        try:
            document = await self._fetcher.fetch_json(metadata.jwks_uri)
            return read_key_set(document, self.policy.algorithms)
        except AuthError:
            self._metadata_at = float("-inf")  # the keys may have moved: look anew next time
            raise

    async def _current_metadata(self) -> IssuerMetadata:
        age = self._clock() - self._metadata_at
        if self._metadata is None or age > self._timing.metadata_s:
            self._metadata = await discover(
                self.policy.issuer, self._fetcher, jwks_hosts=self.policy.jwks_hosts
            )
            self._metadata_at = self._clock()
        return self._metadata

    def _install(self, keys: KeySet) -> None:
        self.fault = None
        self._fetched_at = self._clock()
        self._due_at = self._fetched_at + self._interval()
        if keys != self._keys:
            self.version += 1
            get_logger().info(
                events.KEYS_REFRESHED,
                issuer=self.policy.issuer,
                keys=len(keys.keys),
                ignored=len(keys.ignored),
            )
        self._keys = keys

    def _note_failure(self, error: BaseException) -> None:
        # Told when it begins, not at each try; `fault` has the words.
        if self.fault is None:
            reason = error.reason if isinstance(error, AuthError) else type(error).__name__
            get_logger().warning(
                events.KEYS_REFRESH_FAILED, issuer=self.policy.issuer, reason=reason
            )
        self.fault = _describe(error)
        wait = self._timing.cooldown_s if self.is_usable else self._timing.cold_retry_s
        self._due_at = self._clock() + wait

    def _interval(self) -> float:
        timing = self._timing
        return timing.refresh_s * (1 + timing.jitter * (2 * self._spread() - 1))


def _describe(error: BaseException) -> str:
    told = str(error) if isinstance(error, AuthError) else ""
    remedy = (error.remedy if isinstance(error, EgressRefused) else None) or ""
    return f"{type(error).__name__}: {told}\n{remedy}".strip(":\n ")
