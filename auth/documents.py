"""Small JSON documents from other machines: discovery documents and key sets.

Rules: the other side is hostile. One request, no redirects, a bounded body, a bounded time for
all of it; status 200 and a JSON object, read strictly, or it is no document.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import aiohttp

from auth.egress import GuardedSession, TenantEgress, refusal_of
from auth.errors import DocumentUnavailable
from auth.strict_json import InvalidJson, strict_json

MAX_DOCUMENT_BYTES = 65_536
DOCUMENT_TIMEOUT_S = 5.0
MAX_DEPTH = 16
CONNECTIONS = 4


class DocumentFetcher:
    """Fetches documents on behalf of one tenant. Its session is made on first use."""

    def __init__(
        self,
        egress: TenantEgress,
        *,
        ca_file: str | None = None,
        timeout_s: float = DOCUMENT_TIMEOUT_S,
    ) -> None:
        self.egress = egress
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._session: GuardedSession | None = None

    async def fetch_json(
        self, url: str, *, max_bytes: int = MAX_DOCUMENT_BYTES, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Fetch one JSON object.

        Raises:
            EgressRefused: the tenant may not connect there.
            DocumentUnavailable: no answer in time (`answered` is false), or not a document.
        """
        self.egress.check_url(url)
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                body = await self._get(url, max_bytes)
        except aiohttp.ClientResponseError as error:
            raise DocumentUnavailable(f"HTTP status {error.status}", answered=True) from error
        except aiohttp.ClientError as error:
            raise refusal_of(error) or DocumentUnavailable(type(error).__name__) from error
        except (OSError, ValueError) as error:
            raise DocumentUnavailable(type(error).__name__) from error
        return _read_object(body)

    async def close(self) -> None:
        """Close the connections. A later fetch would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _get(self, url: str, max_bytes: int) -> bytes:
        headers = {"Accept": "application/json"}
        async with self._open_session().get(
            url, headers=headers, allow_redirects=False
        ) as response:
            _check_head(response, max_bytes)
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    response.close()
                    raise DocumentUnavailable("the document is too large", answered=True)
            return bytes(body)

    def _open_session(self) -> GuardedSession:
        if self._session is None:
            self._session = self.egress.client_session(
                limit=CONNECTIONS,
                ca_file=self._ca_file,
                total_timeout_s=self._timeout_s,
                idle_timeout_s=self._timeout_s,
            )
        return self._session


def _check_head(response: aiohttp.ClientResponse, max_bytes: int) -> None:
    problem = None
    if response.status != HTTPStatus.OK:
        problem = f"HTTP status {response.status}"
    elif response.headers.get("Content-Encoding", "identity").lower() != "identity":
        problem = "the document is compressed"
    elif (response.content_length or 0) > max_bytes:
        problem = "the document is too large"
    if problem:
        response.close()
        raise DocumentUnavailable(problem, answered=True)


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        document = strict_json(body, max_depth=MAX_DEPTH)
    except InvalidJson as error:
        raise DocumentUnavailable(f"the document is not JSON: {error}", answered=True) from error
    if not isinstance(document, dict):
        raise DocumentUnavailable("the document is not a JSON object", answered=True)
    return document
