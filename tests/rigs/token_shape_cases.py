"""Cases T: structure and cryptography of a token."""

import json
import zlib
from collections.abc import Callable

from auth.errors import TokenFault
from tests.rigs.signing import compact_json, ec_key, ed_key, header_for, mint, mint_raw
from tests.rigs.token_factory import TokenCase, TokenFactory, accepted, each, refused

MALFORMED = TokenFault.MALFORMED
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _header_json(factory: TokenFactory, text: str) -> str:
    """`text` with %KID% filled in, validly signed whatever it is."""
    return factory.with_raw_header(text.replace("%KID%", factory.key.kid).encode())


def _payload_json(factory: TokenFactory, more: str) -> str:
    """Good claims with `more` written behind them, validly signed whatever it is."""
    inner = compact_json(factory.claims()).decode()[:-1]
    return factory.with_raw_payload(f"{inner}{more}}}".encode("utf-8", "surrogatepass"))


def _of_length(factory: TokenFactory, length: int) -> str:
    room = (length - len(factory.good())) * 3 // 4
    for header_pad in range(4):
        for pad in range(room - 40, room + 1):
            claims = factory.claims(pad="x" * pad)
            token = mint(claims, factory.key, pad="x" * header_pad)
            if len(token) == length:
                return token
    raise AssertionError(length)


def _spare_bits(token: str) -> str:
    """The same bytes, spelled with other unused bits in the last character."""
    return token[:-1] + ALPHABET[ALPHABET.index(token[-1]) ^ 1]


def _changed_signature(token: str) -> str:
    return token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]


def _changed_payload(factory: TokenFactory) -> str:
    """The signature of one token under the claims of another."""
    header, _, signature = factory.good().split(".")
    return ".".join((header, factory.good(sub="root").split(".")[1], signature))


def _deflated(factory: TokenFactory) -> str:
    payload = zlib.compress(b"x" * 1_000_000)
    return mint_raw(compact_json(header_for(factory.key, zip="DEF")), payload, factory.key)


def _id_token(factory: TokenFactory, aud: str, nonce: str | None = None) -> str:
    claims = factory.claims(aud=aud, nonce=nonce, client_id=None, jti=None, scope=None, azp="cli")
    return mint(claims, factory.key, typ="JWT")


def _jwks_text(factory: TokenFactory) -> bytes:
    return json.dumps({"keys": [factory.key.jwk()]}).encode()


RESPELLINGS: dict[str, Callable[[str], str]] = {
    "padding": lambda t: t + "=",
    "padding-2": lambda t: t + "==",
    "spare-bits": _spare_bits,
    "percent": lambda t: t.replace(".", "%2E"),
    "empty-signature": lambda t: t.rpartition(".")[0] + ".",
    "no-signature": lambda t: t.rpartition(".")[0],
    "fourth-part": lambda t: t + ".AAAA",
    "leading-dot": lambda t: "." + t,
    "plus": lambda t: "+" + t[1:],
    "tilde": lambda t: t + "~",
    "impossible-length": lambda t: t + "AAA",
}

BAD_KIDS = {
    "path": "../../../dev/null",
    "sql": "' OR 1=1 --",
    "command": "|id",
    "nul": "a\0b",
    "crlf": "a\r\nX: y",
    "long": "k" * 4000,
    "integer": 1,
    "list": ["rsa-1"],
    "empty": "",
    "unknown": "no-such-key",
}

BAD_HEADERS = {
    "alg-twice": '{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"%KID%"}',
    "alg-twice-other-way": '{"alg":"RS256","alg":"none","typ":"at+jwt","kid":"%KID%"}',
    "kid-twice": '{"alg":"RS256","typ":"at+jwt","kid":"x","kid":"%KID%"}',
    "bom": '\ufeff{"alg":"RS256","typ":"at+jwt","kid":"%KID%"}',
    "nan": '{"alg":"RS256","typ":"at+jwt","kid":"%KID%","x":NaN}',
    "infinity": '{"alg":"RS256","typ":"at+jwt","kid":"%KID%","x":1e999}',
    "deep": '{"alg":"RS256","typ":"at+jwt","kid":"%KID%","x":[[[[[[[[]]]]]]]]}',
    "long-integer": '{"alg":"RS256","typ":"at+jwt","kid":"%KID%","x":' + "9" * 5000 + "}",
    "lone-surrogate": '{"alg":"RS256","typ":"at+jwt","kid":"%KID%","x":"\\ud800"}',
    "array": '["RS256"]',
    "null": "null",
    "trailing": '{"alg":"RS256","typ":"at+jwt","kid":"%KID%"} x',
    "blank": " ",
}

BAD_PAYLOAD_ENDS = {
    "aud-twice": ',"aud":"https://gw.example/t/acme/mcp"',
    "exp-twice": ',"exp":9999999999',
    "sub-twice": ',"sub":"root"',
    "iss-twice": ',"iss":"https://evil.example"',
    "twice-below": ',"x":{"a":{"b":1,"b":2}}',
    "twice-escaped": ',"s\\u0075b":"root"',
    "nan": ',"x":NaN',
    "infinity": ',"x":-Infinity',
    "huge-number": ',"x":1e400',
    "long-integer": ',"x":' + "9" * 5000,
    "lone-surrogate": ',"x":"\\udfff"',
    "raw-surrogate": ',"x":"\ud800"',
    "control-character": ',"x":"\x01"',
    "deep": ',"x":' + "[" * 40 + "]" * 40,
    "very-deep": ',"x":' + "[" * 2000 + "]" * 2000,
}

NO_ALGORITHMS = ("none", "None", "nOnE", "", None, ["none"], ["RS256"], 0, "rs256", "RS256 ")
GOOD_TYPES = ("at+jwt", "at+JWT", "AT+JWT", "application/at+jwt", "Application/AT+jwt")
BAD_TYPES = (
    "JWT",
    "jwt",
    "",
    "dpop+jwt",
    "secevent+jwt",
    "logout+jwt",
    "oauth-id-jag+jwt",
    "at+jwt ",
    "application/application/at+jwt",
    "at+jwt\u200b",
    1,
    ["at+jwt"],
)
CRITICAL: tuple[object, ...] = (
    ["x"],
    ["exp"],
    [],
    "x",
    [1],
    ["b64"],
    ["exp", "exp"],
    {},
    0,
)
PLACES = ("https://attacker.example/k", "http://169.254.169.254/", "file:///etc/passwd")

SIGNATURE_CASES: list[TokenCase] = [
    accepted("T00-good", lambda f: f.good()),
    *each(refused, "T01-alg-blank", NO_ALGORITHMS, lambda f, alg: f.unsigned(alg)),
    *each(refused, "T01-alg-filled", NO_ALGORITHMS, lambda f, alg: f.unsigned(alg, b"x" * 256)),
    refused("T01-alg-absent", lambda f: f.with_header(alg=None), TokenFault.UNSUPPORTED_ALGORITHM),
    *each(
        refused,
        "T02-public-pem-as-secret",
        ("HS256", "HS384", "HS512"),
        lambda f, alg: f.with_secret(alg, f.public_pem()),
        TokenFault.UNSUPPORTED_ALGORITHM,
    ),
    refused("T04-jwk-as-secret", lambda f: f.with_secret("HS256", compact_json(f.key.jwk()))),
    refused("T04-jwks-as-secret", lambda f: f.with_secret("HS256", _jwks_text(f))),
    refused("T05-empty-secret", lambda f: f.with_secret("HS256", b"")),
    refused("T06-other-key", lambda f: mint(f.claims(), f.attacker, kid=f.key.kid)),
    refused(
        "T06-changed-signature",
        lambda f: _changed_signature(f.good()),
        TokenFault.BAD_SIGNATURE,
    ),
    refused("T06-changed-payload", _changed_payload, TokenFault.BAD_SIGNATURE),
    refused("T06-other-algorithm-same-key", lambda f: f.with_header(alg="PS256")),
    refused("T06-ec-key-under-our-kid", lambda f: mint(f.claims(), ec_key(), kid=f.key.kid)),
    refused("T06-ed-key-under-our-kid", lambda f: mint(f.claims(), ed_key(), kid=f.key.kid)),
    refused(
        "T07-embedded-jwk",
        lambda f: mint(f.claims(), f.attacker, jwk=f.attacker.jwk()),
        MALFORMED,
    ),
    refused("T07-embedded-jwk-of-ours", lambda f: f.with_header(jwk=f.key.jwk()), MALFORMED),
    *each(refused, "T08-jku", PLACES, lambda f, url: mint(f.claims(), f.attacker, jku=url)),
    *each(refused, "T08-x5u", PLACES, lambda f, url: mint(f.claims(), f.attacker, x5u=url)),
    *each(refused, "T08-jku-good-signature", PLACES, lambda f, url: f.with_header(jku=url)),
    refused("T08-x5c", lambda f: mint(f.claims(), f.attacker, x5c=["AAAA"]), MALFORMED),
    *each(refused, "T10-kid", BAD_KIDS, lambda f, kid: f.with_header(kid=kid)),
    refused("T10-kid-missing", lambda f: f.with_header(kid=None), TokenFault.UNKNOWN_KEY),
    refused(
        "T11-key-of-another-configured-issuer",
        lambda f: mint(f.claims(), f.second_key),
        TokenFault.UNKNOWN_KEY,
    ),
    refused(
        "T11-another-issuer-signed-under-our-kid",
        lambda f: mint(f.claims(), f.second_key, kid=f.key.kid),
        TokenFault.BAD_SIGNATURE,
    ),
    refused(
        "T11-our-key-for-another-configured-issuer",
        lambda f: f.good(iss=f.second_issuer),
        TokenFault.UNKNOWN_KEY,
    ),
]

HEADER_CASES: list[TokenCase] = [
    *each(
        refused,
        "T13-crit",
        CRITICAL,
        lambda f, crit: f.with_header(crit=crit),
        TokenFault.CRITICAL_EXTENSION,
    ),
    refused("T13-crit-with-member", lambda f: f.with_header(crit=["x"], x=1)),
    refused("T13-b64-critical", lambda f: f.with_header(crit=["b64"], b64=False)),
    refused("T13-b64-false", lambda f: f.with_header(b64=False)),
    refused("T13-b64-true", lambda f: f.with_header(b64=True)),
    *each(accepted, "T15-typ", GOOD_TYPES, lambda f, typ: f.with_header(typ=typ)),
    *each(
        refused,
        "T15-typ",
        BAD_TYPES,
        lambda f, typ: f.with_header(typ=typ),
        TokenFault.WRONG_TYPE,
    ),
    refused("T15-typ-absent", lambda f: f.with_header(typ=None), TokenFault.WRONG_TYPE),
    *each(
        refused,
        "T17-unused-member-of-another-type",
        ("cty", "x5t", "x5t#S256"),
        lambda f, member: f.with_header(**{member: 7}),
        MALFORMED,
    ),
    accepted("T17-unknown-members-are-ignored", lambda f: f.with_header(x5t="AAAA", other=[1])),
    refused("T16-id-token-for-the-client", lambda f: _id_token(f, "cli")),
    refused("T16-id-token-naming-us", lambda f: _id_token(f, f.audience, nonce="n")),
    *each(
        refused,
        "T16-mark-of-an-id-token",
        ("nonce", "at_hash", "c_hash", "s_hash"),
        lambda f, mark: f.good(**{mark: "x"}),
        TokenFault.ID_TOKEN,
    ),
    refused("T18-jwe", lambda _: "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0.a.b.c.d", MALFORMED),
    refused("T18-zip-bomb", _deflated, MALFORMED),
    refused("T18-zip-with-plain-payload", lambda f: f.with_header(zip="DEF")),
    refused("T18-enc", lambda f: f.with_header(enc="A128GCM")),
    *each(
        refused,
        "T19",
        RESPELLINGS,
        lambda f, respell: str(respell(f.good())),
        MALFORMED,
    ),
    *each(refused, "T19-appended", ("A", "AAAA", "_"), lambda f, garbage: f.good() + garbage),
    accepted("T22-8-KiB", lambda f: _of_length(f, 8192)),
    refused("T22-8-KiB-and-one", lambda f: _of_length(f, 8193), TokenFault.TOO_LONG),
    *each(refused, "T23", BAD_HEADERS, _header_json, MALFORMED),
    refused(
        "T23-utf-16",
        lambda f: f.with_raw_header(json.dumps(header_for(f.key)).encode("utf-16")),
        MALFORMED,
    ),
    refused(
        "T23-invalid-utf-8",
        lambda f: f.with_raw_header(compact_json(header_for(f.key))[:-1] + b',"x":"\xff"}'),
        MALFORMED,
    ),
]

PAYLOAD_CASES: list[TokenCase] = [
    *each(refused, "T24", BAD_PAYLOAD_ENDS, _payload_json, MALFORMED),
    refused("T24-bom", lambda f: f.with_raw_payload(b"\xef\xbb\xbf" + compact_json(f.claims()))),
    refused("T24-utf-16", lambda f: f.with_raw_payload(json.dumps(f.claims()).encode("utf-16"))),
    *each(
        refused,
        "T24-root",
        ("null", "[]", '"x"', "1", "x"),
        lambda f, root: f.with_raw_payload(root.encode()),
        MALFORMED,
    ),
]
