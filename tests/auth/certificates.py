"""A certificate authority that lives as long as a test."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs server certificates for addresses."""

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())
        self._name = _name("authority")
        self._now = datetime.now(UTC)
        self._certificate = (
            self._builder(self._name, self._key.public_key(), is_expired=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, SHA256())
        )

    def write(self, directory: Path) -> str:
        path = directory / "ca.pem"
        path.write_bytes(self._certificate.public_bytes(Encoding.PEM))
        return str(path)

    def server_context(
        self, directory: Path, address: str, *, is_expired: bool = False
    ) -> ssl.SSLContext:
        key = generate_private_key(SECP256R1())
        certificate = (
            self._builder(_name(address), key.public_key(), is_expired=is_expired)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
            )
            .sign(self._key, SHA256())
        )
        path = directory / "server.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(
        self, subject: x509.Name, key: EllipticCurvePublicKey, *, is_expired: bool
    ) -> x509.CertificateBuilder:
        end = self._now - timedelta(days=1) if is_expired else self._now + timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - timedelta(days=2))
            .not_valid_after(end)
        )
