import os
from pathlib import Path

import pytest

from gateway.config.errors import InvalidConfig
from gateway.config.loading import find_file, load_config, parse_config
from gateway.config.model import LogLevel, Revocation
from tests.gateway.config.documents import SMALLEST, TENANT, parsed


def faults_of(text: str, directory: Path | None = None, **environ: str) -> dict[str, str]:
    with pytest.raises(InvalidConfig) as invalid:
        parsed(text, directory, **environ)
    return {fault.path: fault.message for fault in invalid.value.faults}


def test_one_line_is_enough(tmp_path: Path) -> None:
    config = parsed(SMALLEST, tmp_path)

    assert config.public_url == "https://mcp.example.com"
    assert config.state_dir == tmp_path / ".portcullis"
    assert config.database_url.reveal() == f"sqlite+aiosqlite:///{tmp_path}/.portcullis/registry.db"
    assert config.redis_url is None
    assert config.revocation == Revocation(lease_s=2, poll_s=1)
    assert config.admin.host == "127.0.0.1"


def test_durations_and_sizes_may_carry_units() -> None:
    text = (
        SMALLEST + "revocation: {lease: 1500ms, poll: 0.5}\n"
        "limits: {body_bytes: 1MiB, request: 5m, in_flight: 7}\n"
    )

    config = parsed(text)

    assert config.revocation == Revocation(lease_s=1.5, poll_s=0.5)
    assert (config.limits.body_bytes, config.limits.request_s) == (1024**2, 300)
    assert config.limits.in_flight == 7


def test_every_fault_is_in_one_report() -> None:
    found = faults_of(
        """
public_url: http://mcp.example.com
lisen: {port: 1}
admin: {prot: 9, port: high}
limits: {body_bytes: lots}
telemetry: {log_level: loud, trace_ratio: 2}
trusted_proxies: [10.0.0.1/8]
tenants:
  acme:
    issuers: []
"""
    )

    assert found == {
        "public_url": "must be https: tokens travel to it (http is for loopback alone)",
        "lisen": 'unknown key (did you mean "listen"?)',
        "admin.prot": 'unknown key (did you mean "port"?)',
        "admin.port": "must be a port, 0 to 65535; 0 takes a free one",
        "limits.body_bytes": "must be bytes, or a number with KiB, MiB or GiB, like 4MiB",
        "telemetry.log_level": "must be one of debug, info, warning, error",
        "telemetry.trace_ratio": "must be a number from 0 to 1",
        "trusted_proxies[0]": "10.0.0.1/8 is no network; the address must be its first, "
        "like 10.0.0.0/8",
        "tenants.acme.issuers": "must have at least 1 item",
        "tenants.acme.backends": "is missing",
    }


def test_the_report_names_the_file_and_counts() -> None:
    with pytest.raises(InvalidConfig) as invalid:
        parsed("{}")

    assert invalid.value.report() == (
        "configuration: 1 fault\n"
        "  public_url: is required: the URL that clients use, like https://mcp.example.com"
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "null\n"])
def test_an_empty_file_lacks_the_public_url(text: str) -> None:
    assert list(faults_of(text)) == ["public_url"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("- public_url", "(root)"),
        ("just text", "(root)"),
        ("a: [1", "line 1, column 6"),
        ("public_url: https://a.example\npublic_url: https://b.example\n", "public_url"),
        (SMALLEST + "1: one\n", "(root)"),
        (SMALLEST + "state_dir: !!python/object/apply:os.system [id]\n", "state_dir"),
        (SMALLEST + "state_dir: !!binary aGk=\n", "state_dir"),
        (SMALLEST + "telemetry: {trace_ratio: .nan}\n", "telemetry.trace_ratio"),
        (SMALLEST + "listen:\n", "listen"),
        ("public_url: \x07", "(root)"),
    ],
)
def test_what_is_no_plain_document_is_a_fault(text: str, path: str) -> None:
    assert path in faults_of(text)


def test_an_alias_to_itself_ends() -> None:
    found = faults_of(SMALLEST + "tenants: &a {acme: *a}\n")

    assert any("alias to itself" in message for message in found.values())


def test_a_date_is_text() -> None:
    config = parsed(SMALLEST + "state_dir: 2026-11-21\n", Path("/srv"))

    assert config.state_dir == Path("/srv/2026-11-21")


def test_the_environment_and_files_can_be_quoted(tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("rediss://:s3cr3t-enough@redis.example:6380\n")
    text = (
        "public_url: https://${HOST_NAME}\nlisten:\n  port: ${PORT}\n"
        "redis_url: ${file:redis}\nstate_dir: '$${HOME}'\n"
    )

    config = parsed(text, tmp_path, HOST_NAME="mcp.example.com", PORT="8443")

    assert config.public_url == "https://mcp.example.com"
    assert config.listen.port == 8443
    assert config.redis_url is not None
    assert config.redis_url.reveal() == "rediss://:s3cr3t-enough@redis.example:6380"
    assert config.state_dir == tmp_path / "${HOME}"


def test_a_reference_cannot_add_structure() -> None:
    found = faults_of("public_url: ${URL}\n", URL="https://a.example\nadmin: {port: 1}")

    assert list(found) == ["public_url"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("${NOT_SET}", "the environment variable NOT_SET is not set"),
        ("${EMPTY}", "the environment variable EMPTY is empty"),
        ("${a-b}", "${a-b} is neither ${NAME} nor ${file:/path}; a literal is $${"),
        ("${file:/no/such}", "cannot read /no/such: No such file or directory"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_fault_with_its_path(
    reference: str, message: str
) -> None:
    found = faults_of(SMALLEST + f"redis_url: {reference}\n", EMPTY="")

    assert found == {"redis_url": message}


def test_secrets_never_show() -> None:
    text = SMALLEST + "redis_url: rediss://:hunter2-hunter2@redis.example\n"

    assert "hunter2" not in repr(parsed(text))


def test_a_value_is_never_repeated_in_a_fault() -> None:
    text = SMALLEST + "redis_url: 'hunter2-hunter2'\nadmin: {port: hunter2-hunter2}\n"

    assert "hunter2" not in str(faults_of(text))


def test_variables_override_the_file_and_each_other() -> None:
    text = SMALLEST + "telemetry: {log_level: error}\nlisten: {port: 1}\n"
    environ = {
        "LOG_LEVEL": "WARNING",
        "REDIS_URL": "redis://localhost:1/0",
        "PORTCULLIS_REDIS_URL": "redis://localhost:2/0",
        "PORTCULLIS_LISTEN__PORT": "8000",
        "PORTCULLIS_TRUSTED_PROXIES": "[10.0.0.0/8]",
        "PORTCULLIS_REVOCATION__LEASE": "4s",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
    }

    config = parse_config(text, environ=environ, directory=Path("/nowhere"))

    assert config.telemetry.log_level is LogLevel.WARNING
    assert config.telemetry.otlp_endpoint == "http://localhost:4318"
    assert config.redis_url is not None
    assert config.redis_url.reveal() == "redis://localhost:2/0"
    assert config.listen.port == 8000
    assert [str(network) for network in config.trusted_proxies] == ["10.0.0.0/8"]
    assert config.revocation.lease_s == 4


def test_a_secret_may_come_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("rediss://:s3cr3t-enough@redis.example\n")

    config = parsed(SMALLEST, tmp_path, PORTCULLIS_REDIS_URL_FILE=str(tmp_path / "url"))

    assert config.redis_url is not None
    assert config.redis_url.reveal() == "rediss://:s3cr3t-enough@redis.example"


def test_a_fault_of_a_variable_names_the_variable() -> None:
    found = faults_of(SMALLEST, LOG_LEVEL="loud", PORTCULLIS_LISTEN__PROT="1")

    assert found["telemetry.log_level"].endswith("(it came from LOG_LEVEL)")
    assert found["PORTCULLIS_LISTEN__PROT"] == (
        'sets nothing (did you mean "PORTCULLIS_LISTEN__PORT"?)'
    )


def test_variables_that_others_own_are_left_alone() -> None:
    parsed(
        SMALLEST,
        PORTCULLIS_PORT="tcp://10.0.0.1:8080",
        PORTCULLIS_SERVICE_HOST="10.0.0.1",
        PORTCULLIS_ORDERS_TOKEN="for a backend",
    )


def test_the_file_is_searched_in_order(tmp_path: Path) -> None:
    here = tmp_path / "portcullis.yaml"
    other = tmp_path / "other.yaml"
    here.write_text(SMALLEST)
    named = {"PORTCULLIS_CONFIG": "other.yaml"}

    assert find_file(None, environ={}, cwd=tmp_path) == here
    assert find_file(None, environ=named, cwd=tmp_path) == other
    assert find_file(Path("third.yaml"), environ=named, cwd=tmp_path) == tmp_path / "third.yaml"


def test_no_file_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"/etc/portcullis/portcullis\.yaml"):
        load_config(None, environ={}, cwd=tmp_path)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="No such file"):
        load_config(Path("missing.yaml"), environ={}, cwd=tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"public_url: \xff")
    with pytest.raises(InvalidConfig, match="UTF-8"):
        load_config(Path("latin.yaml"), environ={}, cwd=tmp_path)


def test_tenants_are_read_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "portcullis.yaml").write_text(SMALLEST + TENANT)

    config = load_config(None, environ=dict(os.environ), cwd=tmp_path)

    assert [tenant.slug for tenant in config.tenants.values()] == ["acme"]
