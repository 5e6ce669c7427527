"""`docs/telemetry.md` names what there is: fields, events, span attributes, metrics."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from observability import events, semconv
from observability.audit import AuditKind
from observability.canonical import CanonicalLine, Outcome
from observability.instruments import Instruments

GUIDE = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text(encoding="utf-8")

ATTRIBUTES = [
    value
    for name, value in vars(semconv).items()
    if name.startswith(("MCP_", "GEN_AI_", "PORTCULLIS_", "SERVICE_")) and isinstance(value, str)
]
METRICS = [
    family.name
    for family in text_string_to_metric_families(Instruments().render().decode())
]  # fmt: skip
EVENTS = [value for name, value in vars(events).items() if name.isupper()]


@pytest.mark.parametrize(
    "word",
    sorted(
        {*CanonicalLine.__struct_fields__, *EVENTS, *Outcome, *AuditKind, *ATTRIBUTES, *METRICS}
    ),
)
def test_the_guide_names(word: str) -> None:
    assert word in GUIDE
