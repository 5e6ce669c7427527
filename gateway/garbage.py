"""How Python's cycle collector runs in a gateway that serves.

A call leaves many short-lived containers and few cycles. With the default thresholds a full
collection walks everything that was built at registration several times a second, and the calls
that meet it wait tens of milliseconds (decision 0028).
"""

import gc

THRESHOLDS = (50_000, 20, 50)
"""Allocations before the youngest generation is collected, then collections between the others."""


def settle_collector() -> None:
    """Leave what the start built out of collections for good, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
