"""Scopes as sets of words (RFC 6749 section 3.3). Compared by membership, never by substring."""

import re
from typing import Any

from auth.errors import InvalidToken, TokenFault

MAX_SCOPES = 256

# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def is_scope_token(word: str) -> bool:
    """Whether `word` is one scope: it may stand unescaped in a quoted-string, too."""
    return _SCOPE_TOKEN.fullmatch(word) is not None


def parse_scope(value: Any) -> frozenset[str]:
    """Read a `scope` claim: words separated by exactly one space.

    Raises:
        InvalidToken: BAD_SCOPE for another type, an empty value, any other separator or
            character, a repeated word, or more than `MAX_SCOPES` words.
    """
    if not isinstance(value, str):
        raise InvalidToken(TokenFault.BAD_SCOPE)
    return parse_scope_list(value.split(" "))


def parse_scope_list(value: Any) -> frozenset[str]:
    """Read scopes that an issuer writes as a JSON array of words (Okta's `scp`)."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_SCOPES:
        raise InvalidToken(TokenFault.BAD_SCOPE)
    if not all(isinstance(word, str) and is_scope_token(word) for word in value):
        raise InvalidToken(TokenFault.BAD_SCOPE)
    words = frozenset(value)
    if len(words) != len(value):
        raise InvalidToken(TokenFault.BAD_SCOPE)
    return words
