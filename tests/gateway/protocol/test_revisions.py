import pytest
from mcp_types import version

from gateway.protocol import revisions
from gateway.protocol.revisions import Era, era_of, is_at_least, negotiate


def test_the_revisions_are_those_of_the_protocols_own_types() -> None:
    assert revisions.LEGACY == version.HANDSHAKE_PROTOCOL_VERSIONS
    assert revisions.MODERN == version.MODERN_PROTOCOL_VERSIONS
    assert version.KNOWN_PROTOCOL_VERSIONS == revisions.KNOWN
    assert set(revisions.SERVED) == set(revisions.KNOWN)
    assert revisions.SERVED[0] == revisions.LATEST_MODERN


@pytest.mark.parametrize("revision", revisions.LEGACY)
def test_initialize_gets_the_legacy_revision_that_it_asks_for(revision: str) -> None:
    assert negotiate(revision) == revision


@pytest.mark.parametrize(
    "requested", ["2024-10-07", "2026-07-28", "2099-01-01", "zzz", "", "2025-11-25 "]
)
def test_initialize_gets_the_newest_legacy_revision_for_anything_else(requested: str) -> None:
    assert negotiate(requested) == "2025-11-25"


def test_eras_are_looked_up() -> None:
    assert {era_of(revision) for revision in revisions.LEGACY} == {Era.LEGACY}
    assert {era_of(revision) for revision in revisions.MODERN} == {Era.MODERN}
    assert era_of("2027-01-01") is None


def test_revisions_are_ordered_by_the_list_and_never_as_strings() -> None:
    assert is_at_least("2025-06-18", "2025-06-18")
    assert is_at_least("2026-07-28", "2025-06-18")
    assert not is_at_least("2025-03-26", "2025-06-18")
    assert not is_at_least("zzz", "2025-06-18")
