"""A person at a browser, scripted: follows redirects, fills in forms, keeps cookies.

Enough for a login page and a consent page over plain HTTP. It stops where a redirect leads to the
client's own redirect URI, which it does not open.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

MAX_PAGES = 20
TYPED_IN = {"login": "ada", "password": "any will do"}


class LostOnTheWay(Exception):
    """No redirect to the client came; the message shows the last page."""


async def sign_in(authorization_url: str, redirect_uri: str) -> dict[str, str]:
    """Sign in and consent. The parameters that the client's redirect URI was given."""
    async with httpx2.AsyncClient(timeout=10) as browser:
        request = browser.build_request("GET", authorization_url)
        for _ in range(MAX_PAGES):
            page = await browser.send(request)
            location = urljoin(str(page.url), page.headers.get("Location", ""))
            if page.is_redirect and location.startswith(redirect_uri):
                return {name: each[0] for name, each in parse_qs(urlsplit(location).query).items()}
            if page.is_redirect:
                request = browser.build_request("GET", location)
            else:
                request = _submitted(browser, page)
    raise LostOnTheWay(authorization_url)


def _submitted(browser: httpx2.AsyncClient, page: httpx2.Response) -> httpx2.Request:
    form = _Form()
    form.feed(page.text)
    if form.action is None:
        raise LostOnTheWay(f"{page.status_code} {page.url}\n{page.text[:2000]}")
    filled = {name: value or TYPED_IN.get(name, "") for name, value in form.fields.items()}
    return browser.build_request("POST", urljoin(str(page.url), form.action), data=filled)


@dataclass
class _Form(HTMLParser):
    """The first form of a page."""

    action: str | None = None
    fields: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = found.get("action") or ""
        elif tag == "input" and found.get("name"):
            self.fields[found["name"] or ""] = found.get("value") or ""
