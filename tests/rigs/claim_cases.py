"""Cases C01-C17: what the claims of a validly signed token say."""

from typing import Any

from auth.errors import TokenFault
from tests.rigs.token_factory import TokenCase, TokenFactory, accepted, each, refused

LEEWAY_S = 30
CLOCK_AHEAD_S = 5
DAY_S = 86_400


def _seconds(factory: TokenFactory, offset: int) -> int:
    return int(factory.now()) + offset


def _expiring(factory: TokenFactory, offset: int) -> str:
    return factory.good(exp=_seconds(factory, offset), iat=_seconds(factory, -100))


def _of_issuer_age(factory: TokenFactory, *, iat: int, exp: int) -> str:
    return factory.good(iat=_seconds(factory, iat), exp=_seconds(factory, exp))


def _actors(depth: int) -> dict[str, Any]:
    chain: dict[str, Any] = {"sub": "svc-0"}
    for number in range(1, depth):
        chain = {"sub": f"svc-{number}", "act": chain}
    return chain


REQUIRED = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
BAD_IDENTIFIERS: tuple[object, ...] = ("", 7, ["x"], {}, False, "a\nb", "a\0", "x" * 2000)
BAD_TIMES: tuple[object, ...] = ("9999999999", True, [1], {}, -1, 10**15, 10**400)

BAD_AUDIENCE_FORMS = {
    "with-number": lambda a: [a, 1],
    "with-null": lambda a: [a, None],
    "with-empty": lambda a: [a, ""],
    "nested": lambda a: [[a]],
    "object": lambda a: {a: True},
    "empty-list": lambda _: [],
    "empty": lambda _: "",
    "true": lambda _: True,
}

ALMOST_OURS = {
    "prefix": lambda a: a[:-1],
    "suffix": lambda a: a[1:],
    "longer": lambda a: a + "x",
    "slash": lambda a: a + "/",
    "query": lambda a: a + "?",
    "upper-scheme": lambda a: a.replace("http", "HTTP", 1),
    "upper-path": lambda a: a.replace("/t/", "/T/"),
    "percent": lambda a: a.replace("/t/", "/%74/"),
    "double-slash": lambda a: a.replace("/t/", "//t/"),
    "port": lambda a: a.replace("/t/", ":443/t/"),
    "userinfo": lambda a: a.replace("://", "://x@"),
    "homograph": lambda a: a.replace("mcp", "m\u0441p"),
    "zero-width": lambda a: a + "\u200b",
    "space": lambda a: a + " ",
    "joined": lambda a: f"{a} {a}",
}

NOT_OURS = {
    "origin": lambda f: f.audience.partition("/t/")[0],
    "another-tenant": lambda f: f.foreign_audience,
    "another-endpoint": lambda f: f.audience.replace("/mcp", "/elsewhere/mcp"),
    "backend": lambda _: "https://backend.internal.example/mcp",
}

BAD_SCOPES = {
    "list": ["tools:read"],
    "number": 7,
    "empty": "",
    "double-space": "a  b",
    "leading-space": " a",
    "trailing-space": "a ",
    "tab": "a\tb",
    "newline": "a\nb",
    "quote": 'a"b',
    "backslash": "a\\b",
    "zero-width": "admin\u200b",
    "accent": "l\u00e9",
    "repeated": "a a",
    "many": " ".join(map(str, range(300))),
}

CONFIRMATIONS: dict[str, object] = {
    "jkt": {"jkt": "x"},
    "x5t": {"x5t#S256": "x"},
    "empty": {},
    "number": 0,
}

REQUIRED_CASES: list[TokenCase] = [
    *each(refused, "C01-without", REQUIRED, lambda f, claim: f.good(**{claim: None})),
    *each(refused, "C01-iss", BAD_IDENTIFIERS, lambda f, value: f.good(iss=value)),
    *each(refused, "C01-sub", BAD_IDENTIFIERS, lambda f, value: f.good(sub=value)),
    *each(refused, "C01-client_id", BAD_IDENTIFIERS, lambda f, value: f.good(client_id=value)),
    *each(refused, "C01-jti", BAD_IDENTIFIERS, lambda f, value: f.good(jti=value)),
    accepted("C17-an-email-like-subject-is-opaque", lambda f: f.good(sub="a@b@evil.example")),
]

AUDIENCE_CASES: list[TokenCase] = [
    accepted("C02-list-with-us", lambda f: f.good(aud=["https://api.example", f.audience])),
    accepted("C02-list-of-64", lambda f: f.good(aud=[f.audience, *(f"a{n}" for n in range(63))])),
    refused("C02-list-of-65", lambda f: f.good(aud=[f.audience, *(f"a{n}" for n in range(64))])),
    *each(
        refused,
        "C02",
        BAD_AUDIENCE_FORMS,
        lambda f, form: f.good(aud=form(f.audience)),
        TokenFault.BAD_CLAIM,
    ),
    *each(
        refused,
        "C03",
        ALMOST_OURS,
        lambda f, change: f.good(aud=change(f.audience)),
        TokenFault.WRONG_AUDIENCE,
    ),
    *each(
        refused,
        "C04",
        NOT_OURS,
        lambda f, other: f.good(aud=other(f)),
        TokenFault.WRONG_AUDIENCE,
    ),
    refused(
        "C05-two-tenants",
        lambda f: f.good(aud=[f.audience, f.foreign_audience]),
        TokenFault.SEVERAL_TENANTS,
    ),
    accepted(
        "C05-two-endpoints-of-one-tenant",
        lambda f: f.good(aud=[f.audience, f.audience.replace("/mcp", "/elsewhere/mcp")]),
    ),
]

ISSUER_CASES: list[TokenCase] = [
    refused("C07-unknown", lambda f: f.good(iss=f.other_issuer), TokenFault.UNKNOWN_ISSUER),
    refused("C07-slash", lambda f: f.good(iss=f.issuer + "/"), TokenFault.UNKNOWN_ISSUER),
    refused("C07-case", lambda f: f.good(iss=f.issuer.upper()), TokenFault.UNKNOWN_ISSUER),
]

TIME_CASES: list[TokenCase] = [
    refused("C08-exp-long-ago", lambda f: _expiring(f, -90), TokenFault.EXPIRED),
    *each(
        accepted,
        "C08-exp-now+",
        (1, 0, -1, 1 - LEEWAY_S),
        _expiring,
        needs_fixed_clock=True,
    ),
    *each(
        refused,
        "C08-exp-now+",
        (-LEEWAY_S, -LEEWAY_S - 1),
        _expiring,
        TokenFault.EXPIRED,
        needs_fixed_clock=True,
    ),
    *each(
        accepted,
        "C08-nbf-now+",
        (0, LEEWAY_S),
        lambda f, offset: f.good(nbf=_seconds(f, offset)),
        needs_fixed_clock=True,
    ),
    *each(
        refused,
        "C08-nbf-now+",
        (LEEWAY_S + 1, 300),
        lambda f, offset: f.good(nbf=_seconds(f, offset)),
        TokenFault.NOT_YET_VALID,
        needs_fixed_clock=True,
    ),
    *each(
        accepted,
        "C08-iat-now+",
        (0, CLOCK_AHEAD_S),
        lambda f, offset: f.good(iat=_seconds(f, offset)),
        needs_fixed_clock=True,
    ),
    *each(
        refused,
        "C08-iat-now+",
        (CLOCK_AHEAD_S + 1, LEEWAY_S, LEEWAY_S + 1),
        lambda f, offset: f.good(iat=_seconds(f, offset)),
        TokenFault.ISSUED_IN_FUTURE,
        needs_fixed_clock=True,
    ),
    refused(
        "C08-iat-in-an-hour",
        lambda f: _of_issuer_age(f, iat=3600, exp=7200),
        TokenFault.ISSUED_IN_FUTURE,
    ),
    *each(refused, "C09-exp", BAD_TIMES, lambda f, value: f.good(exp=value), TokenFault.BAD_CLAIM),
    *each(refused, "C09-iat", BAD_TIMES, lambda f, value: f.good(iat=value), TokenFault.BAD_CLAIM),
    *each(refused, "C09-nbf", BAD_TIMES, lambda f, value: f.good(nbf=value), TokenFault.BAD_CLAIM),
    refused("C09-exp-before-iat", lambda f: _of_issuer_age(f, iat=-5, exp=-10)),
    accepted("C10-a-day", lambda f: _of_issuer_age(f, iat=-10, exp=DAY_S - 10)),
    refused(
        "C10-a-day-and-one",
        lambda f: _of_issuer_age(f, iat=-10, exp=DAY_S - 9),
        TokenFault.LIFETIME_TOO_LONG,
    ),
    refused(
        "C10-old",
        lambda f: _of_issuer_age(f, iat=-DAY_S, exp=60),
        TokenFault.LIFETIME_TOO_LONG,
    ),
]

GRANT_CASES: list[TokenCase] = [
    accepted("C12-no-scope", lambda f: f.good(scope=None)),
    *each(refused, "C12", BAD_SCOPES, lambda f, scope: f.good(scope=scope), TokenFault.BAD_SCOPE),
    *each(
        refused,
        "C13-cnf",
        CONFIRMATIONS,
        lambda f, cnf: f.good(cnf=cnf),
        TokenFault.SENDER_CONSTRAINED,
    ),
    accepted("C15-chain-of-4", lambda f: f.good(act=_actors(4))),
    *each(
        refused,
        "C15-chain-of-5",
        ("act", "may_act"),
        lambda f, claim: f.good(**{claim: _actors(5)}),
        TokenFault.ACTOR_CHAIN_TOO_LONG,
    ),
    *each(
        refused,
        "C15-act",
        ("svc", [], 7, {"sub": 7}, {"sub": "a", "act": "b"}),
        lambda f, act: f.good(act=act),
        TokenFault.BAD_CLAIM,
    ),
]

CLAIM_CASES: list[TokenCase] = [
    *REQUIRED_CASES,
    *AUDIENCE_CASES,
    *ISSUER_CASES,
    *TIME_CASES,
    *GRANT_CASES,
]
