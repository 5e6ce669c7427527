"""`error.type` and whose fault it was."""

import pytest

from observability.failures import error_type, is_servers_fault


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, None),
        ({"reason": ""}, None),
        ({"rpc_code": -31001, "reason": "backend_unavailable"}, "-31001"),
        ({"rpc_code": 0}, "0"),
        ({"is_tool_error": True}, "tool_error"),
        ({"is_timeout": True, "reason": "backend_timeout"}, "timeout"),
        ({"reason": "invalid_token"}, "invalid_token"),
        ({"reason": "Traceback (most recent call last)"}, "_OTHER"),
    ],
)
def test_the_error_type_says_what_is_known_best(known: dict[str, object], expected: str) -> None:
    assert error_type(**known) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "code", "status", "is_ours"),
    [
        (None, None, 200, False),
        ("tool_error", None, 200, True),
        ("-31002", -31002, 200, True),
        ("-32603", -32603, 500, True),
        ("-32602", -32602, 200, False),
        ("-32020", -32020, 400, False),
        ("invalid_token", None, 401, False),
        ("view_stale", None, 503, True),
        ("cancelled", None, None, True),
    ],
)
def test_a_callers_fault_is_not_the_servers(
    error: str | None, code: int | None, status: int | None, *, is_ours: bool
) -> None:
    assert is_servers_fault(error, rpc_code=code, http_status=status) is is_ours
