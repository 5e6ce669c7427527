"""The dated revisions of the protocol, oldest first, and the two eras that they fall into.

Rules
- Revisions are an enumerated list. They look like dates, and are never compared as strings.
- `initialize` belongs to the legacy era: it is never answered with a modern revision.
"""

from enum import StrEnum

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with the `initialize` handshake."""

MODERN = ("2026-07-28",)
"""Revisions whose every request carries its own envelope in `_meta`."""

KNOWN = LEGACY + MODERN
"""Every revision, oldest first."""

SERVED = tuple(reversed(KNOWN))
"""What a client is told when it asks for another one, newest first."""

LATEST_LEGACY = LEGACY[-1]
LATEST_MODERN = MODERN[-1]
WITHOUT_VERSION_HEADER = "2025-03-26"
"""What the 2025-06-18 text assumes of a legacy request that names no version."""


class Era(StrEnum):
    """How a conversation begins: by a handshake, or with every request."""

    LEGACY = "legacy"
    MODERN = "modern"


def era_of(revision: str) -> Era | None:
    """The era of a known revision, None for any other string."""
    if revision in MODERN:
        return Era.MODERN
    return Era.LEGACY if revision in LEGACY else None


def is_at_least(revision: str, floor: str) -> bool:
    """Whether a known revision is `floor` or newer; an unknown one never is."""
    return revision in KNOWN and KNOWN.index(revision) >= KNOWN.index(floor)


def negotiate(requested: str) -> str:
    """The answer to `initialize`: what was asked for if it is legacy, else the newest legacy."""
    return requested if requested in LEGACY else LATEST_LEGACY
