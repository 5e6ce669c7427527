from tenants.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock=clock, threshold=3, cooldown_s=0.25)
    for _ in range(3):
        assert breaker.admits()
        breaker.failed()
    return breaker


def test_three_failures_in_a_row_open_it() -> None:
    breaker = opened(Clock())

    assert breaker.is_open
    assert not breaker.admits()


def test_failures_with_a_success_between_them_do_not() -> None:
    breaker = Breaker(clock=Clock())
    for _ in range(10):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()

    assert breaker.admits()


def test_while_open_one_attempt_passes_each_cooldown() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.time += 0.3

    assert [breaker.admits() for _ in range(5)] == [True, False, False, False, False]


def test_a_success_closes_it_at_once() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.time += 0.3
    assert breaker.admits()

    breaker.succeeded()

    assert not breaker.is_open
    assert all(breaker.admits() for _ in range(5))
