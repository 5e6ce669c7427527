"""Reading a document that people write: every fault is reported, each at its path.

A `Part` is one place in the document. Asking it for a value that is not there in the right form
reports a fault and answers with a harmless stand-in, so that reading goes on to the next fault.
Rule: whoever reads must look at the faults before believing a value.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from math import isfinite
from typing import Any, TypeVar

from tenants.errors import Fault

E = TypeVar("E", bound=StrEnum)

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)\Z")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_./*-]+\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """One value of a document, its path, and where to report what is wrong with it."""

    value: Any
    path: str
    faults: list[Fault]

    def fault(self, message: str) -> None:
        """Report that something is wrong here."""
        self.faults.append(Fault(self.path, message))

    def members(self, known: Collection[str], *, needed: Collection[str] = ()) -> dict[str, "Part"]:
        """The members of a closed mapping; unknown and missing ones are faults."""
        found = self.entries()
        for key in [key for key in found if key not in known]:
            found.pop(key).fault(f"unknown key{suggestion(key, known)}")
        for key in [key for key in needed if key not in found and self._is_mapping()]:
            self.below(key, None).fault("is missing")
        return found

    def entries(self) -> dict[str, "Part"]:
        """The members of an open mapping, in their order."""
        if not self._is_mapping():
            self.fault("must be a mapping")
            return {}
        found = {}
        for key, value in self.value.items():
            if isinstance(key, str):
                found[key] = self.below(key, value)
            else:
                self.fault(f"key {key!r} must be a string (quote it)")
        return found

    def items(self, *, at_least: int = 0) -> list["Part"]:
        """The items of a list."""
        if not isinstance(self.value, list | tuple):
            self.fault("must be a list")
            return []
        if len(self.value) < at_least:
            self.fault(f"must have at least {at_least} item{'s' * (at_least > 1)}")
        return [Part(v, f"{self.path}[{i}]", self.faults) for i, v in enumerate(self.value)]

    def text(self, check: Callable[[str], str | None]) -> str:
        """A string of which `check` says None, or else what is wrong with it."""
        if not isinstance(self.value, str):
            self.fault("must be a string")
            return ""
        message = check(self.value)
        if message is not None:
            self.fault(message)
            return ""
        return self.value

    def texts(self, check: Callable[[str], str | None], *, at_least: int = 0) -> tuple[str, ...]:
        """A list of different strings."""
        found: list[str] = []
        for item in self.items(at_least=at_least):
            text = item.text(check)
            if text and text in found:
                item.fault("is there twice")
            elif text:
                found.append(text)
        return tuple(found)

    def choice(self, kind: type[E], default: E) -> E:
        """One of the values of an enumeration."""
        values = [member.value for member in kind]
        if self.value in values:
            return kind(self.value)
        self.fault(f"must be one of {', '.join(values)}{suggestion(str(self.value), values)}")
        return default

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            self.fault("must be true or false")
        return self.value is True

    def count(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.fault("must be a whole number")
        elif not low <= self.value <= high:
            self.fault(f"must be from {low} to {high}")
        else:
            return self.value
        return low

    def seconds(self, low: float, high: float) -> float:
        """A duration from `low` to `high` seconds: a number, or a text like `30s` or `5m`."""
        found = _seconds(self.value)
        if found is None:
            self.fault("must be a duration: a number of seconds, or a text like 30s, 5m, 250ms")
            return low
        if not low <= found <= high:
            self.fault(f"must be from {low:g} to {high:g} seconds")
            return low
        return found

    def below(self, key: str, value: Any) -> "Part":
        """The member `key` of this part."""
        step = f".{key}" if _PLAIN_KEY.match(key) else f"[{key!r}]"
        return Part(value, f"{self.path}{step}" if self.path else step.lstrip("."), self.faults)

    def _is_mapping(self) -> bool:
        return isinstance(self.value, Mapping)


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)` when one of the known words is close."""
    close = get_close_matches(wrong, list(known), n=1)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if isfinite(value) else None
    match = DURATION.match(value) if isinstance(value, str) else None
    return float(match[1]) * _SECONDS[match[2]] if match else None
