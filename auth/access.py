"""The one decision about an operation, with three answers. It serves list and call alike.

Rule: whoever filters a list and whoever checks a call asks the same `AccessPolicy.decide`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Allow:
    """Go ahead."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Listed; the call answers 403 naming all of `scopes` at once."""

    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Deny:
    """Not listed; the call is answered exactly like one of an unknown tool."""


Decision = Allow | Needs | Deny
ALLOW = Allow()
DENY = Deny()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """Scopes of an endpoint, of its methods and of its tools, and which tools exist at all.

    Patterns are shell globs over the names that the endpoint shows. `allow_tools` empty means
    every tool; `deny_tools` wins over it.
    """

    endpoint_scopes: frozenset[str] = frozenset()
    method_scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tool_scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    allow_tools: tuple[str, ...] = ()
    deny_tools: tuple[str, ...] = ()

    def decide(self, granted: frozenset[str], *, method: str, tool: str | None = None) -> Decision:
        """Say whether a token with `granted` scopes may use `method` (on `tool`)."""
        if tool is not None and not self._is_offered(tool):
            return DENY
        required = self.required(method=method, tool=tool)
        return ALLOW if required <= granted else Needs(required)

    def required(self, *, method: str, tool: str | None = None) -> frozenset[str]:
        """All scopes that the operation needs."""
        required = self.endpoint_scopes | self.method_scopes.get(method, frozenset())
        if tool is None:
            return required
        of_tool = (s for glob, s in self.tool_scopes.items() if fnmatchcase(tool, glob))
        return required.union(*of_tool)

    def every_scope(self) -> frozenset[str]:
        """What the endpoint may ever ask for (RFC 9728 `scopes_supported`)."""
        return self.endpoint_scopes.union(*self.method_scopes.values(), *self.tool_scopes.values())

    def _is_offered(self, tool: str) -> bool:
        if any(fnmatchcase(tool, glob) for glob in self.deny_tools):
            return False
        return not self.allow_tools or any(fnmatchcase(tool, glob) for glob in self.allow_tools)
