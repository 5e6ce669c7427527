"""What the gateway gives out and must recognise when it comes back: authenticated and encrypted.

The sealing root is a 0600 file shared by all nodes. Keys are derived from it per purpose
(HKDF-SHA256, RFC 5869), so that what was sealed for one purpose opens for no other. It is not
the key that protects secrets at rest.

A sealed token is base64url over `version | key id (4) | nonce (24) | ciphertext and tag`. The
first half of the nonce derives a key of its own for the token (HMAC-SHA256), the second is the
nonce of AES-256-GCM: random nonces then never wear a key out. Version, key id and what the token
is bound to are associated data. The time of issue is inside.

The file has one line, base64 of at least 32 random bytes, and after a rotation a second one:
base64 of the previous root, a space, and the Unix time until which that one is accepted.
"""

import base64
import binascii
import hmac
import os
import re
import stat
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tenants.keyspace import framed

ROOT_BYTES = 32
_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 24
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES
_ISSUED = struct.Struct(">d")
_TAG_BYTES = 16
_SHORTEST = _HEADER_BYTES + _NONCE_BYTES + _ISSUED.size + _TAG_BYTES
_CLOCK_SKEW_S = 60.0
_CANONICAL = re.compile(r"[A-Za-z0-9_-]+\Z")


class InvalidSeal(ValueError):
    """Not sealed here, not for this purpose or binding, altered, or too old. It says no more."""


class UnusableRoot(ValueError):
    """The sealing root's file cannot be trusted; the message says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class SealingRoot:
    """The current root and, for 12 h after a rotation, the previous one."""

    current: bytes
    previous: bytes | None = None

    @classmethod
    def load_or_create(cls, path: Path, *, now: Callable[[], float] = time.time) -> "SealingRoot":
        """Read the root at `path`; make a new one if there is none. Safe among many processes.

        Raises:
            UnusableRoot: others may read the file, or it holds too little.
        """
        if not path.exists():
            _create(path)
        return _parse(path, _read_private(path), now())

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """The 32-byte keys for `purpose`, the one to write with first."""
        roots = (self.current,) if self.previous is None else (self.current, self.previous)
        return tuple(_derive(root, purpose) for root in roots)

    def seal(self, purpose: str, *, now: Callable[[], float] = time.time) -> "Seal":
        """A seal for `purpose`."""
        return Seal(self.derive(purpose), now=now)


class Seal:
    """Seals and opens payloads of one purpose."""

    def __init__(self, keys: tuple[bytes, ...], *, now: Callable[[], float] = time.time) -> None:
        self._keys = {_key_id(key): key for key in reversed(keys)}
        self._key_id = _key_id(keys[0])
        self._now = now

    def seal(self, payload: bytes, *, bound_to: bytes) -> str:
        """Seal `payload` so that it opens only together with `bound_to`."""
        header = _VERSION + self._key_id
        nonce = os.urandom(_NONCE_BYTES)
        plain = _ISSUED.pack(self._now()) + payload
        sealed = _cipher(self._keys[self._key_id], nonce).encrypt(
            nonce[12:], plain, header + bound_to
        )
        return _encode(header + nonce + sealed)

    def open(self, token: str, *, bound_to: bytes, max_age_s: float) -> bytes:
        """Give the payload back.

        Raises:
            InvalidSeal: whatever is wrong with it.
        """
        raw = _decode(token)
        header, nonce, sealed = (
            raw[:_HEADER_BYTES],
            raw[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES],
            raw[_HEADER_BYTES + _NONCE_BYTES :],
        )
        key = self._keys.get(header[len(_VERSION) :])
        if key is None or not header.startswith(_VERSION):
            raise InvalidSeal("not sealed here")
        try:
            plain = _cipher(key, nonce).decrypt(nonce[12:], sealed, header + bound_to)
        except InvalidTag:
            raise InvalidSeal("not sealed here") from None
        (issued,) = _ISSUED.unpack_from(plain)
        if not -_CLOCK_SKEW_S <= self._now() - issued <= max_age_s:
            raise InvalidSeal("too old")
        return plain[_ISSUED.size :]


def _derive(root: bytes, purpose: str) -> bytes:
    info = framed("portcullis", purpose)
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(root)


def _key_id(key: bytes) -> bytes:
    return hmac.digest(key, b"key id", "sha256")[:_KEY_ID_BYTES]


def _cipher(key: bytes, nonce: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key, b"token" + nonce[:12], "sha256"))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(token: str) -> bytes:
    """Canonical base64url only: one token has one spelling."""
    if not _CANONICAL.match(token):
        raise InvalidSeal("not a sealed token")
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        raise InvalidSeal("not a sealed token") from None
    if len(raw) < _SHORTEST or _encode(raw) != token:
        raise InvalidSeal("not a sealed token")
    return raw


def _create(path: Path) -> None:
    """Write a new root beside `path` and link it there, unless another process was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made by mkstemp: O_EXCL, mode 0600. The link fails rather than replaces.
    with NamedTemporaryFile(dir=path.parent, prefix=".seal") as fresh:
        fresh.write(base64.urlsafe_b64encode(os.urandom(ROOT_BYTES)) + b"\n")
        fresh.flush()
        os.fsync(fresh.fileno())
        try:
            os.link(fresh.name, path)
        except FileExistsError:
            return


def _read_private(path: Path) -> str:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UnusableRoot(f"{path}: others may read it; chmod 0600")
        return file.read(4096).decode("ascii", "replace")


def _parse(path: Path, text: str, now: float) -> SealingRoot:
    lines = text.split("\n")
    current = _root(path, lines[0].strip())
    if len(lines) == 1 or not lines[1].strip():
        return SealingRoot(current)
    encoded, _, until = lines[1].strip().partition(" ")
    previous = _root(path, encoded)
    try:
        is_accepted = now < float(until)
    except ValueError:
        raise UnusableRoot(f"{path}: line 2 lacks the time until which it is accepted") from None
    return SealingRoot(current, previous if is_accepted else None)


def _root(path: Path, encoded: str) -> bytes:
    try:
        root = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise UnusableRoot(f"{path}: not base64") from None
    if len(root) < ROOT_BYTES:
        raise UnusableRoot(f"{path}: shorter than {ROOT_BYTES} bytes; openssl rand -base64 32")
    return root
