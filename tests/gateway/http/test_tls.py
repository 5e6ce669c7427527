"""H25: a listener of its own with TLS."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.tls import server_context
from tests.gateway.http.front import Front, running_front
from tests.gateway.http.wire import connected

DAY = timedelta(days=1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def secure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    """A gateway whose data listener ends TLS itself."""
    directory = tmp_path_factory.mktemp("tls")
    tls = _self_signed(directory)
    async with running_front(limits={"headers": 1}, tls=tls) as running:
        yield running


def _trusting(front: Front) -> ssl.SSLContext:
    assert front.certificate is not None
    return ssl.create_default_context(cafile=front.certificate)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_call_over_tls_is_served(secure: Front) -> None:
    async with connected(secure.port, tls=_trusting(secure)) as wire:
        await wire.send(secure.call())
        answer = await wire.answer()

    assert answer.status == 200
    assert secure.gateway.public_url.startswith("https://")


@pytest.mark.asyncio(loop_scope="session")
async def test_h25_plain_http_on_the_tls_port_is_refused(secure: Front) -> None:
    async with secure.unharmed(), connected(secure.port) as wire:
        await wire.send(secure.call())
        said = await wire.rest()

    assert not said.startswith(b"HTTP/")


@pytest.mark.asyncio(loop_scope="session")
async def test_h25_a_handshake_that_is_not_finished_is_let_go(secure: Front) -> None:
    async with secure.unharmed(), connected(secure.port) as wire:
        await wire.send(b"\x16\x03\x01")
        assert await wire.is_closed(5)


@pytest.mark.asyncio(loop_scope="session")
async def test_h25_another_name_in_the_handshake_than_in_the_host_is_refused(
    secure: Front,
) -> None:
    call = secure.call(("Host", "localhost.evil.com"), without=("Host",))

    answer = await secure.refused(call)

    assert answer.status == 421


@pytest.mark.asyncio(loop_scope="session")
async def test_h25_tls_older_than_1_2_is_refused(secure: Front) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", secure.port, ssl=context, server_hostname="x")


def test_h25_renegotiation_and_compression_are_switched_off(tmp_path: Path) -> None:
    context = server_context(*_self_signed(tmp_path))

    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION


def _self_signed(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = directory / "cert.pem", directory / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file
