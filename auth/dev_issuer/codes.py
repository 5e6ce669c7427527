"""Authorization codes: used once, for a minute (RFC 6749 section 4.1.2)."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

CODE_LIFETIME_S = 60
MAX_CODES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """What a code stands for, as authlib asks about it."""

    client_id: str
    redirect_uri: str
    scope: str
    resource: str
    code_challenge: str
    code_challenge_method: str
    expires_at: float

    def get_redirect_uri(self) -> str:
        """Where the code was sent; the token request must name the same place."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was granted."""
        return self.scope


class Codes:
    """Codes not yet used; the oldest goes when there are too many."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._codes: OrderedDict[str, IssuedCode] = OrderedDict()

    def __len__(self) -> int:
        return len(self._codes)

    def keep(self, code: str, issued: IssuedCode) -> None:
        """Remember what `code` stands for."""
        self._codes[code] = issued
        if len(self._codes) > MAX_CODES:
            self._codes.popitem(last=False)

    def take(self, code: str, *, client_id: str) -> IssuedCode | None:
        """Use a code up, whatever comes of it: a second try finds nothing."""
        issued = self._codes.pop(code, None)
        if issued is None or issued.client_id != client_id or self._now() >= issued.expires_at:
            return None
        return issued
