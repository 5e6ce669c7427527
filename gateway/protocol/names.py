"""The names under which an endpoint shows what its backends have.

Rules
- An endpoint of one backend shows names as they are; of several, `backend__name`.
- A shown name depends on the backend's name and the own name alone, never on what else is listed:
  a client's name stays good while other backends come and go.
- Prefixed names have at most 64 characters of `[A-Za-z0-9_-]`, which every model provider takes.
  What does not fit is cut or replaced and carries a hash of the own name.
- URIs are never changed. The first backend, in the endpoint's order, that lists one owns it.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.protocol.raw_json import read_object, read_string, write_object, write_value

SEPARATOR = "__"
MAX_NAME_LENGTH = 64
MAX_OWN_NAME_LENGTH = 256
MAX_URI_LENGTH = 8192

_HASH_LENGTH = 8
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing of a backend: its name here and there, and its raw item as a client gets it."""

    name: str
    backend: str
    own_name: str
    item: bytes


@dataclass(frozen=True, slots=True)
class Hidden:
    """One thing that is not shown, and why. `own_name` is None where it has no usable one."""

    backend: str
    own_name: str | None
    why: str


@dataclass(frozen=True, slots=True)
class NameTable:
    """What an endpoint shows of one kind, in order, found by shown name."""

    shown: tuple[Shown, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    _by_name: Mapping[str, Shown] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {entry.name: entry for entry in self.shown})

    def find(self, name: str) -> Shown | None:
        """What is shown under this name."""
        return self._by_name.get(name)

    def changed_names(self) -> Iterator[Shown]:
        """What is shown under another name than its prefix and own name say."""
        return (e for e in self.shown if e.name not in {e.own_name, plain(e.backend, e.own_name)})


def plain(backend: str, own_name: str) -> str:
    """The prefixed name before it is made to fit."""
    return f"{backend}{SEPARATOR}{own_name}"


def prefixed(backend: str, own_name: str) -> str:
    """The name under which an endpoint of several backends shows this."""
    whole = plain(backend, own_name)
    fitting = _FOREIGN.sub("_", whole)
    if fitting == whole and len(whole) <= MAX_NAME_LENGTH:
        return whole
    digest = hashlib.sha256(own_name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{fitting[: MAX_NAME_LENGTH - _HASH_LENGTH - 1]}_{digest}"


def split(name: str) -> tuple[str, str] | None:
    """Backend and the rest, at the first separator, None where there is none."""
    backend, separator, rest = name.partition(SEPARATOR)
    return (backend, rest) if separator and backend and rest else None


def build_name_table(
    backends: Sequence[str], catalogues: Mapping[str, Sequence[bytes]]
) -> NameTable:
    """The table of tools or prompts.

    `backends` are all of the endpoint's in its order, whether or not they answered; `catalogues`
    has the raw items of those that did.
    """
    is_alone = len(backends) == 1
    return _build(
        backends,
        catalogues,
        key="name",
        max_length=MAX_OWN_NAME_LENGTH,
        shown_name=(lambda _, own: own) if is_alone else prefixed,
    )


def build_uri_table(
    backends: Sequence[str], catalogues: Mapping[str, Sequence[bytes]], *, key: str = "uri"
) -> NameTable:
    """The table of resources (`uri`) or resource templates (`uriTemplate`)."""
    return _build(
        backends, catalogues, key=key, max_length=MAX_URI_LENGTH, shown_name=lambda _, own: own
    )


_NameOf = Callable[[str, str], str]


def _build(
    backends: Sequence[str],
    catalogues: Mapping[str, Sequence[bytes]],
    *,
    key: str,
    max_length: int,
    shown_name: _NameOf,
) -> NameTable:
    shown: dict[str, Shown] = {}
    hidden: list[Hidden] = []
    for backend, item in _items(backends, catalogues):
        own_name = _own_name(item, key, max_length)
        if own_name is None:
            hidden.append(Hidden(backend, None, f"it has no usable `{key}`"))
            continue
        name = shown_name(backend, own_name)
        if (first := shown.get(name)) is not None:
            hidden.append(Hidden(backend, own_name, f"{first.backend} has the same `{key}`"))
            continue
        shown[name] = Shown(name, backend, own_name, _renamed(item, key, own_name, name))
    return NameTable(tuple(shown.values()), tuple(hidden))


def _items(
    backends: Sequence[str], catalogues: Mapping[str, Sequence[bytes]]
) -> Iterator[tuple[str, bytes]]:
    for backend in backends:
        for item in catalogues.get(backend, ()):
            yield backend, item


def _own_name(item: bytes, key: str, max_length: int) -> str | None:
    name = read_string((read_object(item) or {}).get(key))
    if not name or len(name) > max_length or not name.isprintable():
        return None
    return name


def _renamed(item: bytes, key: str, own_name: str, name: str) -> bytes:
    if name == own_name:
        return item
    members = read_object(item) or {}
    return write_object(members | {key: write_value(name)})
