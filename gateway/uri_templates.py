"""Whether a URI could have come from a resource template (RFC 6570), to find its owner.

Expressions are read generously: routing asks "whose is it", and the owner judges the URI itself.
A template becomes literal pieces with gaps between them; matching walks them once, so that no
template can make it slow.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_EXPRESSION = re.compile(r"\{([+#./;?&]?)[^{}]*\}")
_CROSSES_SEGMENTS = frozenset("+#/?&;")
MAX_TEMPLATE_CHARS = 8192


@dataclass(frozen=True, slots=True)
class UriTemplate:
    """Literal pieces, and for each gap between them whether it may hold a slash."""

    pieces: tuple[str, ...]
    may_cross: tuple[bool, ...]

    @staticmethod
    @lru_cache(maxsize=4096)
    def parse(template: str) -> "UriTemplate":
        """Take a template apart; text that is no expression is literal."""
        pieces: list[str] = []
        may_cross: list[bool] = []
        position = 0
        for expression in _EXPRESSION.finditer(template[:MAX_TEMPLATE_CHARS]):
            pieces.append(template[position : expression.start()])
            may_cross.append(expression[1] in _CROSSES_SEGMENTS and expression[1] != "")
            position = expression.end()
        pieces.append(template[position:])
        return UriTemplate(tuple(pieces), tuple(may_cross))

    def matches(self, uri: str) -> bool:
        """Whether the pieces stand in `uri` in this order, with fitting gaps between them."""
        if not self.may_cross:
            return uri == self.pieces[0]
        if not uri.startswith(self.pieces[0]) or not uri.endswith(self.pieces[-1]):
            return False
        position = len(self.pieces[0])
        end = len(uri) - len(self.pieces[-1])
        for piece, crosses in zip(self.pieces[1:-1], self.may_cross, strict=False):
            found = uri.find(piece, position, end)
            if found < 0 or not _fits(uri[position:found], may_cross=crosses):
                return False
            position = found + len(piece)
        return position <= end and _fits(uri[position:end], may_cross=self.may_cross[-1])


def _fits(gap: str, *, may_cross: bool) -> bool:
    return may_cross or "/" not in gap
