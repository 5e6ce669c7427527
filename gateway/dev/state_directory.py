"""The directory of one `dev`: who holds it, and the notes that other commands read.

`dev.json` says where everything is, from the moment it all answers until the end;
`dev-client.json` holds the development issuer's client. Both are readable by their owner only
and appear whole, by rename.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.dev.errors import DevFailed

DEFAULT = Path(".portcullis")


@dataclass(frozen=True, slots=True)
class TenantNote:
    """One tenant of a running `dev`: its default endpoint, a token for it, its tools."""

    endpoint: str
    token: str
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DevNote:
    """What `dev.json` says."""

    issuer: str
    admin: str
    tenants: Mapping[str, TenantNote]

    def document(self) -> dict[str, Any]:
        """The file's content."""
        tenants = {
            name: {"endpoint": note.endpoint, "token": note.token, "tools": list(note.tools)}
            for name, note in self.tenants.items()
        }
        return {"issuer": self.issuer, "admin": self.admin, "tenants": tenants}


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Paths below the state directory of a `dev`."""

    root: Path

    @property
    def note_path(self) -> Path:
        """Where `dev.json` is while everything answers."""
        return self.root / "dev.json"

    @property
    def client_path(self) -> Path:
        """Where the development issuer's client is."""
        return self.root / "dev-client.json"

    @property
    def log_dir(self) -> Path:
        """Where what the backends say on stderr goes."""
        return self.root / "logs"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory alone; on the way out the notes go.

        Raises:
            DevFailed: another `dev` runs in it.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log_dir.mkdir(mode=0o700, exist_ok=True)
        with (self.root / "dev.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                message = (
                    f"another `portcullis dev` runs in {self.root}; stop it, or use --state-dir"
                )
                raise DevFailed(message) from error
            try:
                self._remove_notes()
                yield
            finally:
                self._remove_notes()

    def write_note(self, note: DevNote) -> None:
        """Let `dev.json` appear."""
        write_private(self.note_path, note.document())

    def read_note(self) -> DevNote:
        """What a running `dev` noted. Raises DevFailed when there is none."""
        document = self._read(self.note_path)
        tenants = {
            name: TenantNote(each["endpoint"], each["token"], tuple(each["tools"]))
            for name, each in document["tenants"].items()
        }
        return DevNote(document["issuer"], document["admin"], tenants)

    def write_client(self, client_id: str, client_secret: str) -> None:
        """Note the client with which `token` asks the development issuer."""
        write_private(self.client_path, {"client_id": client_id, "client_secret": client_secret})

    def read_client(self) -> tuple[str, str]:
        """Id and secret of the development issuer's client."""
        document = self._read(self.client_path)
        return document["client_id"], document["client_secret"]

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            message = f"no running `portcullis dev` in {self.root}; start it, or use --state-dir"
            raise DevFailed(message) from error
        return document

    def _remove_notes(self) -> None:
        self.note_path.unlink(missing_ok=True)
        self.client_path.unlink(missing_ok=True)


def write_private(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON that only its owner can read; readers see all of it or nothing."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    draft.replace(path)
