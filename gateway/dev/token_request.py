"""Ask the running development issuer for a token, as any client would: RFC 6749 section 4.4."""

import base64
import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gateway.dev.errors import DevFailed

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024


def request_token(
    issuer: str, *, client: tuple[str, str], resource: str, scopes: Sequence[str] = ()
) -> dict[str, Any]:
    """The issuer's whole answer to a `client_credentials` request for one resource."""
    metadata = _fetch("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
    form = {"grant_type": "client_credentials", "resource": resource}
    if scopes:
        form["scope"] = " ".join(scopes)
    headers = {
        "Authorization": _basic(*client),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return _fetch("POST", metadata["token_endpoint"], urlencode(form).encode(), headers)


def _basic(client_id: str, client_secret: str) -> str:
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _fetch(
    method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, target.path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        document: dict[str, Any] = json.loads(response.read(MAX_ANSWER_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DevFailed(f"no answer from the development issuer at {url}: {error}") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        why = document.get("error_description") or document.get("error")
        raise DevFailed(f"the development issuer refused: {why}")
    return document
