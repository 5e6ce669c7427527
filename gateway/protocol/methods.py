"""Which methods exist in which revision, and what the gateway knows of each.

The tables are those of the protocol's schemas. The tasks of 2025-11-25 (experimental) are not
served and therefore absent; those of the modern era are an extension's and have a table of theirs.
"""

from collections.abc import Mapping

from gateway.errors import UnknownMethod
from gateway.protocol.revisions import LEGACY, MODERN

_COMMON_REQUESTS = frozenset(
    {
        "completion/complete",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "tools/call",
        "tools/list",
    }
)
_LEGACY_REQUESTS = _COMMON_REQUESTS | {
    "initialize",
    "logging/setLevel",
    "ping",
    "resources/subscribe",
    "resources/unsubscribe",
}
_MODERN_REQUESTS = _COMMON_REQUESTS | {"server/discover", "subscriptions/listen"}
_LEGACY_NOTIFICATIONS = frozenset(
    {
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/progress",
        "notifications/roots/list_changed",
    }
)
_MODERN_NOTIFICATIONS = frozenset({"notifications/cancelled"})
_COMMON_SERVER_NOTIFICATIONS = frozenset(
    {
        "notifications/cancelled",
        "notifications/message",
        "notifications/progress",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    }
)
_SERVER_REQUESTS = frozenset({"ping", "roots/list", "sampling/createMessage"})

CLIENT_REQUESTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(LEGACY, _LEGACY_REQUESTS),
    **dict.fromkeys(MODERN, _MODERN_REQUESTS),
}
"""What a client may ask, by revision."""

EXTENSION_REQUESTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(LEGACY, frozenset[str]()),
    **dict.fromkeys(MODERN, frozenset({"tasks/cancel", "tasks/get", "tasks/update"})),
}
"""What a client may ask by an extension, by revision (SEP-2663)."""

CLIENT_NOTIFICATIONS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(LEGACY, _LEGACY_NOTIFICATIONS),
    **dict.fromkeys(MODERN, _MODERN_NOTIFICATIONS),
}
"""What a client may tell, by revision."""

SERVER_REQUESTS: Mapping[str, frozenset[str]] = {
    "2024-11-05": _SERVER_REQUESTS,
    "2025-03-26": _SERVER_REQUESTS,
    "2025-06-18": _SERVER_REQUESTS | {"elicitation/create"},
    "2025-11-25": _SERVER_REQUESTS | {"elicitation/create"},
    **dict.fromkeys(MODERN, frozenset[str]()),
}
"""What a server may ask, by revision; nothing in the modern era."""

SERVER_NOTIFICATIONS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(LEGACY, _COMMON_SERVER_NOTIFICATIONS),
    "2025-11-25": _COMMON_SERVER_NOTIFICATIONS | {"notifications/elicitation/complete"},
    **dict.fromkeys(
        MODERN, _COMMON_SERVER_NOTIFICATIONS | {"notifications/subscriptions/acknowledged"}
    ),
}
"""What a server may tell, by revision."""

MIRRORED_PARAM: Mapping[str, str] = {
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/cancel": "taskId",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tools/call": "name",
}
"""The parameter that the `Mcp-Name` header repeats, by modern method."""

LIST_MEMBER: Mapping[str, str] = {
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "tools/list": "tools",
}
"""The member of a result that holds the list."""

ITEM_KEY: Mapping[str, str] = {
    "prompts/list": "name",
    "resources/list": "uri",
    "resources/templates/list": "uriTemplate",
    "tools/list": "name",
}
"""The member of a list's item that identifies it."""

CACHEABLE = frozenset({*LIST_MEMBER, "resources/read", "server/discover"})
"""Modern methods whose complete results carry `ttlMs` and `cacheScope`."""

LOG_LEVELS = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)
"""RFC 5424 severities, least severe first."""


LIST_CHANGES = frozenset(
    {
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/tools/list_changed",
    }
)
"""What a server says when one of its lists is another now."""

OUTSIDE_OF_CALLS: Mapping[str, frozenset[str]] = {
    revision: SERVER_NOTIFICATIONS[revision]
    - {"notifications/cancelled", "notifications/progress"}
    - LIST_CHANGES
    for revision in LEGACY
}
"""What a legacy server may tell on the stream of a GET and is handed on as it came."""

_ABOUT_ONE_CALL = frozenset({"notifications/message", "notifications/progress"})


def relayed_notifications(revision: str, *, with_log: bool = True) -> frozenset[str]:
    """What a backend may say to a client before its answer.

    In the modern era that is about this call alone, and log messages only for a client that named
    a level. In the legacy era anything but a cancellation, whose ids are between backend and
    gateway.
    """
    if revision in MODERN:
        return _ABOUT_ONE_CALL if with_log else _ABOUT_ONE_CALL - {"notifications/message"}
    return SERVER_NOTIFICATIONS[revision] - {"notifications/cancelled"}


def check_request_method(method: str, revision: str) -> None:
    """Refuse a request that the revision does not know.

    Raises:
        UnknownMethod: the revision has no such request.
    """
    if method not in CLIENT_REQUESTS[revision] and method not in EXTENSION_REQUESTS[revision]:
        raise UnknownMethod("Method not found")


def is_client_notification(method: str, revision: str) -> bool:
    """Whether a client of this revision may send it; any other is accepted and ignored."""
    return method in CLIENT_NOTIFICATIONS[revision]


def is_server_notification(method: str, revision: str) -> bool:
    """Whether a server of this revision may send it; any other is dropped."""
    return method in SERVER_NOTIFICATIONS[revision]
