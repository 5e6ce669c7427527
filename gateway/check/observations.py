"""What a check has seen so far. Filled by the probes, read by the judges; half full is fine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.check.answer import Answer
from gateway.check.asked import Json, Talk
from gateway.check.trials import Trial
from gateway.protocol.methods import LIST_MEMBER


@dataclass(slots=True)
class ListSeen:
    """The pages of one list, as far as they were read."""

    method: str
    pages: list[Answer] = field(default_factory=list)
    is_loop: bool = False
    has_more: bool = False

    @property
    def items(self) -> list[Any]:
        """What the pages list, in order, whatever it is."""
        found: list[Any] = []
        for page in self.pages:
            entries = (page.result or {}).get(LIST_MEMBER[self.method])
            found += entries if isinstance(entries, list) else []
        return found


@dataclass(slots=True)
class EraSeen:
    """One conversation in one era."""

    talk: Talk
    opening: Answer
    lists: dict[str, ListSeen] = field(default_factory=dict)
    methods: list[Answer] = field(default_factory=list)
    """Methods that the capabilities announce, asked rightly; they must succeed."""
    trials: list[tuple[Trial, Answer]] = field(default_factory=list)
    pings: list[Answer] = field(default_factory=list)
    listening: Answer | None = None
    call: Answer | None = None

    @property
    def capabilities(self) -> Json:
        """What the server says that it can do."""
        found = (self.opening.result or {}).get("capabilities")
        return found if isinstance(found, dict) else {}

    def can(self, capability: str) -> bool:
        """Whether a capability is announced."""
        return capability in self.capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSeen:
    """An authorization server of the metadata. `document` is None when there is none."""

    issuer: str
    document: Json | None = None
    problem: str = ""
    is_refused: bool = False
    """This check may not connect there."""


@dataclass(slots=True)
class AuthorizationSeen:
    """What follows from a 401."""

    refusal: Answer
    bad_token: Answer | None = None
    documents: dict[str, Json] = field(default_factory=dict)
    """Protected resource metadata by its URL, in the order in which clients look."""
    places: Mapping[str, str] = field(default_factory=dict)
    """URLs that were tried and what they are: challenge, path, root."""
    issuers: list[IssuerSeen] = field(default_factory=list)


@dataclass(slots=True)
class Observations:
    """Everything."""

    url: str
    has_credentials: bool = False
    discovery: Answer | None = None
    handshakes: dict[str, Answer] = field(default_factory=dict)
    impossible_handshake: Answer | None = None
    modern: EraSeen | None = None
    legacy: EraSeen | None = None
    door: Answer | None = None
    anonymous: Answer | None = None
    authorization: AuthorizationSeen | None = None
    security: list[tuple[Trial, Answer]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    is_complete: bool = False

    @property
    def eras(self) -> list[EraSeen]:
        """The conversations that there were, newest era first."""
        return [era for era in (self.modern, self.legacy) if era is not None]

    @property
    def is_refused(self) -> bool:
        """Whether the server wants credentials that the check does not have."""
        refused = {401, 403}
        openings = [self.discovery, *self.handshakes.values()]
        return not self.eras and any(o is not None and o.status in refused for o in openings)
