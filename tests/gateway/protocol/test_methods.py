from collections.abc import Iterable

import pytest
from mcp_types import methods as schema

from gateway.errors import UnknownMethod
from gateway.protocol import methods
from gateway.protocol.revisions import KNOWN


def of(table: Iterable[tuple[str, str]], revision: str) -> set[str]:
    return {method for method, known in table if known == revision}


@pytest.mark.parametrize("revision", KNOWN)
def test_the_tables_are_those_of_the_protocols_own_types(revision: str) -> None:
    assert methods.CLIENT_REQUESTS[revision] == of(schema.CLIENT_REQUESTS, revision)
    assert methods.CLIENT_NOTIFICATIONS[revision] == of(schema.CLIENT_NOTIFICATIONS, revision)
    assert methods.SERVER_REQUESTS[revision] == of(schema.SERVER_REQUESTS, revision)
    assert methods.SERVER_NOTIFICATIONS[revision] == of(schema.SERVER_NOTIFICATIONS, revision)


def test_the_cacheable_methods_are_those_of_the_protocols_own_types() -> None:
    assert set(schema.CACHEABLE_METHODS) == methods.CACHEABLE


def test_every_list_has_its_member_and_its_key() -> None:
    assert set(methods.LIST_MEMBER) == set(methods.ITEM_KEY)
    assert all(method.endswith("/list") for method in methods.LIST_MEMBER)


@pytest.mark.parametrize("revision", KNOWN)
@pytest.mark.parametrize("method", ["echo", "tools/Call", "rpc.x", "tasks/list", "notifications/x"])
def test_j18_a_tools_name_or_any_other_word_is_no_method(method: str, revision: str) -> None:
    with pytest.raises(UnknownMethod):
        methods.check_request_method(method, revision)


def test_what_one_era_dropped_is_unknown_there() -> None:
    methods.check_request_method("ping", "2025-11-25")
    methods.check_request_method("server/discover", "2026-07-28")
    for method, revision in (("ping", "2026-07-28"), ("server/discover", "2025-11-25")):
        with pytest.raises(UnknownMethod):
            methods.check_request_method(method, revision)


def test_notifications_are_known_by_revision() -> None:
    assert methods.is_client_notification("notifications/initialized", "2025-11-25")
    assert not methods.is_client_notification("notifications/initialized", "2026-07-28")
    assert methods.is_server_notification("notifications/message", "2026-07-28")
    assert not methods.is_server_notification("notifications/x", "2026-07-28")
