"""What a configuration must not say although its shape is right: it would open a door.

Rule: refuse to start rather than warn. A warning at three in the morning is read by nobody.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from auth.egress import EgressGuard, TenantEgress
from auth.errors import EgressRefused
from gateway.config.model import Config, Tls
from tenants.errors import Fault

# What people leave behind in examples. A password of these is known to everyone.
PLACEHOLDERS = frozenset(
    {"changeme", "change-me", "change_me", "default", "example", "password", "secret", "todo"}
    | {"admin", "redis", "portcullis", "placeholder", "your-password", "xxx", "xxxx"}
)
MIN_LEASE_S = 0.2
MAX_LEASE_S = 60.0


def is_loopback(host: str | None) -> bool:
    """Whether `host` can only be this machine."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def public_url(url: str) -> Iterator[Fault]:
    """An absolute https URL without anything that clients would not send back as is."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        yield Fault("public_url", "is not a URL")
        return
    yield from (Fault("public_url", message) for message in _public_url_faults(parts))


def _public_url_faults(parts: SplitResult) -> Iterator[str]:
    if not parts.hostname:
        yield "names no host"
    elif parts.scheme != "https" and not is_loopback(parts.hostname):
        yield "must be https: tokens travel to it (http is for loopback alone)"
    if parts.username is not None or parts.query or parts.fragment:
        yield "must have no user, query or fragment"
    if parts.netloc != parts.netloc.lower() or not parts.netloc.isascii():
        yield "must be in lower case ASCII, as clients compare it code point by code point"
    if "//" in parts.path or "/." in parts.path or "%" in parts.path:
        yield "must have a plain path"


def tls_files(tls: Tls) -> Iterator[Fault]:
    """Both must be there, and nobody else may read the key."""
    for name, path in (("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        if not path.is_file():
            yield Fault(f"listen.tls.{name}", f"there is no file {path}")
    if tls.key_file.is_file() and tls.key_file.stat().st_mode & 0o007:
        yield Fault("listen.tls.key_file", f"everybody can read {tls.key_file}; chmod 0640 it")


def whole(config: Config) -> Iterator[Fault]:
    """What only several keys together can get wrong, and secrets that are none."""
    yield from _listeners(config)
    yield from _revocation(config)
    yield from _redis(config)
    yield from _destinations(config)
    if config.seal_key_file is not None and not config.seal_key_file.is_file():
        yield Fault("seal_key_file", f"there is no file {config.seal_key_file}")


def _listeners(config: Config) -> Iterator[Fault]:
    if config.listen.port == config.admin.port != 0:
        yield Fault("admin.port", "is listen.port as well; the admin listener needs its own")


def _revocation(config: Config) -> Iterator[Fault]:
    revocation = config.revocation
    if not MIN_LEASE_S <= revocation.lease_s <= MAX_LEASE_S:
        yield Fault("revocation.lease", f"must be from {MIN_LEASE_S} s to {MAX_LEASE_S:.0f} s")
    if revocation.poll_s > revocation.lease_s / 2:
        yield Fault("revocation.poll", "must be at most half of revocation.lease")


def _redis(config: Config) -> Iterator[Fault]:
    if config.redis_url is None:
        return
    try:
        parts = urlsplit(config.redis_url.reveal())
        _ = parts.port
    except ValueError:
        yield Fault("redis_url", "is not a URL")
        return
    if parts.scheme == "redis" and not is_loopback(parts.hostname):
        yield Fault("redis_url", "must be rediss:// (TLS) where it is not loopback or a socket")
    if parts.password is not None and parts.password.lower() in PLACEHOLDERS:
        yield Fault("redis_url", "has a placeholder for a password")


def _destinations(config: Config) -> Iterator[Fault]:
    """What the egress guard would refuse at the first call is refused now, with the remedy."""
    guard = EgressGuard(config.egress_grants)
    for slug, tenant in config.tenants.items():
        egress = guard.for_tenant(slug)
        urls = [(f"issuers[{i}].issuer", each.issuer) for i, each in enumerate(tenant.issuers)]
        urls += [(f"backends.{name}.url", each.url) for name, each in tenant.backends.items()]
        yield from (
            fault
            for place, url in urls
            for fault in _destination(egress, f"tenants.{slug}.{place}", url)
        )


def _destination(egress: TenantEgress, path: str, url: str) -> Iterator[Fault]:
    try:
        egress.check_url(url)
    except EgressRefused as refused:
        remedy = f"; to allow it, add\n{refused.remedy}" if refused.remedy else ""
        yield Fault(path, f"{refused}{remedy}")
