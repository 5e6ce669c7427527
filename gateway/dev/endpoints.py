"""Where the endpoints of a running `dev` are."""

from gateway.dev.errors import DevFailed
from gateway.dev.state_directory import DevNote


def endpoint_url(note: DevNote, tenant: str, endpoint: str = "") -> str:
    """The URL of a tenant's default endpoint, or of another one by name."""
    if tenant not in note.tenants:
        raise DevFailed(f"there is no tenant {tenant}; there are {', '.join(note.tenants)}")
    default = note.tenants[tenant].endpoint
    return default.removesuffix("/mcp") + f"/{endpoint}/mcp" if endpoint else default
