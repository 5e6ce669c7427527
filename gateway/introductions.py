"""How an endpoint introduces itself: `server/discover` and the answer to `initialize`.

An endpoint of one backend introduces that backend, as a client should not be able to tell the
gateway from it; one of several introduces itself. Backends that are absent or slow are named in
`_meta`.
"""

import msgspec

from gateway.endpoint_backends import Absent, Listing, Present
from gateway.protocol.capabilities import shown_to_client
from gateway.protocol.envelope import META
from gateway.protocol.raw_json import write_array, write_object, write_value
from gateway.protocol.results import stamp
from gateway.protocol.revisions import SERVED, Era
from gateway.version import VERSION

ABSENT_KEY = "io.portcullis/unavailableBackends"
STALE_KEY = "io.portcullis/staleBackends"
"""Not under a prefix that the specification reserves (2026-07-28, `_meta`)."""

IDENTITY = msgspec.json.encode({"name": "portcullis", "version": VERSION})
MAX_INSTRUCTIONS = 16_384


def discovered(listing: Listing) -> bytes:
    """The result of `server/discover`.

    It names every revision served, the legacy ones too, as a refused version is told: the suite
    holds the two lists against each other, and the specification's example of the refusal has both.
    """
    members = {
        "supportedVersions": msgspec.json.encode(list(SERVED)),
        "capabilities": shown_to_client(_announced(listing), Era.MODERN),
        **_instructions(listing),
        **absent_meta(listing),
    }
    result = write_object(members)
    return stamp(result, method="server/discover", server_info=server_info(listing))


def initialized(listing: Listing, revision: str) -> bytes:
    """The result of `initialize` at a negotiated revision."""
    return write_object(
        {
            "protocolVersion": write_value(revision),
            "capabilities": shown_to_client(_announced(listing), Era.LEGACY),
            "serverInfo": server_info(listing),
            **_instructions(listing),
            **absent_meta(listing),
        }
    )


def server_info(listing: Listing) -> bytes:
    """Who answers: the sole backend's own name, else the gateway's."""
    if len(listing.present) == 1 and not listing.absent:
        return listing.present[0].description.server_info or IDENTITY
    return IDENTITY


def absent_meta(listing: Listing) -> dict[str, bytes]:
    """The `_meta` member that names who is missing or out of date; nothing when nobody is."""
    named = {
        ABSENT_KEY: [_named(absent) for absent in listing.absent],
        STALE_KEY: [_aged(one) for one in listing.present if one.stale_s is not None],
    }
    members = {key: write_array(names) for key, names in named.items() if names}
    return {META: write_object(members)} if members else {}


def _aged(one: Present) -> bytes:
    return msgspec.json.encode({"backend": one.peer.name, "ageSeconds": int(one.stale_s or 0)})


def _named(absent: Absent) -> bytes:
    return msgspec.json.encode({"backend": absent.peer.name, "reason": absent.reason})


def _announced(listing: Listing) -> list[bytes]:
    return [one.description.capabilities for one in listing.present]


def _instructions(listing: Listing) -> dict[str, bytes]:
    """The sole backend's words, or each backend's under its name."""
    said = [
        (one.peer.name, one.description.instructions)
        for one in listing.present
        if one.description.instructions
    ]
    if not said:
        return {}
    if len(listing.present) == 1:
        text = said[0][1]
    else:
        text = "\n\n".join(f"{name}: {words}" for name, words in said)
    return {"instructions": write_value(text[:MAX_INSTRUCTIONS])}
