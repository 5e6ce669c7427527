from dataclasses import replace

from tenants.session_cache import HOLD_RENEWAL_S, LiveSession, SessionCache
from tests.tenants.test_session_records import SESSION


def live(seen_at: float = 0) -> LiveSession:
    return LiveSession(session=replace(SESSION, is_active=True), checked_at=0, seen_at=seen_at)


def test_what_is_dropped_for_room_is_still_written_back() -> None:
    cache = SessionCache(1)
    first = live()
    cache.put("one", first)
    cache.use("one", first, now=1)

    cache.put("two", live())

    assert len(cache) == 1
    assert cache.get("one") is first
    assert cache.to_write_back(now=2) == [("one", first)]


def test_a_use_during_a_write_back_is_written_by_the_next() -> None:
    cache = SessionCache(5)
    entry = live()
    cache.put("one", entry)
    cache.use("one", entry, now=1)
    ((key, _),) = cache.to_write_back(now=1)
    cache.use("one", entry, now=2)

    cache.written_back(key, seen_at=1)
    assert cache.to_write_back(now=2)

    cache.written_back(key, seen_at=2)
    assert cache.to_write_back(now=2) == []


def test_a_newer_picture_replaces_the_older_everywhere() -> None:
    cache = SessionCache(5)
    older, newer = live(), live()
    cache.put("one", older)
    cache.use("one", older, now=1)

    cache.put("one", newer)

    assert cache.get("one") is newer
    assert cache.to_write_back(now=1) == [("one", newer)]


def test_holds_nest_and_outlive_the_session() -> None:
    cache = SessionCache(5)
    cache.put("one", live())
    cache.hold("one", now=1)
    cache.hold("one", now=1)
    cache.release("one", now=2)
    assert cache.is_held("one")

    cache.forget("one")
    assert cache.to_write_back(now=3 + HOLD_RENEWAL_S) == []
    cache.release("one", now=4)

    assert not cache.is_held("one")
    assert cache.get("one") is None


def test_only_what_was_not_used_for_long_is_let_go() -> None:
    cache = SessionCache(5)
    for name, seen_at in [("one", 1), ("two", 5)]:
        cache.put(name, live(seen_at))

    cache.drop_idle(before=3)

    assert cache.get("one") is None
    assert cache.get("two") is not None
