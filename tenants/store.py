"""The door to Redis: the only module that knows the client library.

Rules
- One operation has one deadline (250 ms), set around everything it does. What is idempotent is
  tried once more, nothing else.
- A connection serves one operation at a time and goes back only after its last reply was read.
  Whatever else happens (an error, the deadline, a cancellation at any await) ends the connection,
  so that no reply is ever left for the next caller (R04). The library's own pool does not keep
  that promise while it connects; hence the few lines of our own.
- Each script echoes its key; an answer with another one is as good as none.
- Every connection is to a server that was found suitable when it was made: Redis 7 or newer, a
  primary, never evicting (R09).
- A breaker makes a dead Redis cost nothing (R03). All errors of the library end here.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol, TypeAlias, cast

from redis.asyncio import ConnectionPool
from redis.exceptions import (
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from tenants.breaker import Breaker
from tenants.errors import StoreUnavailable, StoreUnsuitable
from tenants.keyspace import CHANGE_FEED, CHANGE_MARK
from tenants.scripts import ANNOUNCE_CHANGE, READ_MARK, Script
from tenants.server_info import parse_info, refuse_unsuitable, warnings

Argument: TypeAlias = str | bytes | int
Reply: TypeAlias = "bytes | int | list[Reply] | None"
Command: TypeAlias = tuple[Argument, ...]
Outcome: TypeAlias = "Reply | ResponseError"

OPERATION_TIMEOUT_S = 0.25
MAX_CONNECTIONS = 64
FEED_SILENCE_S = 5.0
_BATCH = 256


class Store:
    """A Redis server, primary of its set, as this process may use it."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = OPERATION_TIMEOUT_S,
    ) -> None:
        # Used for what it reads from the URL (TLS, ACL user, database), never as a pool.
        self._template = ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=timeout_s,
            driver_info=None,
        )
        self._timeout_s = timeout_s
        self._breaker = Breaker(clock=clock)
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)
        self._is_closed = False
        self.commands = 0
        """How many commands were sent for callers, so that a test can ask for 0."""

    @classmethod
    def open(cls, url: str) -> "Store":
        """The store at `url` (`redis://`, `rediss://`, `unix://`). Connects on first use.

        Raises:
            ValueError: not such a URL.
        """
        return cls(url)

    @property
    def is_down(self) -> bool:
        """Whether the last attempts all failed."""
        return self._breaker.is_open

    async def check(self) -> tuple[str, ...]:
        """Find out whether the server may be used, and say what an operator should know.

        Raises:
            StoreUnsuitable: it must not be; the message says why.
            StoreUnavailable: it cannot be reached now.
        """
        info = await self.read("INFO")
        save = await self._save_points()
        return tuple(warnings(parse_info(_text(info)), save))

    async def ping(self) -> None:
        """Return if the store answers, for readiness."""
        await self.read("PING")

    async def read(self, *command: Argument) -> Reply:
        """Send one command that may be sent twice."""
        (reply,) = _usable(await self._exchange([command], attempts=2))
        return reply

    async def run(
        self, script: Script, keys: Sequence[str], args: Sequence[Argument] = ()
    ) -> list[Reply]:
        """Run a script once and give what it answers after the echo of its first key."""
        (reply,) = await self._run(script, [(keys, args)], attempts=1)
        return reply

    async def run_read(
        self, script: Script, keys: Sequence[str], args: Sequence[Argument] = ()
    ) -> list[Reply]:
        """Run a script that may be run twice."""
        (reply,) = await self._run(script, [(keys, args)], attempts=2)
        return reply

    async def run_batch(
        self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]
    ) -> list[list[Reply]]:
        """Run a script many times in few round trips. An error of one is an error of all."""
        replies: list[list[Reply]] = []
        for start in range(0, len(calls), _BATCH):
            replies += await self._run(script, calls[start : start + _BATCH], attempts=1)
        return replies

    async def publish_change(self, incarnation: str, seq: int) -> None:
        """Tell all processes that the change log has come to `seq`, and raise the mark."""
        await self.run(ANNOUNCE_CHANGE, [CHANGE_MARK], [incarnation, seq, CHANGE_FEED])

    async def mark(self) -> tuple[str, int] | None:
        """The newest announced {incarnation, seq}, None if Redis knows none."""
        found = await self.run_read(READ_MARK, [CHANGE_MARK])
        match found:
            case [bytes(incarnation), bytes(seq)]:
                return incarnation.decode(), int(seq)
            case _:
                return None

    async def feed(self) -> AsyncGenerator[tuple[str, int], None]:
        """Hints that the change log moved, for ever, through any number of reconnects.

        A hint may be lost, doubled or late. After each (re)connect the mark is given as a hint.
        """
        pause_s = 0.05
        while not self._is_closed:
            try:
                async with aclosing(self._subscription()) as hints:
                    async for hint in hints:
                        pause_s = 0.05
                        yield hint
            except (StoreUnavailable, RedisError, OSError, TimeoutError):
                pause_s = min(pause_s * 2, 1.0)
            await asyncio.sleep(pause_s)

    async def close(self) -> None:
        """End all idle connections. Nothing may be asked afterwards."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().disconnect()

    async def _run(
        self,
        script: Script,
        calls: Sequence[tuple[Sequence[str], Sequence[Argument]]],
        *,
        attempts: int,
    ) -> list[list[Reply]]:
        commands = [_evaluation("EVALSHA", script.sha, keys, args) for keys, args in calls]
        outcomes = await self._exchange(commands, attempts=attempts)
        forgotten = [i for i, o in enumerate(outcomes) if isinstance(o, NoScriptError)]
        if forgotten:  # SCRIPT FLUSH, a restart or a fail-over (R07)
            again = [_evaluation("EVAL", script.source, *calls[i]) for i in forgotten]
            for i, outcome in zip(
                forgotten, await self._exchange(again, attempts=attempts), strict=True
            ):
                outcomes[i] = outcome
        replies = _usable(outcomes)
        return [_echoed(keys[0], reply) for (keys, _), reply in zip(calls, replies, strict=True)]

    async def _exchange(self, commands: Sequence[Command], *, attempts: int) -> list[Outcome]:
        for remaining in reversed(range(attempts)):
            try:
                return await self._attempt(commands)
            except StoreUnsuitable:
                raise
            except StoreUnavailable:
                if not remaining:
                    raise
        raise AssertionError("attempts is at least 1")

    async def _attempt(self, commands: Sequence[Command]) -> list[Outcome]:
        if self._is_closed or not self._breaker.admits():
            raise StoreUnavailable("not tried: it did not answer a moment ago")
        self.commands += len(commands)
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                outcomes = await self._converse(commands)
        except StoreUnsuitable:
            self._breaker.failed()
            raise
        except (RedisError, OSError, TimeoutError) as error:
            self._breaker.failed()
            raise StoreUnavailable(type(error).__name__) from error
        self._breaker.succeeded()
        return outcomes

    async def _converse(self, commands: Sequence[Command]) -> list[Outcome]:
        connection = await self._connection()
        is_in_step = False
        try:
            await connection.send_packed_command(
                connection.pack_commands(commands), check_health=False
            )
            outcomes = [await _outcome(connection) for _ in commands]
            is_in_step = not any(isinstance(o, ReadOnlyError | MovedError) for o in outcomes)
        finally:
            if is_in_step and not self._is_closed:
                self._idle.append(connection)
            else:
                await connection.disconnect(nowait=True)
        return outcomes

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if await _is_in_step(connection):
                return connection
        return await self._connect()

    async def _connect(self) -> "_Connection":
        connection = _made_by(self._template)
        is_suitable = False
        try:
            await connection.connect()
            await connection.send_packed_command(connection.pack_command("INFO"))
            refuse_unsuitable(parse_info(_text(await connection.read_response())))
            is_suitable = True
        except ResponseError as error:  # NOPERM: what cannot be checked is not trusted
            raise StoreUnsuitable(f"INFO is refused ({type(error).__name__})") from error
        finally:
            if not is_suitable:
                await connection.disconnect(nowait=True)
        return connection

    async def _subscription(self) -> AsyncGenerator[tuple[str, int], None]:
        async with asyncio.timeout(self._timeout_s * 4):
            connection = await self._connect()
        try:
            await connection.send_packed_command(connection.pack_command("SUBSCRIBE", CHANGE_FEED))
            await connection.read_response(timeout=self._timeout_s)
            if (mark := await self.mark()) is not None:
                yield mark
            while True:
                hint = _hint(await _heard(connection))
                if hint is not None:
                    yield hint
        finally:
            await connection.disconnect(nowait=True)

    async def _save_points(self) -> str | None:
        try:
            reply = await self.read("CONFIG", "GET", "save")
        except StoreUnavailable:  # a managed Redis forbids it
            return None
        match reply:
            case [_, bytes(points)]:
                return points.decode()
            case _:
                return None


class _Connection(Protocol):
    """The part of the library's connection that is used here; it carries no types itself."""

    async def connect(self) -> None: ...
    async def disconnect(self, nowait: bool = ...) -> None: ...  # noqa: FBT001 - the library's
    async def can_read(self) -> bool: ...
    async def read_response(self, *, timeout: float | None = ...) -> Reply: ...  # noqa: ASYNC109
    async def send_packed_command(
        self,
        command: Sequence[bytes],
        check_health: bool = ...,  # noqa: FBT001 - the library's
    ) -> None: ...
    def pack_command(self, *args: Argument) -> list[bytes]: ...
    def pack_commands(self, commands: Sequence[Command]) -> list[bytes]: ...


def _made_by(template: ConnectionPool) -> _Connection:
    return cast("_Connection", template.make_connection())  # type: ignore[no-untyped-call]


def _text(reply: Reply) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else ""


async def _outcome(connection: _Connection) -> Outcome:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


async def _is_in_step(connection: _Connection) -> bool:
    """Whether an idle connection is open and has nothing to say."""
    try:
        has_something = await connection.can_read()
    except (RedisError, OSError):
        has_something = True
    if has_something:
        await connection.disconnect(nowait=True)
    return not has_something


def _usable(outcomes: Sequence[Outcome]) -> list[Reply]:
    replies: list[Reply] = []
    for outcome in outcomes:
        if isinstance(outcome, ResponseError):
            raise StoreUnavailable(type(outcome).__name__) from outcome
        replies.append(outcome)
    return replies


def _evaluation(
    verb: str, script: str, keys: Sequence[str], args: Sequence[Argument]
) -> tuple[Argument, ...]:
    return (verb, script, len(keys), *keys, *args)


def _echoed(key: str, reply: Reply) -> list[Reply]:
    if not isinstance(reply, list) or not reply or reply[0] != key.encode():
        raise StoreUnavailable("an answer to another question")
    return reply[1:]


async def _heard(connection: _Connection) -> Reply:
    """The next message; a connection that stays silent even when asked is given up."""
    message = await connection.read_response(timeout=FEED_SILENCE_S)
    if message is not None:
        return message
    await connection.send_packed_command(connection.pack_command("PING"), check_health=False)
    message = await connection.read_response(timeout=FEED_SILENCE_S)
    if message is None:
        raise StoreUnavailable("the feed is silent")
    return message


def _hint(message: Reply) -> tuple[str, int] | None:
    match message:
        case [b"message", _, bytes(payload)]:
            incarnation, _, seq = payload.decode("utf-8", "replace").partition(" ")
            return (incarnation, int(seq)) if seq.isascii() and seq.isdecimal() else None
        case _:
            return None
