"""The endpoint that every backend has of its own name, and what protects it.

Rules
- Nobody writes these endpoints, so nothing may become reachable through one that the default
  endpoint guards: the access policy is derived from the default endpoint's, translated from the
  names shown there (`backend__tool`, or the bare name when it has one backend) to bare names.
- A backend that only other written endpoints carry gets none: which of their policies to follow
  would be a guess. Writing an endpoint of the backend's name gives it one.
- Audiences are not inherited: a token for one endpoint opens no other unless somebody lists it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from auth.access import AccessPolicy
from tenants.model import DEFAULT_ENDPOINT, Endpoint


def with_own_endpoints(
    written: Mapping[str, Endpoint], backends: Iterable[str]
) -> dict[str, Endpoint]:
    """The written endpoints, and after them the derived ones."""
    endpoints = dict(written)
    if not endpoints:
        endpoints[DEFAULT_ENDPOINT] = Endpoint(name=DEFAULT_ENDPOINT, backends=tuple(backends))
    for backend in backends:
        if backend not in endpoints:
            own = _own_endpoint(backend, endpoints)
            if own is not None:
                endpoints[backend] = own
    return endpoints


def _own_endpoint(backend: str, endpoints: Mapping[str, Endpoint]) -> Endpoint | None:
    default = endpoints.get(DEFAULT_ENDPOINT)
    if default is not None and backend in default.backends:
        prefix = f"{backend}__" if len(default.backends) > 1 else ""
        return Endpoint(name=backend, backends=(backend,), access=seen_past(prefix, default.access))
    if any(backend in endpoint.backends for endpoint in endpoints.values()):
        return None
    return Endpoint(name=backend, backends=(backend,))


def seen_past(prefix: str, policy: AccessPolicy) -> AccessPolicy:
    """The policy that decides about `name` as `policy` decides about `prefix + name`."""
    tool_scopes: dict[str, frozenset[str]] = {}
    for glob, scopes in policy.tool_scopes.items():
        for rest in rests(glob, prefix):
            tool_scopes[rest] = tool_scopes.get(rest, frozenset()) | scopes
    allowed = _every_rest(policy.allow_tools, prefix)
    denied = _every_rest(policy.deny_tools, prefix)
    if policy.allow_tools and not allowed:
        # An empty list of allowed tools means every tool, and here it is none.
        denied = ("*",)
    return replace(policy, tool_scopes=tool_scopes, allow_tools=allowed, deny_tools=denied)


def rests(glob: str, prefix: str) -> tuple[str, ...]:
    """Globs of which one matches `name` exactly when `glob` matches `prefix + name`.

    It walks the glob over the prefix, keeping every place where the match may stand: a `*` may
    have ended before the prefix does, or not.
    """
    tokens = _tokens(glob)
    places = _with_skipped_stars({0}, tokens)
    for character in prefix:
        places = _with_skipped_stars(set(_steps(places, tokens, character)), tokens)
    starred = {i + 1 for i in places if i < len(tokens) and tokens[i] == "*"}
    return tuple("".join(tokens[i:]) for i in sorted(places - starred) if i < len(tokens))


def _every_rest(globs: Iterable[str], prefix: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rest for glob in globs for rest in rests(glob, prefix)))


def _steps(places: Iterable[int], tokens: list[str], character: str) -> Iterable[int]:
    for i in places:
        if i < len(tokens) and tokens[i] == "*":
            yield i
        elif i < len(tokens) and fnmatchcase(character, tokens[i]):
            yield i + 1


def _with_skipped_stars(places: set[int], tokens: list[str]) -> set[int]:
    closed = set(places)
    for i in sorted(places):
        end = i
        while end < len(tokens) and tokens[end] == "*":
            end += 1
            closed.add(end)
    return closed


def _tokens(glob: str) -> list[str]:
    tokens = []
    at = 0
    while at < len(glob):
        end = _class_end(glob, at) if glob[at] == "[" else at + 1
        tokens.append(glob[at:end])
        at = end
    return tokens


def _class_end(glob: str, at: int) -> int:
    # As fnmatch reads it: a `]` that stands first belongs to the class; without an end, `[` is
    # a character like any other.
    first = at + 1 + (glob[at + 1 : at + 2] == "!")
    close = glob.find("]", first + 1)
    return close + 1 if close >= 0 else at + 1
