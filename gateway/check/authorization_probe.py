"""The way from a 401 to a token, walked as far as it goes without one.

Rules: the credentials of the check are not sent here, least of all to other hosts. Documents are
fetched by the same guarded fetcher that the gateway uses for issuers.
"""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

from auth.discovery import well_known_urls
from auth.documents import DocumentFetcher
from auth.egress import TenantEgress
from auth.errors import DocumentUnavailable, EgressRefused
from auth.resource_metadata import WELL_KNOWN
from gateway.check.answer import Answer, shown
from gateway.check.asked import Asked, Json, Talk, initialize
from gateway.check.challenge import challenge_params
from gateway.check.observations import AuthorizationSeen, IssuerSeen, Observations
from gateway.check.wire import Wire
from gateway.protocol.revisions import LATEST_LEGACY, LATEST_MODERN

ISSUERS = 3
BAD_TOKEN = "Bearer portcullis-check-not-a-token"  # noqa: S105 - it is none


async def probe_authorization(wire: Wire, egress: TenantEgress, seen: Observations) -> None:
    """Look at the 401, at the metadata that it leads to, and at the issuers that those name."""
    refusal = await _anonymous(wire, seen)
    seen.anonymous = refusal
    if refusal.status != HTTPStatus.UNAUTHORIZED:
        return
    found = AuthorizationSeen(refusal)
    seen.authorization = found
    found.bad_token = await wire.send(_with_bad_token(refusal.asked))
    fetcher = DocumentFetcher(egress)
    try:
        await _find_metadata(fetcher, seen.url, found, wire)
        for issuer in list(_issuers(found))[:ISSUERS]:
            wire.on_request(f"metadata of {shown(issuer)}")
            found.issuers.append(await _find_issuer(fetcher, issuer))
    finally:
        await fetcher.close()


async def _anonymous(wire: Wire, seen: Observations) -> Answer:
    if not seen.has_credentials and seen.discovery is not None:
        refused = [a for a in seen.handshakes.values() if a.status == HTTPStatus.UNAUTHORIZED]
        return refused[0] if refused else seen.discovery
    if seen.legacy is not None and seen.modern is None:
        asked = initialize(LATEST_LEGACY)
    else:
        asked = Talk(revision=LATEST_MODERN).ask("server/discover")
    where = f"{asked.where} without credentials"
    return await wire.send(replace(asked, where=where, is_anonymous=True))


def _with_bad_token(asked: Asked) -> Asked:
    headers = dict(asked.headers) | {"Authorization": BAD_TOKEN}
    return replace(asked, where="a token that is none", headers=headers, is_anonymous=True)


async def _find_metadata(
    fetcher: DocumentFetcher, url: str, found: AuthorizationSeen, wire: Wire
) -> None:
    challenged = challenge_params(found.refusal.header("WWW-Authenticate")).get("resource_metadata")
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    query = f"?{parts.query}" if parts.query else ""
    places = {"challenge": challenged, "path": f"{origin}{WELL_KNOWN}{parts.path}{query}"}
    if parts.path.strip("/"):
        places["root"] = origin + WELL_KNOWN
    found.places = {kind: place for kind, place in places.items() if place}
    for kind, place in found.places.items():
        if kind == "root" and found.documents:
            return
        wire.on_request(f"protected resource metadata ({kind})")
        document = await _fetch(fetcher, place)
        if isinstance(document, dict):
            found.documents[place] = document


def _issuers(found: AuthorizationSeen) -> Iterator[str]:
    named: dict[str, None] = {}
    for document in found.documents.values():
        servers = document.get("authorization_servers")
        for each in servers if isinstance(servers, list) else ():
            if isinstance(each, str):
                named.setdefault(each)
    yield from named


async def _find_issuer(fetcher: DocumentFetcher, issuer: str) -> IssuerSeen:
    problem = "no metadata at its well-known places"
    try:
        for url in well_known_urls(issuer):
            document = await _fetch(fetcher, url)
            if isinstance(document, dict) and document.get("issuer") == issuer:
                return IssuerSeen(issuer=issuer, document=document)
            if isinstance(document, dict):
                problem = f"the document calls itself {shown(str(document.get('issuer')))}"
    except EgressRefused as refusal:
        return IssuerSeen(issuer=issuer, problem=str(refusal), is_refused=True)
    return IssuerSeen(issuer=issuer, problem=problem)


async def _fetch(fetcher: DocumentFetcher, url: str) -> Json | str:
    """The document, or in words why there is none."""
    try:
        return await fetcher.fetch_json(url)
    except DocumentUnavailable as error:
        return str(error)
