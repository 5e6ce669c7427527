"""What a client opens as the browser: signs in, and goes on to where the issuer sends it.

python -m tests.rigs.sign_in_at AUTHORIZATION_URL
"""

import asyncio
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.rigs.browser import sign_in


async def visit(authorization_url: str) -> None:
    """Sign in and hand the issuer's answer to the client."""
    (redirect_uri,) = parse_qs(urlsplit(authorization_url).query)["redirect_uri"]
    given = await sign_in(authorization_url, redirect_uri)
    async with httpx2.AsyncClient(timeout=10) as browser:
        (await browser.get(redirect_uri, params=given)).raise_for_status()


if __name__ == "__main__":
    asyncio.run(visit(sys.argv[1]))
