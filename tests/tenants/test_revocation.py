"""Cut-offs, epochs and blocks, against a model that simply reads the whole log each time."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.access_token import AccessToken
from auth.errors import InvalidToken, TokenFault
from auth.principal import Principal
from tenants.changes import Change, ChangeKind
from tenants.revocation import Revocations, RevocationScope, ScopeKind

NOW = 1_000_000.0
ANA = Principal(issuer="https://idp.example", subject="ana", client_id="app")


def token(
    *,
    principal: Principal = ANA,
    issued_at: float = NOW - 60,
    token_id: str = "t1",  # noqa: S107 - an id is no secret
    clock_ahead_s: float = 5,
) -> AccessToken:
    return AccessToken(
        principal=principal,
        scopes=frozenset(),
        audiences=frozenset({"https://gw.example/t/acme/mcp"}),
        issued_at=issued_at,
        expires_at=issued_at + 3600,
        token_id=token_id,
        clock_ahead_s=clock_ahead_s,
    )


def change(
    scope: RevocationScope,
    *,
    seq: int = 1,
    kind: ChangeKind = ChangeKind.REVOCATION,
    at: float = NOW,
    until: float | None = None,
) -> Change:
    return Change(seq=seq, kind=kind, at=at, actor="ops", reason="", scope=scope, until=until)


def fault_of(
    revocations: Revocations, which: AccessToken, *, tenant: str = "acme", now: float = NOW
) -> TokenFault | None:
    try:
        revocations.check_token(tenant, which, now)
    except InvalidToken as error:
        return error.fault
    return None


COVERING = [
    RevocationScope(kind=ScopeKind.GLOBAL),
    RevocationScope(kind=ScopeKind.TENANT, tenant="acme"),
    RevocationScope(kind=ScopeKind.USER, issuer=ANA.issuer, subject="ana"),
    RevocationScope(kind=ScopeKind.USER, issuer=ANA.issuer, subject="ana", tenant="acme"),
    RevocationScope(kind=ScopeKind.CLIENT, client_id="app"),
    RevocationScope(kind=ScopeKind.CLIENT, client_id="app", tenant="acme"),
    RevocationScope(kind=ScopeKind.CLIENT, client_id="app", issuer=ANA.issuer),
    RevocationScope(kind=ScopeKind.CLIENT, client_id="app", issuer=ANA.issuer, tenant="acme"),
    RevocationScope(kind=ScopeKind.TOKEN, token_id="t1"),
    RevocationScope(kind=ScopeKind.TOKEN, token_id="t1", tenant="acme"),
    RevocationScope(kind=ScopeKind.TOKEN, token_id="t1", issuer=ANA.issuer),
    RevocationScope(kind=ScopeKind.TOKEN, token_id="t1", issuer=ANA.issuer, tenant="acme"),
]
ELSEWHERE = [
    RevocationScope(kind=ScopeKind.TENANT, tenant="globex"),
    RevocationScope(kind=ScopeKind.USER, issuer="https://other.example", subject="ana"),
    RevocationScope(kind=ScopeKind.USER, issuer=ANA.issuer, subject="bob"),
    RevocationScope(kind=ScopeKind.USER, issuer=ANA.issuer, subject="ana", tenant="globex"),
    RevocationScope(kind=ScopeKind.CLIENT, client_id="application"),
    RevocationScope(kind=ScopeKind.CLIENT, client_id="app", tenant="globex"),
    RevocationScope(kind=ScopeKind.CLIENT, client_id="app", issuer="https://other.example"),
    RevocationScope(kind=ScopeKind.TOKEN, token_id="t2"),
    RevocationScope(kind=ScopeKind.TOKEN, token_id="t1", tenant="globex"),
    RevocationScope(kind=ScopeKind.SESSION, session_key="t1"),
]


@pytest.mark.parametrize("scope", COVERING, ids=str)
def test_a_revocation_of_each_covering_scope_ends_an_older_token(scope: RevocationScope) -> None:
    assert fault_of(Revocations().applying([change(scope)]), token()) is TokenFault.REVOKED


@pytest.mark.parametrize("scope", COVERING, ids=str)
def test_a_block_of_each_covering_scope_refuses_a_token_whatever_its_age(
    scope: RevocationScope,
) -> None:
    revocations = Revocations().applying([change(scope, kind=ChangeKind.BLOCK)])

    assert fault_of(revocations, token(issued_at=NOW + 1000)) is TokenFault.BLOCKED


@pytest.mark.parametrize("scope", ELSEWHERE, ids=str)
def test_a_scope_that_does_not_cover_the_token_leaves_it_alone(scope: RevocationScope) -> None:
    changes = [change(scope), change(scope, seq=2, kind=ChangeKind.BLOCK)]

    assert fault_of(Revocations().applying(changes), token()) is None


@pytest.mark.parametrize(
    ("issued_at", "fault"),
    [
        (NOW - 1, TokenFault.REVOKED),
        (NOW + 1, TokenFault.REVOKED),
        (NOW + 6, TokenFault.REVOKED),
        (NOW + 6.001, None),
        (NOW + 7, None),
        (math.nan, TokenFault.REVOKED),
    ],
)
def test_a_new_sign_in_works_once_it_is_later_than_cut_off_and_clock_ahead(
    issued_at: float, fault: TokenFault | None
) -> None:
    # The revocation's time is rounded up to NOW + 1.
    scope = RevocationScope(kind=ScopeKind.TENANT, tenant="acme")
    revocations = Revocations().applying([change(scope, at=NOW + 0.2)])

    assert fault_of(revocations, token(issued_at=issued_at, clock_ahead_s=5)) is fault


def test_a_revoked_token_id_is_denied_even_with_a_later_iat() -> None:
    scope = RevocationScope(kind=ScopeKind.TOKEN, token_id="t1")

    revocations = Revocations().applying([change(scope)])

    assert fault_of(revocations, token(issued_at=NOW + 10_000)) is TokenFault.REVOKED


def test_a_block_ends_at_its_time_and_leaves_the_token_as_good_as_before() -> None:
    scope = RevocationScope(kind=ScopeKind.CLIENT, client_id="app")
    revocations = Revocations().applying([change(scope, kind=ChangeKind.BLOCK, until=NOW + 10)])

    assert fault_of(revocations, token(), now=NOW + 9.9) is TokenFault.BLOCKED
    assert fault_of(revocations, token(), now=NOW + 10) is None


def test_lifting_a_block_lifts_no_revocation() -> None:
    scope = RevocationScope(kind=ScopeKind.CLIENT, client_id="app")
    log = [
        change(scope, seq=1),
        change(scope, seq=2, kind=ChangeKind.BLOCK),
        change(scope, seq=3, kind=ChangeKind.UNBLOCK),
    ]

    revocations = Revocations().applying(log)

    assert fault_of(revocations, token()) is TokenFault.REVOKED
    assert fault_of(revocations, token(issued_at=NOW + 100)) is None


def test_a_cut_off_never_falls_when_the_clock_of_the_registry_steps_back() -> None:
    scope = RevocationScope(kind=ScopeKind.GLOBAL)
    log = [change(scope, seq=1, at=NOW), change(scope, seq=2, at=NOW - 3600)]

    assert fault_of(Revocations().applying(log), token()) is TokenFault.REVOKED


def test_applying_makes_a_new_value_and_skips_what_was_applied() -> None:
    scope = RevocationScope(kind=ScopeKind.GLOBAL)
    before = Revocations()

    after = before.applying([change(scope, seq=4)])

    assert fault_of(before, token()) is None
    assert (before.seq, after.seq) == (0, 4)
    assert after.applying([change(scope, seq=3, at=NOW + 1000)]) is after


@pytest.mark.parametrize(
    "scope",
    [
        RevocationScope(kind=ScopeKind.GLOBAL),
        RevocationScope(kind=ScopeKind.TENANT, tenant="acme"),
        RevocationScope(kind=ScopeKind.USER, issuer=ANA.issuer, subject="ana"),
        RevocationScope(kind=ScopeKind.CLIENT, client_id="app", tenant="acme"),
        RevocationScope(kind=ScopeKind.SESSION, session_key="k1"),
        RevocationScope(kind=ScopeKind.SESSION, session_key="k1", tenant="acme"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [ChangeKind.REVOCATION, ChangeKind.SESSION_END])
def test_a_revocation_raises_the_epoch_of_the_sessions_that_it_covers(
    scope: RevocationScope, kind: ChangeKind
) -> None:
    revocations = Revocations().applying([change(scope, seq=7, kind=kind)])

    assert revocations.session_epoch("acme", ANA, "k1") == 7


def test_ending_one_session_ends_that_session_only() -> None:
    scope = RevocationScope(kind=ScopeKind.SESSION, session_key="k1", tenant="acme")
    revocations = Revocations().applying([change(scope, seq=7, kind=ChangeKind.SESSION_END)])

    assert revocations.session_epoch("acme", ANA, "k2") == 0
    assert revocations.session_epoch("globex", ANA, "k1") == 0
    assert fault_of(revocations, token(token_id="k1")) is None


def test_a_blocked_session_has_ended_for_good() -> None:
    scope = RevocationScope(kind=ScopeKind.SESSION, session_key="k1", tenant="acme")
    log = [
        change(scope, seq=1, kind=ChangeKind.BLOCK, until=NOW + 1),
        change(scope, seq=2, kind=ChangeKind.UNBLOCK),
    ]

    assert Revocations().applying(log).session_epoch("acme", ANA, "k1") == 1


def test_a_block_of_a_user_ends_no_session() -> None:
    scope = RevocationScope(kind=ScopeKind.USER, issuer=ANA.issuer, subject="ana")

    revocations = Revocations().applying([change(scope, kind=ChangeKind.BLOCK)])

    assert revocations.session_epoch("acme", ANA, "k1") == 0


@pytest.mark.parametrize(
    "members",
    [
        {"kind": ScopeKind.GLOBAL, "tenant": "acme"},
        {"kind": ScopeKind.TENANT},
        {"kind": ScopeKind.TENANT, "tenant": ""},
        {"kind": ScopeKind.USER, "subject": "ana"},
        {"kind": ScopeKind.USER, "issuer": "i", "subject": "s", "client_id": "c"},
        {"kind": ScopeKind.CLIENT, "tenant": "acme"},
        {"kind": ScopeKind.SESSION},
        {"kind": ScopeKind.TOKEN, "token_id": "t", "subject": "ana"},
    ],
)
def test_a_scope_that_means_nothing_cannot_be_made(members: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="scope"):
        RevocationScope(**members)  # type: ignore[arg-type]


# --- against a model -------------------------------------------------------------------------

TENANTS = st.sampled_from(["a", "b"])
ISSUERS = st.sampled_from(["i", "j"])
NAMES = st.sampled_from(["x", "y"])
PRINCIPALS = st.builds(Principal, issuer=ISSUERS, subject=NAMES, client_id=NAMES)
SCOPES = st.one_of(
    st.just(RevocationScope(kind=ScopeKind.GLOBAL)),
    st.builds(RevocationScope, kind=st.just(ScopeKind.TENANT), tenant=TENANTS),
    st.builds(
        RevocationScope,
        kind=st.just(ScopeKind.USER),
        tenant=st.none() | TENANTS,
        issuer=ISSUERS,
        subject=NAMES,
    ),
    st.builds(
        RevocationScope,
        kind=st.just(ScopeKind.CLIENT),
        tenant=st.none() | TENANTS,
        issuer=st.none() | ISSUERS,
        client_id=NAMES,
    ),
    st.builds(
        RevocationScope,
        kind=st.just(ScopeKind.SESSION),
        tenant=st.none() | TENANTS,
        session_key=NAMES,
    ),
    st.builds(
        RevocationScope,
        kind=st.just(ScopeKind.TOKEN),
        tenant=st.none() | TENANTS,
        issuer=st.none() | ISSUERS,
        token_id=NAMES,
    ),
)
KINDS = st.sampled_from([ChangeKind.REVOCATION, ChangeKind.BLOCK, ChangeKind.UNBLOCK])
TIMES = st.integers(0, 20).map(float)
LOGS = st.lists(st.tuples(SCOPES, KINDS, TIMES, st.none() | TIMES), max_size=12).map(
    lambda entries: [
        change(scope, seq=seq, kind=kind, at=at, until=until)
        for seq, (scope, kind, at, until) in enumerate(entries, start=1)
    ]
)


def covers(scope: RevocationScope, tenant: str, principal: Principal, last: str) -> bool:
    pairs = [
        (scope.tenant, tenant),
        (scope.issuer, principal.issuer),
        (scope.subject, principal.subject),
        (scope.client_id, principal.client_id),
        (scope.token_id or scope.session_key, last),
    ]
    return all(wanted is None or wanted == found for wanted, found in pairs)


def model_fault(log: Sequence[Change], tenant: str, which: AccessToken, now: float) -> object:
    last_words: dict[RevocationScope, Change] = {}
    revoked = False
    for entry in log:
        assert entry.scope is not None
        if entry.scope.kind is ScopeKind.SESSION or not covers(
            entry.scope, tenant, which.principal, which.token_id
        ):
            continue
        if entry.kind is ChangeKind.REVOCATION:
            is_denied = entry.scope.kind is ScopeKind.TOKEN
            revoked |= is_denied or which.issued_at <= entry.at + which.clock_ahead_s
        else:
            last_words[entry.scope] = entry
    for word in last_words.values():
        if word.kind is ChangeKind.BLOCK and (word.until is None or now < word.until):
            return TokenFault.BLOCKED
    return TokenFault.REVOKED if revoked else None


def model_epoch(log: Sequence[Change], tenant: str, principal: Principal, key: str) -> int:
    return max(
        (
            entry.seq
            for entry in log
            if entry.scope is not None
            and entry.scope.kind is not ScopeKind.TOKEN
            and covers(entry.scope, tenant, principal, key)
            and (
                entry.kind is ChangeKind.REVOCATION
                or (entry.kind is ChangeKind.BLOCK and entry.scope.kind is ScopeKind.SESSION)
            )
        ),
        default=0,
    )


@given(log=LOGS, tenant=TENANTS, principal=PRINCIPALS, last=NAMES, iat=TIMES, now=TIMES)
def test_lookups_agree_with_reading_the_whole_log(
    log: list[Change], tenant: str, principal: Principal, last: str, iat: float, now: float
) -> None:
    which = token(principal=principal, issued_at=iat, token_id=last, clock_ahead_s=2)

    revocations = Revocations().applying(log)

    assert fault_of(revocations, which, tenant=tenant, now=now) is model_fault(
        log, tenant, which, now
    )
    assert revocations.session_epoch(tenant, principal, last) == model_epoch(
        log, tenant, principal, last
    )


@given(log=LOGS, cut=st.integers(0, 12), tenant=TENANTS, principal=PRINCIPALS, last=NAMES)
def test_a_log_applied_in_pieces_is_the_log_applied_at_once(
    log: list[Change], cut: int, tenant: str, principal: Principal, last: str
) -> None:
    which = token(principal=principal, issued_at=10, token_id=last, clock_ahead_s=2)

    at_once = Revocations().applying(log)
    in_pieces = Revocations().applying(log[:cut]).applying(log[max(cut - 1, 0) :])

    assert in_pieces.seq == at_once.seq
    assert fault_of(in_pieces, which, tenant=tenant, now=5) is fault_of(
        at_once, which, tenant=tenant, now=5
    )
    assert in_pieces.session_epoch(tenant, principal, last) == at_once.session_epoch(
        tenant, principal, last
    )
