"""What a URL says about where its server is. Pure: no name is resolved."""

from auth.destinations import read_destination


def is_loopback(url: str) -> bool:
    """Whether the URL names this machine by its address or as localhost."""
    address = read_destination(url).address
    return address is not None and address.is_loopback


def is_plain_http(url: str) -> bool:
    """Whether the URL has no TLS though it leads elsewhere."""
    return read_destination(url).scheme == "http" and not is_loopback(url)
