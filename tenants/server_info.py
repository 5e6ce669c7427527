"""Whether a Redis server is one that sessions may be kept in, from what INFO says. Pure.

INFO needs no right to CONFIG, which an ACL user of ours should not have.
"""

from collections.abc import Iterator, Mapping

from tenants.errors import StoreUnsuitable

OLDEST_VERSION = 7


def parse_info(text: str) -> Mapping[str, str]:
    """The fields of an INFO answer."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name: value for name, _, value in lines if value}


def refuse_unsuitable(info: Mapping[str, str]) -> None:
    """Return if the server may be used.

    Raises:
        StoreUnsuitable: too old, no primary, or one that evicts; the message says which.
    """
    version = info.get("redis_version", "unknown")
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) < OLDEST_VERSION:
        raise StoreUnsuitable(f"Redis {version}: version {OLDEST_VERSION}.0 or newer is needed")
    role = info.get("role", "unknown")
    if role != "master":
        raise StoreUnsuitable(f"this Redis is a {role}: a primary is needed")
    policy = info.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise StoreUnsuitable(
            f"this Redis evicts (maxmemory-policy {policy}): it must be noeviction"
        )


def warnings(info: Mapping[str, str], save_points: str | None) -> Iterator[str]:
    """What works and should not stay so. `save_points` is None where CONFIG is forbidden."""
    if info.get("aof_enabled") == "1" or save_points:
        return
    if save_points is None:
        yield "Redis has no append-only file; whether it saves snapshots cannot be seen"
    else:
        yield "Redis persistence is off: when it restarts, all sessions end"
