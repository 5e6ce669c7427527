"""What the pages name exists, and what they show as an example is one."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from auth.errors import TokenFault
from gateway.config.limits import Limits
from gateway.config.loading import parse_config
from gateway.error_responses import INTERNAL_ERROR, TABLE
from gateway.snippets import CLIENTS, Target
from observability import events
from observability.instruments import Instruments

ROOT = Path(__file__).parent.parent
FLOORS = ("auth", "gateway", "observability", "tenants")
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
GUIDES = [path for path in PAGES if path.parent.name != "decisions"]
DECISIONS = sorted(ROOT.glob("docs/decisions/[0-9]*.md"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
EXAMPLE = Target(name="acme", url="https://mcp.example.com/t/acme/mcp")

SPAN = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)")
PLACE = re.compile(
    r"(?:auth|bench|docs|gateway|observability|tenants|tests)/[\w./-]+|uv\.lock|run\.sh"
)
WORD = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")
METRIC = re.compile(r"(?:portcullis|mcp)_\w+_(?:seconds|total|active|in_flight)\b")
COMMAND = re.compile(r"(?:^|[ /`(])portcullis (?P<name>[a-z-]+)(?P<rest>[^\n`|]*)", re.MULTILINE)

# Words of others that no source of ours has to contain.
FOREIGN_WORDS = {"trace_id"}


class Block(NamedTuple):
    """A fenced block: the comment above it, its language, its text."""

    mark: str
    kind: str
    text: str


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(text: str) -> Iterator[Block]:
    for found in FENCE.finditer(text):
        yield Block(found["mark"] or "", found["kind"], found["text"])


def spans(text: str) -> list[str]:
    return SPAN.findall(FENCE.sub("", text))


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split(" | ")]


def rows(text: str, first: str) -> Iterator[list[str]]:
    """The rows of the table whose first heading is `first`."""
    lines = text[text.index(f"| {first} |") :].splitlines()
    for line in lines[2:]:
        if not line.startswith("|"):
            return
        yield cells(line)


@cache
def sources() -> str:
    paths = [
        path
        for floor in FLOORS
        for pattern in ("*.py", "*.json")
        for path in (ROOT / floor).rglob(pattern)
    ]
    return "\n".join(text_of(path) for path in [*paths, *(ROOT / "tests/rigs").glob("*.py")])


@cache
def words_of_sources() -> frozenset[str]:
    return frozenset(re.findall(r"[A-Za-z0-9_]+", sources()))


@cache
def help_of(command: str) -> str:
    words = [command, "--help"] if command else ["--help"]
    program = "import sys; from gateway.cli import main; sys.exit(main())"
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


def commands() -> set[str]:
    listed = help_of("").partition("Commands:")[2]
    return set(re.findall(r"^  ([a-z][a-z-]+) ", listed, re.MULTILINE))


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_every_relative_link_leads_to_a_file(path: Path) -> None:
    targets = LINK.findall(FENCE.sub("", text_of(path)))

    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_every_place_that_is_named_exists(path: Path) -> None:
    named = {found for span in spans(text_of(path)) for found in PLACE.findall(span)}

    missing = {n for n in named if not (ROOT / n).exists() and not (ROOT / f"{n}.py").exists()}

    assert {name for name in missing if not (ROOT / name.rstrip(".")).exists()} == set()


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_every_command_and_option_that_is_named_exists(path: Path) -> None:
    text = text_of(path)
    code = [b.text for b in blocks(text) if b.kind in {"sh", "text"}] + spans(text)

    for found in COMMAND.finditer("\n".join(code)):
        assert found["name"] in commands(), found[0]
        for option in re.findall(r"(?<= )--[a-z-]+", found["rest"]):
            assert re.search(rf"{option}\b", help_of(found["name"])), found[0]


@pytest.mark.parametrize("path", GUIDES, ids=relative)
def test_every_name_that_is_code_is_in_the_code(path: Path) -> None:
    unplaced = [PLACE.sub("", span) for span in spans(text_of(path))]
    named = {word for span in unplaced for word in WORD.findall(span)}

    assert named - words_of_sources() - FOREIGN_WORDS - set(metric_names()) == set()


@cache
def metric_names() -> frozenset[str]:
    rendered = Instruments().render().decode()
    found = set(re.findall(r"^# TYPE (\S+)", rendered, re.MULTILINE))
    return frozenset(found | {f"{name}_total" for name in found})


@pytest.mark.parametrize("path", GUIDES, ids=relative)
def test_every_metric_that_is_named_is_exported(path: Path) -> None:
    named = set(METRIC.findall(text_of(path)))

    assert named - metric_names() == set()


def test_every_event_of_the_telemetry_page_is_written_somewhere() -> None:
    names = {value: name for name, value in vars(events).items() if name.isupper()}
    page = text_of(ROOT / "docs/telemetry.md").partition("### Other events\n")[2]
    listed = {span for span in spans(page.partition("\n## ")[0]) if WORD.fullmatch(span)}

    assert listed >= set(names) - {events.REQUEST_SERVED, events.AUDIT}
    assert [event for event in listed if f"events.{names[event]}" not in sources()] == []


def test_what_claims_to_be_a_configuration_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text("PEM")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "redis-url").write_text("rediss://:k3y@redis.example.com:6379/0\n")
    environ = {"HOST_NAME": "mcp.example.com", "ORDERS_TOKEN": "t0ken"}
    found = [(path, b.text) for path in PAGES for b in blocks(text_of(path)) if b.kind == "yaml"]

    for path, text in found:
        config = parse_config(text, environ=environ, directory=tmp_path, source=relative(path))
        assert config.public_url == "https://mcp.example.com", path

    assert {relative(path) for path, _ in found} >= {"README.md", "docs/tenants.md"}


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_what_claims_to_be_json_is_json(path: Path) -> None:
    for block in blocks(text_of(path)):
        if block.kind == "json":
            json.loads(block.text)


@pytest.mark.parametrize("page", ["README.md", "docs/clients.md"])
def test_snippets_are_those_that_the_gateway_makes(page: str) -> None:
    shown = {
        block.mark.removeprefix("snippet: "): block.text.strip()
        for block in blocks(text_of(ROOT / page))
        if block.mark.startswith("snippet: ")
    }

    assert set(shown) >= {"vscode", "claude", "cursor", "inspector"}
    for client, text in shown.items():
        assert text == CLIENTS[client](EXAMPLE).text
    assert page == "README.md" or set(shown) == set(CLIENTS)


def test_the_limits_of_the_readme_are_the_defaults() -> None:
    units = {"": 1, "s": 1, "KiB": 1024, "MiB": 1024**2}
    shown = {}
    for name, value, _ in rows(README, "limit"):
        number, _, unit = value.partition(" ")
        shown[name.strip("`")] = int(number) * units[unit]

    assert shown == {f.name.removesuffix("_s"): f.default for f in fields(Limits)}


def test_every_refusal_is_explained_with_its_status_and_code() -> None:
    shown = {row[0].strip("`"): (row[1], row[2]) for row in rows(OPERATING, "reason")}
    expected = {INTERNAL_ERROR: ("500", "-32603")}
    for error, row in TABLE.items():
        reason = str(getattr(error, "reason"))  # noqa: B009 - a class variable of each leaf
        expected.setdefault(reason, (str(row.status), "-" if row.code is None else str(row.code)))
    del expected["invalid_definition"]  # never on the way of a request

    assert shown == expected


def test_every_fault_of_a_token_is_explained() -> None:
    causes = {word for row in rows(OPERATING, "cause") for word in SPAN.findall(row[0])}

    assert causes == set(TokenFault)


def test_every_page_is_reachable_from_the_readme() -> None:
    linked = {(ROOT / target).resolve() for target in LINK.findall(README)}
    pages = [path for path in GUIDES if path.parent.name == "docs"]

    assert [relative(path) for path in pages if path.resolve() not in linked] == []


def test_every_decision_is_listed_under_its_title() -> None:
    index = text_of(ROOT / "docs/decisions/README.md")

    for number, path in enumerate(DECISIONS, start=1):
        title = text_of(path).splitlines()[0]
        assert title.startswith(f"# {number:04d} "), path
        assert f"| [{number:04d}]({path.name}) | {title[7:]} |" in index


@pytest.mark.parametrize("path", DECISIONS, ids=relative)
def test_a_decision_says_status_context_choice_and_cost(path: Path) -> None:
    text = text_of(path)

    assert re.search(r"^Status: (accepted|replaced by \d{4})$", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Choice", "Cost"]
