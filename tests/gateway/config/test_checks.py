"""What a configuration must not say: it refuses to start rather than open a door."""

from pathlib import Path

import pytest

from gateway.config.errors import InvalidConfig
from tests.gateway.config.documents import SMALLEST, parsed


def refusal(text: str, directory: Path | None = None) -> str:
    with pytest.raises(InvalidConfig) as invalid:
        parsed(text, directory)
    return str(invalid.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example.com",
        "http://127.0.0.1.example.com",
        "https://user:pass@mcp.example.com",
        "https://mcp.example.com?x=1",
        "https://mcp.example.com/#top",
        "https://MCP.example.com",
        "https://mcp.example.com:port",
        "https://mcp.example.com/a//b",
        "https://mcp.example.com/../x",
        "https:///path",
        "mcp.example.com",
        "ftp://mcp.example.com",
    ],
)
def test_a_public_url_that_clients_could_not_trust_is_refused(url: str) -> None:
    assert refusal(f"public_url: '{url}'\n").startswith("public_url: ")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080", "https://a.example/gw"],
)
def test_a_public_url_may_be_https_or_loopback(url: str) -> None:
    assert parsed(f"public_url: '{url}/'\n").public_url == url


def test_a_wildcard_origin_is_refused() -> None:
    text = SMALLEST + (
        "tenants: {acme: {allowed_origins: ['*'], issuers: [{issuer: 'https://i.example'}],"
        " backends: {one: {url: 'https://b.example/mcp'}}}}\n"
    )

    assert refusal(text).startswith("tenants.acme.allowed_origins[0]: ")


def test_an_issuer_over_http_is_refused() -> None:
    text = SMALLEST + (
        "tenants: {acme: {issuers: [{issuer: 'http://i.example'}],"
        " backends: {one: {url: 'https://b.example/mcp'}}}}\n"
    )

    assert refusal(text).startswith("tenants.acme.issuers[0].issuer: ")


def test_a_private_destination_without_a_grant_is_refused_with_the_grant() -> None:
    text = SMALLEST + (
        "tenants: {acme: {issuers: [{issuer: 'https://i.example'}],"
        " backends: {one: {url: 'https://10.1.2.3/mcp'}}}}\n"
    )
    grant = "egress_grants: [{tenants: [acme], cidr: 10.1.2.3/32, ports: [443]}]\n"

    said = refusal(text)

    assert said.startswith("tenants.acme.backends.one.url: ")
    assert "cidr: 10.1.2.3/32" in said
    assert parsed(text + grant).tenants


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("redis_url: redis://:longer-than-that@redis.example\n", "redis_url"),
        ("redis_url: rediss://:changeme@redis.example\n", "redis_url"),
        ("redis_url: rediss://redis.example:port\n", "redis_url"),
        ("database_url: mysql://db\n", "database_url"),
        ("trusted_proxies: [0.0.0.0/0]\n", "trusted_proxies[0]"),
        ("egress_grants: [{tenants: ['*'], cidr: '::/0'}]\n", "egress_grants[0].cidr"),
        ("egress_grants: [{tenants: [acme], cidr: nowhere}]\n", "egress_grants[0].cidr"),
        ("egress_grants: [{tenants: [acme], cidr: 10.0.0.0/33}]\n", "egress_grants[0].cidr"),
        ("egress_grants: [{tenants: [], cidr: 10.0.0.0/8}]\n", "egress_grants[0].tenants"),
        ("egress_grants: [{cidr: 10.0.0.0/8}]\n", "egress_grants[0].tenants"),
        ("egress_grants: [{tenants: [a], cidr: 10.0.0.0/8}]\n", "egress_grants[0].tenants[0]"),
        ("revocation: {lease: 5m}\n", "revocation.lease"),
        ("revocation: {lease: 2s, poll: 1500ms}\n", "revocation.poll"),
        ("listen: {port: 9090}\n", "admin.port"),
        ("listen: {tls: {cert_file: c.pem, key_file: k.pem}}\n", "listen.tls.cert_file"),
        ("listen: {tls: {cert_file: c.pem}}\n", "listen.tls.key_file"),
        ("seal_key_file: seal.key\n", "seal_key_file"),
        ("limits: {json_depth: 0}\n", "limits.json_depth"),
    ],
)
def test_what_would_open_a_door_is_refused(text: str, path: str, tmp_path: Path) -> None:
    assert f"{path}: " in refusal(SMALLEST + text, tmp_path)


def test_a_tls_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.pem").touch()
    (tmp_path / "k.pem").touch()
    (tmp_path / "k.pem").chmod(0o644)
    text = SMALLEST + "listen: {tls: {cert_file: c.pem, key_file: k.pem}}\n"

    assert refusal(text, tmp_path).startswith("listen.tls.key_file: everybody can read")

    (tmp_path / "k.pem").chmod(0o600)
    tls = parsed(text, tmp_path).listen.tls
    assert tls is not None
    assert tls.cert_file == tmp_path / "c.pem"
