"""How many calls may run at once, and that places come back."""

import pytest

from auth.principal import Principal
from gateway.config.limits import Limits
from gateway.errors import Overloaded, RateLimited
from gateway.in_flight import InFlight

LIMITS = Limits(in_flight_per_user=2, in_flight_per_tenant=3, in_flight=4)


def somebody(subject: str = "ann", client: str = "cli") -> Principal:
    return Principal(issuer="https://issuer.example", subject=subject, client_id=client)


def test_a_user_has_so_many_calls_and_gets_a_place_back() -> None:
    calls = InFlight(LIMITS)
    with calls.enter("acme", somebody()):
        with calls.enter("acme", somebody()), pytest.raises(RateLimited) as refused:
            calls.enter("acme", somebody())
        with calls.enter("acme", somebody()):
            assert calls.total == 2

    assert refused.value.which == "the user's concurrency limit"
    assert refused.value.retry_after_s >= 1
    assert calls.total == 0


def test_the_same_subject_at_another_tenant_is_somebody_else() -> None:
    calls = InFlight(LIMITS)
    with calls.enter("acme", somebody()), calls.enter("acme", somebody()):
        calls.enter("globex", somebody())

        assert calls.total == 3


def test_a_tenant_has_so_many_calls() -> None:
    calls = InFlight(LIMITS)
    slots = [calls.enter("acme", somebody(name)) for name in ("a", "b", "c")]

    with pytest.raises(RateLimited, match="tenant"):
        calls.enter("acme", somebody("d"))

    slots[0].__exit__(None, None, None)
    with calls.enter("acme", somebody("d")):
        assert calls.total == 3


def test_the_process_has_so_many_calls() -> None:
    calls = InFlight(LIMITS)
    for number in range(4):
        calls.enter(f"tenant-{number}", somebody())

    with pytest.raises(Overloaded):
        calls.enter("another", somebody())


def test_a_refused_call_takes_no_place() -> None:
    calls = InFlight(LIMITS)
    with calls.enter("acme", somebody()), calls.enter("acme", somebody()):
        for _ in range(10):
            with pytest.raises(RateLimited):
                calls.enter("acme", somebody())

        assert calls.total == 2
    with calls.enter("acme", somebody()):
        assert calls.total == 1


def test_a_place_comes_back_when_a_call_fails() -> None:
    calls = InFlight(LIMITS)

    with pytest.raises(ZeroDivisionError), calls.enter("acme", somebody()):
        raise ZeroDivisionError

    assert calls.total == 0
