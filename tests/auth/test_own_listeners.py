import pytest

from auth.addresses import read_address
from auth.own_listeners import is_own_listener


@pytest.mark.parametrize(
    ("address", "port", "is_own"),
    [
        ("127.0.0.1", 9090, True),
        ("127.0.0.1", 9091, False),
        ("127.0.0.2", 9090, False),
        ("::ffff:127.0.0.1", 9090, True),
        ("0.0.0.0", 9090, True),  # noqa: S104 - a destination that the kernel takes for loopback
        ("::", 9090, True),
        ("127.0.0.2", 8080, True),
        ("::1", 8080, True),
        ("192.0.2.1", 8080, False),
        ("2001:db8::1", 8080, False),
    ],
)
def test_a_listener_is_known_by_every_address_that_reaches_it(
    address: str, port: int, *, is_own: bool
) -> None:
    listeners = frozenset({("127.0.0.1", 9090), ("::", 8080)})

    assert is_own_listener(read_address(address), port, listeners) is is_own
