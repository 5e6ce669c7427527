"""The parameters of a `WWW-Authenticate: Bearer` challenge (RFC 9110 11.2, RFC 6750 3)."""

import re

_PARAM = re.compile(r"""([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))""")
_BEARER = re.compile(r"(?:^|,)\s*bearer(?:\s|$)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)")


def challenge_params(header: str | None) -> dict[str, str]:
    """The parameters of the first Bearer challenge; empty when there is none."""
    found = _BEARER.search(header or "")
    if header is None or found is None:
        return {}
    params: dict[str, str] = {}
    for name, quoted, token in _PARAM.findall(header[found.end() :]):
        params.setdefault(name.lower(), _ESCAPE.sub(r"\1", quoted) or token)
    return params
