import pytest

from tenants.errors import StoreUnsuitable
from tenants.server_info import parse_info, refuse_unsuitable, warnings

GOOD = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n"


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ("7.0.15", "6.2.14", "6.2.14.*newer is needed"),
        ("7.0.15", "x", "newer is needed"),
        ("redis_version:7.0.15", "", "unknown.*newer is needed"),
        ("master", "slave", "is a slave: a primary"),
        ("noeviction", "allkeys-lru", "evicts.*allkeys-lru.*must be noeviction"),
        ("maxmemory_policy:noeviction", "", "must be noeviction"),
    ],
)
def test_r09_an_unsuitable_server_is_refused_with_the_reason(
    found: str, instead: str, message: str
) -> None:
    with pytest.raises(StoreUnsuitable, match=message):
        refuse_unsuitable(parse_info(GOOD.replace(found, instead)))


@pytest.mark.parametrize("version", ["7.0.0", "8.2.1", "10.0.0"])
def test_r09_a_primary_that_never_evicts_is_accepted(version: str) -> None:
    refuse_unsuitable(parse_info(GOOD.replace("7.0.15", version)))


@pytest.mark.parametrize(
    ("info", "save", "count"),
    [
        ({"aof_enabled": "1"}, "", 0),
        ({"aof_enabled": "0"}, "3600 1", 0),
        ({"aof_enabled": "0"}, "", 1),
        ({"aof_enabled": "0"}, None, 1),
    ],
)
def test_r09_a_server_that_keeps_nothing_is_a_warning(
    info: dict[str, str], save: str | None, count: int
) -> None:
    assert len(list(warnings(info, save))) == count
