"""The cycle collector of a serving gateway: rarer, and still at work."""

import gc
import subprocess
import sys

LOOK = """
import gc
from gateway.garbage import THRESHOLDS, settle_collector
settle_collector()
assert gc.isenabled() and gc.get_threshold() == THRESHOLDS and gc.get_freeze_count() > 0
class Cycle:
    alive = 0
    def __init__(self):
        Cycle.alive += 1
        self.itself = self
    def __del__(self):
        Cycle.alive -= 1
for _ in range(THRESHOLDS[0] * 3):
    Cycle()
print(Cycle.alive)
"""


def test_cycles_are_still_collected_while_the_start_is_left_alone() -> None:
    before = gc.get_threshold()

    look = [sys.executable, "-c", LOOK]
    alive = int(subprocess.check_output(look, text=True))  # noqa: S603 - our own words

    assert alive < 120_000
    assert gc.get_threshold() == before
