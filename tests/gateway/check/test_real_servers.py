"""Servers that nobody here wrote, and a bad one: what is said of them is what the guide shows."""

from pathlib import Path

import pytest

from gateway.check import ToolCall
from gateway.check.rule import Severity
from tests.gateway.check.judged import (
    SERVERS,
    everything,
    found,
    ids,
    judged,
    sdk_server,
    shortened,
)
from tests.rigs.child import ROOT

GUIDE = ROOT / "docs" / "check.md"


@pytest.mark.parametrize("name", SERVERS)
async def test_the_guide_shows_the_report_of_this_very_server(name: str, tmp_path: Path) -> None:
    async with SERVERS[name](tmp_path) as url:
        report = await judged(url)

    shown = f"<!-- check: {name} -->\n```text\n{shortened(report)}```\n"
    assert shown in GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["orders", "stock", "library"])
async def test_a_server_on_an_official_sdk_breaks_no_rule_of_severity_error(
    name: str, tmp_path: Path
) -> None:
    async with sdk_server(tmp_path, name) as url:
        report = await judged(url)

    assert [f for f in report.findings if f.rule.severity is Severity.ERROR] == []
    assert report.latency_s is not None
    assert report.requests < 80


async def test_a_tool_is_called_only_when_it_is_named(tmp_path: Path) -> None:
    call = ToolCall(name="find_order", arguments={"number": "A-1001"})
    async with sdk_server(tmp_path, "orders") as url:
        good = await judged(url, call=call)
        wrong = await judged(url, call=ToolCall(name="find_order"))

    assert "messages.call" not in ids(good)
    assert [finding.where for finding in found(wrong, "messages.call")] == [
        "tools/call (2026-07-28)"
    ]


async def test_the_old_transport_is_recognised(tmp_path: Path) -> None:
    async with everything(tmp_path, "sse") as url:
        report = await judged(url)

    assert ids(report) == {"revisions.http-sse"}
    assert report.revisions == ()
