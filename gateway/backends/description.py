"""What a backend says of itself, in either era."""

from dataclasses import dataclass

from gateway.protocol.revisions import Era


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendDescription:
    """From `server/discover` or `initialize`. Capabilities and server info are raw JSON objects."""

    era: Era
    revision: str
    capabilities: bytes
    server_info: bytes | None = None
    instructions: str | None = None
