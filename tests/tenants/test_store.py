import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tenants.errors import StoreUnavailable, StoreUnsuitable
from tenants.scripts import Script
from tenants.store import Reply, Store
from tests.rigs.valkey import ConfiguredValkey, PrivateValkey

ECHO_BACK = Script("return {KEYS[1], ARGV[1]}")
COUNT_UP = Script("return {KEYS[1], redis.call('INCR', KEYS[1])}")
Configured = Callable[..., tuple[ConfiguredValkey, Store]]


@pytest.fixture
def servers() -> Iterator[list[ConfiguredValkey]]:
    started: list[ConfiguredValkey] = []
    yield started
    for server in started:
        server.close()


@pytest.fixture
async def configured(servers: list[ConfiguredValkey]) -> AsyncIterator[Configured]:
    """Starts servers with settings of their own, and a store over each."""
    stores: list[Store] = []

    def start(*settings: str, query: str = "") -> tuple[ConfiguredValkey, Store]:
        server = ConfiguredValkey(*settings)
        servers.append(server)
        stores.append(Store.open(server.url + query))
        return server, stores[-1]

    yield start
    for store in stores:
        await store.close()


async def until_it_answers(store: Store) -> float:
    """How long it takes until PING is answered; fails after 2 s."""
    started = time.monotonic()
    async with asyncio.timeout(2):
        while True:
            try:
                await store.ping()
            except StoreUnavailable:
                await asyncio.sleep(0.01)
            else:
                return time.monotonic() - started


async def test_every_command_is_counted(store: Store, slug: str) -> None:
    await store.run(ECHO_BACK, [slug], ["x"])  # the script may be new to the server
    before = store.commands

    await store.ping()
    await store.run(ECHO_BACK, [slug], ["x"])
    await store.run_batch(ECHO_BACK, [([slug], [i]) for i in range(3)])

    assert store.commands - before == 5


async def test_r01_a_store_opens_while_redis_is_down_and_recovers_without_a_restart(
    private_valkey: PrivateValkey,
) -> None:
    private_valkey.stop()
    store = Store.open(private_valkey.url)
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await store.ping()
    assert store.is_down

    private_valkey.start()

    assert await until_it_answers(store) < 2
    assert not store.is_down
    await store.close()


async def test_r02_a_kill_in_the_middle_is_unavailable_then_over(
    private_valkey: PrivateValkey, private_store: Store, slug: str
) -> None:
    assert await private_store.run(COUNT_UP, [slug]) == [1]
    private_valkey.kill()
    with pytest.raises(StoreUnavailable):
        await private_store.run(COUNT_UP, [slug])

    private_valkey.start()

    assert await until_it_answers(private_store) < 2
    assert await private_store.run(COUNT_UP, [slug])


async def test_a_restart_between_two_calls_is_not_noticed(
    private_valkey: PrivateValkey, private_store: Store, slug: str
) -> None:
    await private_store.run(COUNT_UP, [slug])
    private_valkey.stop()
    private_valkey.start()
    for _ in range(3):  # the loop sees that the idle connection was closed
        await asyncio.sleep(0)

    assert await private_store.run(COUNT_UP, [slug]) == [2]


async def test_r03_a_redis_that_hangs_costs_a_request_less_than_a_second_then_nothing(
    private_valkey: PrivateValkey, private_store: Store
) -> None:
    await private_store.ping()
    private_valkey.pause()

    costs = []
    for _ in range(8):
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await private_store.ping()
        costs.append(time.monotonic() - started)
    private_valkey.resume()

    assert max(costs) < 1
    assert sorted(costs)[3] < 0.05
    assert await until_it_answers(private_store) < 2


async def test_r03_many_requests_at_once_on_a_hanging_redis_all_end_in_time(
    private_valkey: PrivateValkey, private_store: Store
) -> None:
    private_valkey.pause()
    started = time.monotonic()
    outcomes = await asyncio.gather(
        *(private_store.ping() for _ in range(300)), return_exceptions=True
    )
    private_valkey.resume()

    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert time.monotonic() - started < 1


async def test_r03_what_is_not_idempotent_is_sent_once(
    private_valkey: PrivateValkey, private_store: Store, slug: str
) -> None:
    await private_store.run(COUNT_UP, [slug])
    private_valkey.pause()
    before = private_store.commands
    with pytest.raises(StoreUnavailable):
        await private_store.run(COUNT_UP, [slug])
    private_valkey.resume()

    assert private_store.commands - before == 1


@pytest.mark.parametrize("seed", range(4))
async def test_r04_cancelled_commands_never_leave_their_reply_to_another(
    store: Store, slug: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible is the point
    answered = 0

    async def ask(question: int) -> None:
        nonlocal answered
        key = f"pc:{{{slug}}}:{question}"
        assert await store.run_read(ECHO_BACK, [key], [question]) == [str(question).encode()]
        assert await store.read("ECHO", f"{slug}{question}") == f"{slug}{question}".encode()
        answered += 1

    async def ask_and_perhaps_leave(question: int) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(ask(question))
            if chance.random() < 0.7:
                for _ in range(chance.randrange(25)):
                    await asyncio.sleep(0)
                task.cancel()

    async def ask_in_turn(first: int) -> None:
        for question in range(first, first + 60):
            await ask_and_perhaps_leave(question)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for first in range(0, 600, 60):
            group.create_task(ask_in_turn(first))

    assert answered >= 150  # those that were not cancelled, at the least
    await store.ping()


async def test_r07_a_script_that_redis_has_forgotten_is_sent_again_once(
    private_store: Store, slug: str
) -> None:
    await private_store.run(COUNT_UP, [slug])
    await private_store.read("SCRIPT", "FLUSH")
    before = private_store.commands

    replies = await private_store.run_batch(COUNT_UP, [([slug], []), ([slug], [])])

    assert replies == [[2], [3]]
    assert private_store.commands - before == 4
    assert await private_store.run(COUNT_UP, [slug]) == [4]


async def test_r04_an_answer_with_another_key_is_as_good_as_none(store: Store) -> None:
    with pytest.raises(StoreUnavailable, match="another question"):
        await store.run(Script("return {'other', ARGV[1]}"), ["pc:asked"], ["x"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "noeviction"),
        (("--replicaof", "127.0.0.1 1"), "primary"),
    ],
)
async def test_r09_a_server_that_evicts_or_follows_is_refused(
    configured: Configured, settings: tuple[str, ...], message: str
) -> None:
    _, store = configured(*settings)

    with pytest.raises(StoreUnsuitable, match=message):
        await store.check()


async def test_r09_persistence_that_is_off_is_a_warning(configured: Configured) -> None:
    _, store = configured()

    (warning,) = await store.check()

    assert "persistence is off" in warning


async def test_r14_a_primary_that_becomes_a_replica_is_unavailable_until_it_is_one_again(
    private_store: Store, slug: str
) -> None:
    await private_store.run(COUNT_UP, [slug])
    await private_store.read("REPLICAOF", "127.0.0.1", "1")

    for _ in range(2):  # first as READONLY, then because a new connection is looked at
        with pytest.raises(StoreUnavailable):
            await private_store.run(COUNT_UP, [slug])
        await asyncio.sleep(0)


async def test_r15_a_wrong_password_is_unavailable_and_not_repeated_to_anybody(
    configured: Configured,
) -> None:
    _, store = configured("--requirepass", "right-one", query="?password=wrong-one")

    with pytest.raises(StoreUnavailable) as caught:
        await store.ping()

    assert "wrong-one" not in str(caught.value) + str(caught.value.__cause__)


async def test_r15_where_tls_is_wanted_nothing_is_said_in_plain() -> None:
    heard = bytearray()

    async def answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(4096))
        writer.write(b"+OK\r\n")
        writer.close()

    server = await asyncio.start_server(answer_in_plain, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    store = Store.open(f"rediss://gw:planted-secret@{host}:{port}/0")
    async with server:
        with pytest.raises(StoreUnavailable):
            await store.ping()

    assert heard
    assert b"planted-secret" not in heard
    await store.close()


async def test_r15_a_user_without_config_rights_is_enough(configured: Configured) -> None:
    _, store = configured(
        *["--user", "gw", "on", ">secret", "~pc:*", "&pc:*", "+@all", "-@dangerous", "+info"],
        query="?username=gw&password=secret",
    )

    (warning,) = await store.check()
    await store.publish_change("i", 1)

    assert "cannot be seen" in warning
    assert await store.mark() == ("i", 1)


async def test_r09_a_server_that_cannot_be_looked_at_is_refused(configured: Configured) -> None:
    _, store = configured(
        *["--user", "gw", "on", ">secret", "~pc:*", "+@all", "-info"],
        query="?username=gw&password=secret",
    )

    with pytest.raises(StoreUnsuitable, match="INFO is refused"):
        await store.check()


async def test_r17_a_feed_that_hangs_is_given_up_and_made_anew(
    private_valkey: PrivateValkey,
    private_store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tenants.store.FEED_SILENCE_S", 0.05)
    connects, connected_anew = private_store._connect, asyncio.Event()  # noqa: SLF001 - to see it

    async def connect() -> object:
        connected_anew.set()
        return await connects()

    await private_store.publish_change("i", 1)
    feed = private_store.feed()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        assert await anext(feed) == ("i", 1)
        later = group.create_task(anext(feed))
        while b"cmd=ping" not in clients_of(await private_store.read("CLIENT", "LIST")):
            pass  # silent, then asked; it answers, so it is not given up
        monkeypatch.setattr(private_store, "_connect", connect)
        await private_store.publish_change("i", 2)
        assert await later == ("i", 2)
        assert not connected_anew.is_set()

        later = group.create_task(anext(feed))
        private_valkey.pause()
        await connected_anew.wait()  # silent, asked, not answered
        private_valkey.resume()
        assert await later == ("i", 2)  # the mark, on a new connection
    await feed.aclose()


def clients_of(reply: Reply) -> bytes:
    assert isinstance(reply, bytes)
    return reply


async def test_the_mark_never_falls_within_an_incarnation(private_store: Store) -> None:
    assert await private_store.mark() is None
    for incarnation, seq in [("a", 5), ("a", 3), ("a", 10)]:
        await private_store.publish_change(incarnation, seq)
    assert await private_store.mark() == ("a", 10)

    await private_store.publish_change("b", 1)

    assert await private_store.mark() == ("b", 1)


async def test_r17_the_feed_brings_hints_and_survives_a_restart(
    private_valkey: PrivateValkey, private_store: Store
) -> None:
    heard: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def listen() -> None:
        async for hint in private_store.feed():
            heard.put_nowait(hint)

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        await private_store.publish_change("i", 1)
        listener = group.create_task(listen())
        assert await heard.get() == ("i", 1)  # the mark, on connecting
        await private_store.publish_change("i", 2)
        assert await heard.get() == ("i", 2)

        private_valkey.stop()
        private_valkey.start()
        await until_it_answers(private_store)
        assert await heard.get() == ("i", 2)
        await private_store.publish_change("i", 3)
        assert await heard.get() == ("i", 3)
        listener.cancel()


@pytest.mark.parametrize("payload", ["", "i", "i x", "i -1", "\udce2 1 2"])
async def test_r17_a_hint_that_is_none_is_skipped(private_store: Store, payload: str) -> None:
    async def first_hint() -> tuple[str, int]:
        feed = private_store.feed()
        async for hint in feed:
            await feed.aclose()
            return hint
        raise AssertionError("the feed does not end")

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        hint = group.create_task(first_hint())
        raw = payload.encode("utf-8", "surrogateescape")
        while await private_store.read("PUBLISH", "pc:feed", raw) != 1:
            pass  # nobody has subscribed yet
        await private_store.publish_change("i", 4)

    assert hint.result() == ("i", 4)


async def test_a_closed_store_answers_nothing_more(valkey: str) -> None:
    store = Store.open(valkey)
    await store.ping()
    await store.close()

    with pytest.raises(StoreUnavailable):
        await store.ping()


@pytest.mark.parametrize("url", ["", "http://localhost", "localhost:6379", "redis://h:x/0"])
def test_what_is_no_redis_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's words
        Store.open(url)
