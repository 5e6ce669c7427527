"""Cases J01-J14: bodies that are no message, and what they are told. Raw bytes, as they come."""

import json
from dataclasses import dataclass
from typing import Any

from tests.rigs.walled_city import modern_call

PARSE_ERROR, INVALID_REQUEST = -32700, -32600


@dataclass(frozen=True)
class Body:
    """One body and its answer: always 400, with this code."""

    id: str
    body: bytes
    code: int


def _call(**changes: Any) -> bytes:
    """A good modern call with members changed."""
    return json.dumps(modern_call() | changes).encode()


def _inside(text: str) -> bytes:
    """A good modern call with more written into its arguments."""
    return _call().replace(b'"arguments": {}', b'"arguments": {%b}' % text.encode())


def _beside(text: str) -> bytes:
    """A good modern call with more written at its end."""
    return _call()[:-1] + text.encode() + b"}"


def _without(member: str) -> bytes:
    return json.dumps({k: v for k, v in modern_call().items() if k != member}).encode()


def _all(prefix: str, code: int, bodies: dict[str, bytes]) -> list[Body]:
    return [Body(f"{prefix}-{name}", body, code) for name, body in bodies.items()]


DEEP = 100_000

TWICE = {
    "method": _beside(',"method":"tools/list"'),
    "id": _beside(',"id":2'),
    "jsonrpc": _beside(',"jsonrpc":"2.0"'),
    "params": _beside(',"params":{}'),
    "name": _call().replace(b'"name": "echo"', b'"name":"echo","name":"secret_door"'),
    "escaped": _call().replace(b'"name": "echo"', b'"name":"echo","n\\u0061me":"secret_door"'),
    "in-arguments": _inside('"a":1,"a":2'),
    "deep": _inside('"a":[{"b":{"c":1,"c":1}}]'),
    "in-meta": _call().replace(b'"_meta": {', b'"_meta": {"x":1,"x":2,'),
}
TOO_DEEP = {
    "65": _inside('"a":' + "[" * 65 + "]" * 65),
    "objects": _inside('"a":' + '{"a":' * 65 + "1" + "}" * 65),
    "100k": b"[" * DEEP,
    "100k-closed": _inside('"a":' + "[" * DEEP + "]" * DEEP),
}
NO_JSON = {
    "empty": b"",
    "blank": b" \n",
    "word": b"hello",
    "cut": _call()[:-5],
    "two": _call() + _call(),
    "trailing": _call() + b"x",
    "comma": _beside(","),
    "single-quotes": b"{'jsonrpc':'2.0'}",
    "nan": _inside('"a":NaN'),
    "infinity": _inside('"a":-Infinity'),
    "huge": _inside('"a":1e999'),
    "comment": b"/* */" + _call(),
}
LONG_INTEGERS = {
    "5000-digits": _inside('"a":' + "9" * 5000),
    "negative": _inside('"a":-' + "9" * 5000),
    "as-id": _call().replace(b'"id": 1', b'"id":' + b"9" * 5000),
}
NO_UTF_8 = {
    "invalid": _inside('"a":"X"').replace(b"X", b"\xff"),
    "overlong": _inside('"a":"X"').replace(b"X", b"\xc0\xaf"),
    "cesu-8": _inside('"a":"X"').replace(b"X", b"\xed\xa0\xbd\xed\xb8\x80"),
    "utf-16": _call().decode().encode("utf-16"),
    "utf-16-le": _call().decode().encode("utf-16-le"),
    "bom": b"\xef\xbb\xbf" + _call(),
    "lone-surrogate": _inside('"a":"\\ud800"'),
    "lone-low-surrogate": _inside('"a":"\\udc00x"'),
    "control": _inside('"a":"X"').replace(b"X", b"\x01"),
    "newline": _inside('"a":"X"').replace(b"X", b"\n"),
    "nul": _inside('"a":"X"').replace(b"X", b"\x00"),
}
BATCHES = {
    "empty": b"[]",
    "one": b"[" + _call() + b"]",
    "two": b"[" + _call() + b"," + _call() + b"]",
    "10k": b"[" + b",".join([b'{"jsonrpc":"2.0","id":1,"method":"ping"}'] * 10_000) + b"]",
}
BAD_IDS: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "list": [],
    "object": {},
    "empty": "",
    "fraction": 1.5,
    "long": "x" * 10_000,
}
BAD_MEMBERS = {
    "version-1.0": _call(jsonrpc="1.0"),
    "version-number": _call(jsonrpc=2),
    "version-list": _call(jsonrpc=["2.0"]),
    "version-missing": _without("jsonrpc"),
    "method-number": _call(method=7),
    "method-null": _call(method=None),
    "method-empty": _call(method=""),
    "method-10k": _call(method="x" * 10_000),
    "method-newline": _call(method="tools/call\n"),
    "method-space": _call(method="tools/call "),
    "method-nul": _call(method="tools/call\0"),
    "method-missing": _without("method"),
    "params-list": _call(params=[]),
    "params-text": _call(params="x"),
    "params-null": _call(params=None),
    "with-result": _call(result={}),
    "with-error": _call(error={"code": 1, "message": "x"}),
    "no-object": b'"x"',
    "number": b"7",
    "null": b"null",
}
IDS = {f"id-{name}": _call(id=value) for name, value in BAD_IDS.items()} | {
    "id-missing": _without("id"),
    "id-exponent": _call().replace(b'"id": 1', b'"id":1e3'),
    "id-on-a-notification": _call(method="notifications/cancelled"),
}

BODIES: list[Body] = [
    *_all("J01", INVALID_REQUEST, TWICE),
    *_all("J03", PARSE_ERROR, TOO_DEEP),
    *_all("J06-not-json", PARSE_ERROR, NO_JSON),
    *_all("J05", PARSE_ERROR, LONG_INTEGERS),
    *_all("J06", PARSE_ERROR, NO_UTF_8),
    *_all("J08", INVALID_REQUEST, BATCHES),
    *_all("J09", INVALID_REQUEST, IDS),
    *_all("J12", INVALID_REQUEST, BAD_MEMBERS),
]
