"""From a document of the right shape to the frozen values. What the shape cannot say is checked.

Nothing is printed or opened here except that named files must exist.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from auth.egress import EgressGrant
from gateway.config import checks
from gateway.config.limits import Limits
from gateway.config.model import (
    Admin,
    Config,
    Listen,
    LogFormat,
    LogLevel,
    Revocation,
    Telemetry,
    Tls,
)
from gateway.config.units import byte_count, seconds
from observability.redaction import Secret
from tenants.definitions import parse_tenants
from tenants.errors import Fault, InvalidDefinition
from tenants.model import Slug, Tenant

Document = Mapping[str, Any]
DEFAULT_STATE_DIR = ".portcullis"


@dataclass(slots=True)
class Builder:
    """Builds one configuration. `directory` is where relative paths start."""

    document: Document
    directory: Path
    faults: list[Fault] = field(default_factory=list)

    def build(self) -> Config | None:
        """The configuration, or None when `faults` says why not."""
        config = self._config()
        if config is not None:
            self.faults += checks.whole(config)
        return None if self.faults else config

    def _config(self) -> Config | None:
        public_url = self._public_url()
        tenants = self._tenants(public_url)
        grants = self._grants()
        proxies = self._networks("trusted_proxies", self.document.get("trusted_proxies", []))
        tls = self._tls()
        if self.faults:
            return None
        state_dir = self._path(self.document.get("state_dir", DEFAULT_STATE_DIR))
        seal = self.document.get("seal_key_file")
        redis_url = self.document.get("redis_url")
        return Config(
            public_url=public_url,
            state_dir=state_dir,
            database_url=Secret(self._database_url(state_dir)),
            listen=Listen(**{**self._section("listen"), "tls": tls}),
            admin=Admin(**self._section("admin")),
            trusted_proxies=proxies,
            redis_url=Secret(redis_url) if redis_url else None,
            seal_key_file=self._path(seal) if seal else None,
            revocation=Revocation(**quantities(Revocation, self._section("revocation"))),
            limits=Limits(**quantities(Limits, self._section("limits"))),
            egress_grants=grants,
            telemetry=self._telemetry(),
            tenants=tenants,
        )

    def _section(self, name: str) -> Document:
        section: Document = self.document.get(name, {})
        return section

    def _path(self, text: str) -> Path:
        return (self.directory / Path(text).expanduser()).absolute()

    def _database_url(self, state_dir: Path) -> str:
        return str(
            self.document.get("database_url", f"sqlite+aiosqlite:///{state_dir / 'registry.db'}")
        )

    def _public_url(self) -> str:
        url = self.document.get("public_url")
        if url is None:
            message = "is required: the URL that clients use, like https://mcp.example.com"
            self.faults.append(Fault("public_url", message))
            return "https://not-configured.invalid"
        self.faults.extend(checks.public_url(url))
        return str(url).rstrip("/")

    def _tenants(self, public_url: str) -> Mapping[Slug, Tenant]:
        try:
            return parse_tenants(self._section("tenants"), public_url=public_url, path="tenants")
        except InvalidDefinition as invalid:
            self.faults.extend(invalid.faults)
            return {}

    def _tls(self) -> Tls | None:
        section = self._section("listen").get("tls")
        if section is None:
            return None
        tls = Tls(
            cert_file=self._path(section["cert_file"]), key_file=self._path(section["key_file"])
        )
        self.faults.extend(checks.tls_files(tls))
        return tls

    def _networks(self, path: str, texts: list[str]) -> tuple[IPv4Network | IPv6Network, ...]:
        found = (self._network(f"{path}[{i}]", text) for i, text in enumerate(texts))
        return tuple(network for network in found if network is not None)

    def _network(self, path: str, text: str) -> IPv4Network | IPv6Network | None:
        try:
            network = ip_network(text)
        except ValueError:
            message = f"{text} is no network; the address must be its first, like 10.0.0.0/8"
            self.faults.append(Fault(path, message))
            return None
        if network.prefixlen == 0:
            self.faults.append(Fault(path, "means every address there is; name the networks"))
        return network

    def _grants(self) -> tuple[EgressGrant, ...]:
        entries = enumerate(self.document.get("egress_grants", []))
        found = [self._grant(f"egress_grants[{i}]", entry) for i, entry in entries]
        return tuple(grant for grant in found if grant is not None)

    def _grant(self, path: str, entry: Document) -> EgressGrant | None:
        network = self._network(f"{path}.cidr", entry["cidr"])
        if network is None:
            return None
        return EgressGrant(
            tenants=frozenset(entry["tenants"]),
            cidr=network,
            ports=frozenset(entry.get("ports", ())),
            schemes=frozenset(entry.get("schemes", ("https",))),
        )

    def _telemetry(self) -> Telemetry:
        section = dict(quantities(Telemetry, self._section("telemetry")))
        given: dict[str, Callable[[Any], Any]] = {"log_level": LogLevel, "log_format": LogFormat}
        return Telemetry(**{k: given.get(k, _same)(v) for k, v in section.items()})


def _same(value: Any) -> Any:
    return value


def quantities(cls: type[Any], section: Document) -> dict[str, Any]:
    """A section's members under the names of `cls`: `lease: 2s` becomes `lease_s=2.0`."""
    names = {each.name for each in fields(cls)}
    return dict(_quantity(key, value, names) for key, value in section.items())


def _quantity(key: str, value: Any, names: set[str]) -> tuple[str, Any]:
    if f"{key}_s" in names:
        return f"{key}_s", seconds(value)
    return key, byte_count(value) if key.endswith("_bytes") else value
