"""Judging what a client needs to sign in. Pure."""

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

from gateway.check.answer import shown
from gateway.check.asked import Json
from gateway.check.challenge import challenge_params
from gateway.check.observations import AuthorizationSeen, IssuerSeen, Observations
from gateway.check.rule import Finding
from gateway.check.rules import authorization as rules


def judge_authorization(seen: Observations) -> Iterator[Finding]:
    """From the 401 to the issuers."""
    found = seen.authorization
    if seen.is_refused and seen.discovery is not None:
        yield rules.NEEDED.at(seen.discovery.where, f"HTTP {seen.discovery.status}")
    if found is None:
        if seen.anonymous is not None and seen.anonymous.status == HTTPStatus.FORBIDDEN:
            yield rules.NOT_401.at(seen.anonymous.where, seen.anonymous.told())
        return
    yield from _challenge(found)
    yield from _metadata(seen.url, found)
    for issuer in found.issuers:
        yield from _issuer(issuer)


def _challenge(found: AuthorizationSeen) -> Iterator[Finding]:
    header = found.refusal.header("WWW-Authenticate")
    params = challenge_params(header)
    if "resource_metadata" not in params:
        yield rules.NO_CHALLENGE.at(found.refusal.where, shown(header or "no WWW-Authenticate"))
    if "scope" not in params and any(d.get("scopes_supported") for d in found.documents.values()):
        yield rules.NO_SCOPE.at(found.refusal.where, shown(header or "no WWW-Authenticate"))
    bad = found.bad_token
    if bad is None or bad.fault:
        return
    if bad.status != HTTPStatus.UNAUTHORIZED:
        yield rules.NOT_401.at(bad.where, bad.told())
    elif challenge_params(bad.header("WWW-Authenticate")).get("error") != "invalid_token":
        told = bad.header("WWW-Authenticate") or "no WWW-Authenticate"
        yield rules.NO_ERROR.at(bad.where, shown(told))


def _metadata(url: str, found: AuthorizationSeen) -> Iterator[Finding]:
    if not found.documents:
        yield rules.NO_METADATA.at(url, "none at " + shown(", ".join(found.places.values()), 400))
        return
    if found.places["path"] not in found.documents:
        yield rules.METADATA_PLACE.at(found.places["path"], "no document")
    for place, document in found.documents.items():
        yield from _document(url, shown(place), document)


def _document(url: str, place: str, document: Json) -> Iterator[Finding]:
    resource = document.get("resource")
    if resource != url:
        is_parent = isinstance(resource, str) and _is_parent(resource, url)
        rule = rules.RESOURCE_PARENT if is_parent else rules.RESOURCE
        yield rule.at(place, f"resource {shown(str(resource))}")
    servers = document.get("authorization_servers")
    if not isinstance(servers, list) or not servers:
        yield rules.NO_ISSUER.at(place, shown(f"authorization_servers {servers}"))


def _is_parent(resource: str, url: str) -> bool:
    above, here = urlsplit(resource), urlsplit(url)
    path = here.path.rstrip("/") + "/"
    return above[:2] == here[:2] and path.startswith(above.path.rstrip("/") + "/")


def _issuer(issuer: IssuerSeen) -> Iterator[Finding]:
    where = shown(issuer.issuer)
    if issuer.document is None:
        rule = rules.NOT_JUDGED if issuer.is_refused else rules.ISSUER_METADATA
        yield rule.at(where, issuer.problem)
        return
    document = issuer.document
    missing = [m for m in ("authorization_endpoint", "token_endpoint") if m not in document]
    if missing == ["authorization_endpoint"] and not _has_code_flow(document):
        missing = []
    if missing:
        yield rules.ISSUER_METADATA.at(where, f"no {', '.join(missing)}")
    methods = document.get("code_challenge_methods_supported")
    if _has_code_flow(document) and (not isinstance(methods, list) or "S256" not in methods):
        yield rules.PKCE.at(where, shown(f"code_challenge_methods_supported {methods}"))
    is_open = document.get("registration_endpoint") or document.get(
        "client_id_metadata_document_supported"
    )
    if not is_open:
        yield rules.NO_REGISTRATION.at(where, "neither way is offered")


def _has_code_flow(document: Json) -> bool:
    types = document.get("response_types_supported")
    return not isinstance(types, list) or "code" in types
