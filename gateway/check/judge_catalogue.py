"""Judging names, schemas and pages. Pure.

A definition that both eras list alike is judged once.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gateway.check.answer import shown
from gateway.check.asked import Json
from gateway.check.hidden_text import hidden_characters
from gateway.check.judge_schemas import judge_input_schema, judge_output_schema
from gateway.check.observations import ListSeen, Observations
from gateway.check.rule import Finding
from gateway.check.rules import catalogue as rules
from gateway.protocol.methods import ITEM_KEY

MAX_NAME = 64
PREFIX_ROOM = 24
"""What prefixes take: `mcp__` and a server's name, or a backend's name and `__`."""
MAX_DESCRIPTION = 2048
MAX_DEFINITION_BYTES = 16 * 1024
MAX_LIST_BYTES = 256 * 1024
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+").fullmatch
_KINDS = {
    "prompts/list": "prompt",
    "resources/list": "resource",
    "resources/templates/list": "template",
    "tools/list": "tool",
}


def judge_catalogue(seen: Observations) -> Iterator[Finding]:
    """Everything that is listed."""
    for era in seen.eras:
        for listed in era.lists.values():
            yield from _pages(listed)
            yield from _items(listed)


def _pages(listed: ListSeen) -> Iterator[Finding]:
    if not listed.pages:
        return
    last = listed.pages[-1]
    if "nextCursor" in (last.result or {}) and not (last.result or {})["nextCursor"]:
        yield rules.EMPTY_CURSOR.at(last.where, repr((last.result or {})["nextCursor"]))
    if listed.is_loop:
        yield rules.CURSOR_LOOP.at(last.where, f"on page {len(listed.pages)}")
    if listed.has_more:
        yield rules.MANY_PAGES.at(last.where, f"more than {len(listed.pages)}")


def _items(listed: ListSeen) -> Iterator[Finding]:
    key, kind = ITEM_KEY[listed.method], _KINDS[listed.method]
    names: Counter[str] = Counter()
    for item in listed.items:
        name = item.get(key) if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(name, str) or not name:
            yield rules.NO_NAME.at(listed.method, shown(json.dumps(item)))
            continue
        names[name] += 1
        where = f"{kind} {shown(name)}"
        yield from _hidden(where, item)
        yield from _tool(where, name, item) if kind == "tool" else _other(where, kind, name, item)
    for name, times in names.items():
        if times > 1:
            yield rules.DUPLICATE.at(f"{kind} {shown(name)}", f"{times} times")
    if listed.method == "tools/list":
        yield from _whole(listed.items)


def _whole(items: list[Any]) -> Iterator[Finding]:
    size = _size(items)
    if size > MAX_LIST_BYTES:
        yield rules.LARGE_LIST.at("tools/list", f"{size // 1024} KiB")


def _hidden(where: str, item: Json) -> Iterator[Finding]:
    found = sorted({name for text in _texts(item) for name in hidden_characters(text)})
    if found:
        yield rules.HIDDEN_TEXT.at(where, ", ".join(found[:8]))


def _texts(value: Any) -> Iterator[str]:
    """Every string below a value, names of members too."""
    remaining = [value]
    while remaining:
        each = remaining.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, list):
            remaining.extend(each)
        elif isinstance(each, dict):
            remaining.extend((*each.keys(), *each.values()))


def _tool(where: str, name: str, tool: Json) -> Iterator[Finding]:
    if not _NAME(name):
        yield rules.NAME_CHARACTERS.at(where, f"{len(name)} characters")
    elif len(name) + PREFIX_ROOM > MAX_NAME:
        yield rules.NAME_LENGTH.at(where, f"{len(name)} characters")
    description = tool.get("description")
    if not isinstance(description, str) or not description.strip():
        yield rules.NO_DESCRIPTION.at(where, "none")
    elif len(description) > MAX_DESCRIPTION:
        yield rules.LONG_DESCRIPTION.at(where, f"{len(description)} characters")
    if _size(tool) > MAX_DEFINITION_BYTES:
        yield rules.LARGE_SCHEMA.at(where, f"{_size(tool) // 1024} KiB")
    yield from judge_input_schema(where, tool.get("inputSchema"))
    if "outputSchema" in tool:
        yield from judge_output_schema(where, tool["outputSchema"])


def _other(where: str, kind: str, name: str, item: Json) -> Iterator[Finding]:
    if not isinstance(item.get("name"), str):
        yield rules.NO_NAME.at(where, "no `name`")
    if kind in {"resource", "template"} and not _URI(name) and not name.startswith("{"):
        yield rules.BAD_URI.at(where, shown(name))


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
