"""The house's metrics."""

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from observability.instruments import Instruments


def samples(instruments: Instruments) -> list[Sample]:
    text = instruments.render().decode()
    return [s for family in text_string_to_metric_families(text) for s in family.samples]


def test_one_call_shows_with_its_tenant_under_the_names_of_the_conventions() -> None:
    instruments = Instruments()
    call = {"tenant": "acme", "mcp_method_name": "tools/call"}
    instruments.server_duration.labels(**call, gen_ai_tool_name="echo").observe(0.012)
    instruments.client_duration.labels(**call, backend="files").observe(0.011)
    instruments.gateway_overhead.labels(tenant="acme").observe(0.0002)
    counts = {s.name: s.labels for s in samples(instruments) if s.name.endswith("_count")}

    assert counts == {
        "mcp_server_operation_duration_seconds_count": {
            **call,
            "gen_ai_tool_name": "echo",
            "error_type": "",
        },
        "mcp_client_operation_duration_seconds_count": {
            **call,
            "backend": "files",
            "error_type": "",
        },
        "portcullis_gateway_overhead_seconds_count": {"tenant": "acme"},
    }


def test_what_clients_and_backends_invent_is_no_label() -> None:
    instruments = Instruments()
    instruments.server_duration.labels(
        tenant="acme", mcp_method_name="c4n4ry/made-up", error_type="-12345"
    ).observe(1)
    instruments.auth_decisions.labels(outcome="refused", reason="C4N4RY or so").inc()
    text = instruments.render().decode().lower()

    assert "c4n4ry" not in text
    assert "-12345" not in text
    assert 'mcp_method_name="_other"' in text
    assert 'reason="_other"' in text


def test_known_errors_are_labels() -> None:
    instruments = Instruments()
    for error in ("-32602", "-31001", "tool_error", "timeout", "invalid_token"):
        instruments.server_duration.labels(tenant="acme", error_type=error).observe(1)
    shown = {s.labels.get("error_type") for s in samples(instruments)} - {None}

    assert shown == {"-32602", "-31001", "tool_error", "timeout", "invalid_token"}


def test_every_metric_has_help_and_no_labels_for_people_or_requests() -> None:
    instruments = Instruments()
    families = list(text_string_to_metric_families(instruments.render().decode()))
    registry_names = {family.name for family in families}

    assert all(family.documentation for family in families)
    assert "portcullis_auth_decisions" in registry_names
    assert len(registry_names) >= 15


def test_dropped_spans_are_counted_by_reason() -> None:
    instruments = Instruments()
    instruments.count_dropped_spans("queue_full", 7)

    assert [s.value for s in samples(instruments) if s.labels == {"reason": "queue_full"}] == [7]


def test_a_flood_of_tenants_and_tools_stays_within_2000_series_a_metric() -> None:
    instruments = Instruments()
    for n in range(3000):
        instruments.server_duration.labels(
            tenant=f"tenant-{n}", mcp_method_name="tools/call", gen_ai_tool_name=f"tool-{n}"
        ).observe(0.1)
    found = [s.name for s in samples(instruments)]

    assert max(found.count(name) for name in set(found)) <= 2000
