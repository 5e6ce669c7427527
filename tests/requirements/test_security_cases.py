"""The list of security cases and the tests agree, in both directions."""

from collections import Counter

import pytest

from tests.requirements.cases import Case, every_test_module, ids_at
from tests.requirements.security_cases import SECURITY_CASES

LISTED = frozenset(case.id for case in SECURITY_CASES)
SECTIONS = frozenset("TCKHJSNURPAW")


def test_every_case_is_listed_once() -> None:
    twice = [case for case, count in Counter(c.id for c in SECURITY_CASES).items() if count > 1]

    assert twice == []
    assert {case[0] for case in LISTED} == SECTIONS


@pytest.mark.parametrize("case", SECURITY_CASES, ids=lambda case: case.id)
def test_a_case_is_shown_or_waits_for_a_feature(case: Case) -> None:
    assert case.says
    assert case.shown_by or case.waits_for


@pytest.mark.parametrize(
    ("place", "case"),
    [(place, case) for case in SECURITY_CASES for place in case.shown_by],
    ids=lambda each: each.id if isinstance(each, Case) else each,
)
def test_a_place_that_shows_a_case_has_a_test_of_it(place: str, case: Case) -> None:
    assert case.id in ids_at(place)


@pytest.mark.parametrize("module", list(every_test_module()))
def test_a_test_names_only_cases_that_are_listed(module: str) -> None:
    unknown = {case for case in ids_at(module) if case[0] in SECTIONS} - LISTED

    assert unknown == set()
