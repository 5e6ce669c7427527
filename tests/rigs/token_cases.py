"""Cases T and C in one list, for the verifier and, over real sockets, for the whole gateway."""

from collections.abc import Callable, Sequence

from tests.rigs.claim_cases import CLAIM_CASES
from tests.rigs.token_factory import Expected, TokenCase, TokenFactory
from tests.rigs.token_shape_cases import HEADER_CASES, PAYLOAD_CASES, SIGNATURE_CASES

__all__ = ["HEADER_VALUE_CASES", "TOKEN_CASES", "Expected", "TokenCase", "TokenFactory"]

HeaderValues = Callable[[TokenFactory], Sequence[str]]

SEVERAL: dict[str, HeaderValues] = {
    "two-equal-headers": lambda f: [f"Bearer {f.good()}"] * 2,
    "two-headers": lambda f: [f"Bearer {f.good()}", "Bearer x"],
    "bearer-and-basic": lambda f: [f"Bearer {f.good()}", "Basic eDp5"],
    "two-in-one": lambda f: [f"Bearer {f.good()}, Bearer {f.good()}"],
    "two-in-one-without-space": lambda f: [f"Bearer {f.good()},Bearer {f.good()}"],
    "two-schemes-in-one": lambda f: [f"Basic eDp5, Bearer {f.good()}"],
    "trailing-comma": lambda f: [f"Bearer {f.good()},"],
}

SPELLED_OTHERWISE: dict[str, HeaderValues] = {
    "lower-case": lambda f: [f"bearer {f.good()}"],
    "upper-case": lambda f: [f"BEARER {f.good()}"],
    "two-spaces": lambda f: [f"Bearer  {f.good()}"],
}

NO_BEARER: dict[str, HeaderValues] = {
    "tab": lambda f: [f"Bearer\t{f.good()}"],
    "no-space": lambda f: [f"Bearer{f.good()}"],
    "basic": lambda _: ["Basic eDp5"],
    "dpop": lambda f: [f"DPoP {f.good()}"],
    "scheme-alone": lambda _: ["Bearer"],
    "empty": lambda _: ["Bearer "],
    "token-alone": lambda f: [f.good()],
    "quoted": lambda f: [f'Bearer "{f.good()}"'],
    "two-words": lambda f: [f"Bearer {f.good()} x"],
    "parameter": lambda f: [f"Bearer token={f.good()}"],
    "digest": lambda _: ['Digest username="a", realm="b"'],
}


def _cases(values: dict[str, HeaderValues], expected: Expected) -> list[TokenCase]:
    return [
        TokenCase(id=f"C20-{name}", make=make, expected=expected) for name, make in values.items()
    ]


HEADER_VALUE_CASES: list[TokenCase] = [
    TokenCase(id="C19-no-header", make=lambda _: [], expected=Expected.MISSING),
    *_cases(SEVERAL, Expected.MALFORMED),
    *_cases(SPELLED_OTHERWISE, Expected.ACCEPTED),
    *_cases(NO_BEARER, Expected.REFUSED),
]

TOKEN_CASES: list[TokenCase] = [
    *SIGNATURE_CASES,
    *HEADER_CASES,
    *PAYLOAD_CASES,
    *CLAIM_CASES,
    *HEADER_VALUE_CASES,
]
