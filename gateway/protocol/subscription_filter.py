"""What a subscription is about (2026-07-28, `subscriptions/listen`): pure.

Rules
- A kind is opt-in. Unknown members, and kinds that are not `true`, are nothing.
- A backend is asked for those parts alone that its capabilities promise.
- A resource is updated with whatever lies below its URI ("this might be a sub-resource").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.errors import InvalidParams
from gateway.protocol.capabilities import flags
from gateway.protocol.names import MAX_URI_LENGTH
from gateway.protocol.raw_json import (
    read_array,
    read_object,
    read_string,
    write_array,
    write_object,
    write_value,
)
from gateway.protocol.tasks import declares_tasks

NOTIFICATIONS = "notifications"
RESOURCES = "resourceSubscriptions"
TASKS = "taskIds"
UPDATED = "notifications/resources/updated"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
SUBSCRIPTION_ID_KEY = "io.modelcontextprotocol/subscriptionId"
MAX_SUBJECTS = 200
"""Of resources, and of tasks, that one stream is about."""
MAX_HANDLE_LENGTH = 4096


class Kind(NamedTuple):
    """A kind of list: how its changes are told, who promises them, what they are changes of."""

    notification: str
    capability: str
    method: str


KINDS: Mapping[str, Kind] = {
    "toolsListChanged": Kind("notifications/tools/list_changed", "tools", "tools/list"),
    "promptsListChanged": Kind("notifications/prompts/list_changed", "prompts", "prompts/list"),
    "resourcesListChanged": Kind(
        "notifications/resources/list_changed", "resources", "resources/list"
    ),
}
KIND_OF = {kind.notification: name for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFilter:
    """Kinds of lists, URIs of resources and ids of tasks, each in the order asked for."""

    kinds: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it is about nothing."""
        return not (self.kinds or self.uris or self.tasks)

    def within(self, others: Iterable["SubscriptionFilter"]) -> "SubscriptionFilter":
        """What of this is in any of the others."""
        kinds, uris, tasks = set[str](), set[str](), set[str]()
        for other in others:
            kinds.update(other.kinds)
            uris.update(other.uris)
            tasks.update(other.tasks)
        return SubscriptionFilter(
            kinds=tuple(kind for kind in self.kinds if kind in kinds),
            uris=tuple(uri for uri in self.uris if uri in uris),
            tasks=tuple(task for task in self.tasks if task in tasks),
        )

    def promised_by(self, capabilities: bytes) -> "SubscriptionFilter":
        """What of this a backend with these raw capabilities can serve."""
        members = read_object(capabilities) or {}
        said = {name: flags(raw) for name, raw in members.items()}
        return SubscriptionFilter(
            kinds=tuple(
                kind
                for kind in self.kinds
                if "listChanged" in said.get(KINDS[kind].capability, frozenset())
            ),
            uris=self.uris if "subscribe" in said.get("resources", frozenset()) else (),
            tasks=self.tasks if declares_tasks(capabilities) else (),
        )

    def uri_over(self, uri: str) -> str | None:
        """The URI subscribed to that an updated one is, or lies below."""
        if uri in self.uris:
            return uri
        return next((own for own in self.uris if uri.startswith(f"{own.rstrip('/')}/")), None)

    def written(self) -> bytes:
        """The raw filter, as a request or an acknowledgement has it."""
        members = dict.fromkeys(self.kinds, b"true")
        for name, values in ((RESOURCES, self.uris), (TASKS, self.tasks)):
            if values:
                members[name] = write_array([write_value(value) for value in values])
        return write_object(members)


def read_filter(params: Mapping[str, bytes] | None) -> SubscriptionFilter:
    """What a client subscribes to.

    Raises:
        InvalidParams: it does not say, or too much.
    """
    members = read_object((params or {}).get(NOTIFICATIONS, b"null"))
    if members is None:
        raise InvalidParams(f"`{NOTIFICATIONS}` must be an object")
    return SubscriptionFilter(
        kinds=tuple(kind for kind in KINDS if members.get(kind) == b"true"),
        uris=_subjects(members, RESOURCES, MAX_URI_LENGTH),
        tasks=_subjects(members, TASKS, MAX_HANDLE_LENGTH),
    )


def read_acknowledged(params: Mapping[str, bytes] | None) -> SubscriptionFilter:
    """What a backend says that it will tell; what cannot be read is nothing."""
    try:
        return read_filter(params)
    except InvalidParams:
        return SubscriptionFilter()


def _subjects(members: Mapping[str, bytes], name: str, max_length: int) -> tuple[str, ...]:
    raw = members.get(name)
    if raw is None or raw == b"null":
        return ()
    found = [read_string(item) for item in read_array(raw) or [b"null"]]
    subjects = dict.fromkeys(text for text in found if text and len(text) <= max_length)
    if len(found) > MAX_SUBJECTS or len(found) != sum(text is not None for text in found):
        raise InvalidParams(f"`{name}` must be a list of at most {MAX_SUBJECTS} strings")
    return tuple(subjects)
