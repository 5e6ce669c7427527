"""Judging any MCP server: `await check(Target(url=...), egress)` gives a `Report`.

Requests are values (`asked`, `trials`), `wire` sends them, the probes say in which order, the
judges turn what was seen into findings of the rules in `rules`.
"""

from gateway.check.checking import Target, check
from gateway.check.era_probes import ToolCall
from gateway.check.report import Report
from gateway.check.wire import Unreachable

__all__ = ["Report", "Target", "ToolCall", "Unreachable", "check"]
