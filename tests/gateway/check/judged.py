"""Checking a server of the tests, and what its report looks like on the page.

Run as a module it prints the reports that the guide shows.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from auth.egress import EgressGrant, EgressGuard, TenantEgress
from gateway.check import Report, Target, check
from gateway.check.rule import Finding
from gateway.cli.check_report import head_of, places_of, summary_of
from tests.gateway.check.bad_server import bad_server
from tests.rigs.child import Child
from tests.rigs.dev_backends import start_backend
from tests.rigs.gateway import choose_public_url
from tests.rigs.node import node_script

URL_ON_THE_PAGE = "https://mcp.example.com/mcp"


def egress() -> TenantEgress:
    """A way out to loopback."""
    grant = EgressGrant(
        tenants=frozenset({"check"}),
        cidr=ip_network("127.0.0.0/8"),
        schemes=frozenset({"http"}),
    )
    return EgressGuard([grant]).for_tenant("check")


async def judged(url: str, **target: Any) -> Report:
    """The report about one server."""
    async with asyncio.timeout(60):
        return await check(Target(url=url, **target), egress())


def ids(report: Report) -> set[str]:
    """The broken rules."""
    return {finding.rule.id for finding in report.findings}


def found(report: Report, rule: str) -> list[Finding]:
    """Every place where one rule was broken."""
    return [finding for finding in report.findings if finding.rule.id == rule]


def shortened(report: Report) -> str:
    """A report as the guide shows it: without what changes from run to run."""
    head = [line for line in head_of(report) if "latency" not in line]
    rows = [
        f"{rule.severity.value:<8}{rule.id}: {places_of(findings)}"
        for rule, findings in report.broken().items()
    ]
    lines = [*head, *rows, summary_of(report)]
    return "\n".join(line.replace(report.url, URL_ON_THE_PAGE) for line in lines) + "\n"


@asynccontextmanager
async def everything(log_dir: Path, mode: str = "streamableHttp") -> AsyncIterator[str]:
    """The protocol's own reference server, from npm."""
    port = choose_public_url().rpartition(":")[2]
    command = [*await asyncio.to_thread(node_script, "everything.mjs"), mode, port]
    async with _running(lambda: Child(f"everything-{mode}", command, log_dir)) as url:
        yield url


@asynccontextmanager
async def sdk_server(log_dir: Path, name: str) -> AsyncIterator[str]:
    """One of the example servers on the official Python SDKs."""
    async with _running(lambda: start_backend(name, log_dir)) as url:
        yield url


@asynccontextmanager
async def _running(start: Callable[[], Child]) -> AsyncIterator[str]:
    child = await asyncio.to_thread(start)
    try:
        yield str((await asyncio.to_thread(child.announcement))["url"])
    finally:
        await asyncio.to_thread(child.__exit__, None, None, None)


@asynccontextmanager
async def bad(_log_dir: Path) -> AsyncIterator[str]:
    """The one that is bad on purpose."""
    async with bad_server() as backend:
        yield backend.url


SERVERS: Mapping[str, Callable[[Path], AbstractAsyncContextManager[str]]] = {
    "server-everything": everything,
    "python-sdk-1": lambda log_dir: sdk_server(log_dir, "stock"),
    "python-sdk-2": lambda log_dir: sdk_server(log_dir, "orders"),
    "bad": bad,
}
"""The servers whose reports are in the guide, by the mark above their report."""


async def _print_all() -> None:
    with tempfile.TemporaryDirectory(prefix="pc") as directory:
        for name, server in SERVERS.items():
            async with server(Path(directory)) as url:
                report = shortened(await judged(url))
            sys.stdout.write(f"<!-- check: {name} -->\n```text\n{report}```\n\n")


if __name__ == "__main__":
    asyncio.run(_print_all())
