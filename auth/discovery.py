"""From an issuer's name to its metadata: RFC 8414 and OpenID Connect Discovery 1.0.

Rules: the well-known places are tried in the order of the MCP specification; a document counts
only if its `issuer` equals the configured one, code point by code point (RFC 8414 section 3.3);
its `jwks_uri` leads to the issuer's own host or to one that the operator listed, never by a
weaker scheme.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc8414 import get_well_known_url

from auth.destinations import DEFAULT_PORTS, Destination, read_destination
from auth.documents import DocumentFetcher
from auth.errors import DocumentUnavailable, EgressRefused

OAUTH_SUFFIX = "oauth-authorization-server"
OPENID_SUFFIX = "openid-configuration"
URL_MEMBERS = ("_endpoint", "_uri", "_endpoint_aliases")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerMetadata:
    """An issuer's own document. `raw` has every member but URLs that nobody should follow."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str | None
    token_endpoint: str | None
    raw: Mapping[str, Any]


async def discover(
    issuer: str, fetcher: DocumentFetcher, *, jwks_hosts: frozenset[str] = frozenset()
) -> IssuerMetadata:
    """Fetch and check the metadata of `issuer`. `jwks_hosts` are `host` or `host:port`.

    Raises:
        DocumentUnavailable: no place has a document of this issuer; the message is for operators.
        EgressRefused: the issuer, or its `jwks_uri`, is where this tenant may not connect.
    """
    first_problem: DocumentUnavailable | None = None
    for url in well_known_urls(issuer):
        try:
            return read_metadata(await fetcher.fetch_json(url), issuer, fetcher, jwks_hosts)
        except DocumentUnavailable as error:
            if not error.answered:
                raise
            first_problem = _more_telling(first_problem, error)
    raise first_problem or DocumentUnavailable("the issuer has no well-known places")


def well_known_urls(issuer: str) -> Iterator[str]:
    """Where the metadata may be, in the order in which MCP clients look.

    Raises:
        EgressRefused: the issuer is not a URL without query.
    """
    where = read_destination(issuer)
    if where.query:
        raise EgressRefused("an issuer has no query")
    # RFC 8414 section 3.1: "any terminating "/" MUST be removed before inserting".
    bare = issuer.removesuffix("/")
    yield _inserted(bare, OAUTH_SUFFIX)
    yield _inserted(bare, OPENID_SUFFIX)
    if where.path.strip("/"):
        yield f"{bare}/.well-known/{OPENID_SUFFIX}"


def read_metadata(
    document: Mapping[str, Any],
    issuer: str,
    fetcher: DocumentFetcher,
    jwks_hosts: frozenset[str] = frozenset(),
) -> IssuerMetadata:
    """Believe a document of `issuer`, or not.

    Raises:
        DocumentUnavailable: it is not this issuer's, or its `jwks_uri` leads elsewhere.
        EgressRefused: the `jwks_uri` is where this tenant may not connect.
    """
    if document.get("issuer") != issuer:
        raise IssuerMismatch("the document names another issuer", answered=True)
    jwks_uri = document.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise DocumentUnavailable("the document has no jwks_uri", answered=True)
    check_jwks_uri(jwks_uri, issuer, jwks_hosts)
    fetcher.egress.check_url(jwks_uri)
    raw = _without_unsafe_urls(document, read_destination(issuer).scheme)
    return IssuerMetadata(
        issuer=issuer,
        jwks_uri=jwks_uri,
        authorization_endpoint=raw.get("authorization_endpoint"),
        token_endpoint=raw.get("token_endpoint"),
        raw=raw,
    )


def check_jwks_uri(jwks_uri: str, issuer: str, jwks_hosts: frozenset[str]) -> None:
    """Refuse a `jwks_uri` that does not belong to the issuer.

    Raises:
        EgressRefused: not a plain URL, a weaker scheme, or neither the issuer's own host and
            port nor one of `jwks_hosts`.
    """
    theirs, target = read_destination(issuer), read_destination(jwks_uri)
    if theirs.scheme == "https" and target.scheme != "https":
        raise EgressRefused("jwks_uri must be https")
    listed = {_authority(entry, target) for entry in jwks_hosts}
    if target.authority != theirs.authority and target.authority not in listed:
        raise EgressRefused("jwks_uri is at a host that is not listed in jwks_hosts")


class IssuerMismatch(DocumentUnavailable):
    """The other side answered with the document of another issuer."""


def _inserted(issuer: str, suffix: str) -> str:
    url: str = get_well_known_url(issuer, external=True, suffix=suffix)  # type: ignore[no-untyped-call]
    return url


def _authority(entry: str, target: Destination) -> tuple[str, int]:
    host, _, port = entry.lower().partition(":")
    return host, int(port) if port.isdecimal() else DEFAULT_PORTS[target.scheme]


def _more_telling(
    first: DocumentUnavailable | None, second: DocumentUnavailable
) -> DocumentUnavailable:
    # That one place has nothing says less than that another one has the wrong thing.
    if first is None or isinstance(second, IssuerMismatch):
        return second
    return first


def _without_unsafe_urls(document: Mapping[str, Any], scheme: str) -> dict[str, Any]:
    # Clients open what they find in a copy of this document (`javascript:` and the like).
    return {
        name: value
        for name, value in document.items()
        if not name.endswith(URL_MEMBERS) or _is_safe_url(value, scheme)
    }


def _is_safe_url(value: Any, scheme: str) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return read_destination(value).scheme in {"https", scheme}
    except EgressRefused:
        return False
