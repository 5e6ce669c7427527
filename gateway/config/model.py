"""The configuration as the rest of the gateway receives it: frozen, complete, already checked.

Times are seconds, paths are absolute, secrets hide themselves. Only `gateway.config.building`
makes these from a file; `gateway.dev.configuration` makes them in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from auth.egress import EgressGrant
from gateway.config.limits import Limits
from observability.redaction import Secret
from tenants.model import Slug, Tenant

SEAL_FILE = "seal.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The certificate chain and key of the data listener, PEM files."""

    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where clients come in. Without `tls` something in front of the gateway ends TLS."""

    host: str = "0.0.0.0"  # noqa: S104 - the data port is there to be reached
    port: int = 8080
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Where operators come in: health, metrics. Loopback unless said otherwise."""

    host: str = "127.0.0.1"
    port: int = 9090


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """How old this process's picture of the change log may be, and how often it looks."""

    lease_s: float = 2.0
    poll_s: float = 1.0


class LogFormat(StrEnum):
    """`auto` is console on a terminal, else JSON."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least important line that is still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What is told to operators. Calls that fail or take `slow_s` are always traced."""

    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.AUTO
    otlp_endpoint: str | None = None
    trace_ratio: float = 0.0
    slow_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of `portcullis.yaml`. `redis_url` None means the embedded Valkey in `state_dir`."""

    public_url: str
    state_dir: Path
    database_url: Secret
    listen: Listen = field(default_factory=Listen)
    admin: Admin = field(default_factory=Admin)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    redis_url: Secret | None = None
    seal_key_file: Path | None = None
    revocation: Revocation = field(default_factory=Revocation)
    limits: Limits = field(default_factory=Limits)
    egress_grants: tuple[EgressGrant, ...] = ()
    telemetry: Telemetry = field(default_factory=Telemetry)
    tenants: Mapping[Slug, Tenant] = field(default_factory=dict)

    @property
    def sealing_root_path(self) -> Path:
        """Where the root of all seals is: the file that was named, or one in `state_dir`."""
        return self.seal_key_file or self.state_dir / SEAL_FILE
