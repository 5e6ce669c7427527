"""Characters that a model reads and a person does not see (Unicode TR 36, 39). Pure.

What writing systems and emoji need is left alone: joiners, direction marks, variation selectors,
and the tags of a flag.
"""

import re
from collections.abc import Iterator

_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,12}\U000e007f")
_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls but tab, line feed, carriage return
    "\u00ad\u200b\u2060-\u2064\ufeff"  # of no width
    "\u202a-\u202e\u2066-\u2069"  # overriding the direction
    "\u2028\u2029\u180e\u3164\uffa0\u115f\u1160"  # separators and fillers
    "\ufff9-\ufffb"  # interlinear annotation
    "\ue000-\uf8ff"  # private use
    "\U000e0000-\U000e007f"  # tags: a second, invisible ASCII
    "\U000e0100-\U000e01ef"  # variation selectors that carry bytes
    "]"
)


def hidden_characters(text: str) -> Iterator[str]:
    """The hidden characters of a text, as `U+E0041`."""
    if text.isascii() and text.isprintable():
        return
    for found in _HIDDEN.finditer(_FLAG.sub("", text)):
        yield f"U+{ord(found[0]):04X}"
