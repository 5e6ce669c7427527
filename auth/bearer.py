"""The one place a bearer token may stand: the Authorization header (RFC 6750 sections 2.1, 3.1).

Rule: exactly one header with exactly one token. Query, form, cookies and other headers are never
looked at: whoever sends a token there has sent none.
"""

import re
from collections.abc import Sequence

from auth.errors import InvalidToken, MalformedCredentials, MissingToken, TokenFault

# RFC 6750 section 2.1: credentials = "Bearer" 1*SP b64token; RFC 9110: schemes ignore case.
_CREDENTIALS = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE | re.ASCII)
_SEVERAL = re.compile(r"(?:^|,)[ \t]*bearer\b.*,|,[ \t]*bearer\b", re.IGNORECASE | re.ASCII)


def bearer_from(authorization_headers: Sequence[str]) -> str:
    """Read the token out of all Authorization headers of a request.

    Raises:
        MissingToken: there is no such header.
        MalformedCredentials: there are several headers, or several tokens in one.
        InvalidToken: MALFORMED for another scheme or anything that is not one token.
    """
    if not authorization_headers:
        raise MissingToken
    if len(authorization_headers) > 1:
        raise MalformedCredentials
    credentials = _CREDENTIALS.fullmatch(authorization_headers[0])
    if credentials is not None:
        return credentials[1]
    if _SEVERAL.search(authorization_headers[0]):
        raise MalformedCredentials
    raise InvalidToken(TokenFault.MALFORMED)
