"""What `dev` prints when everything answers: where things are, and something to paste."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.dev.configuration import Places
from gateway.dev.state_directory import DevNote
from gateway.snippets import Snippet, Target, claude, curl, cursor, inspector, vscode

EXAMPLE_TOOL = "find_order"
EXAMPLE_ARGUMENTS: Mapping[str, Any] = {"number": "A-1001"}

_INTRODUCTION = "A token for acme, good for one hour (another: portcullis token --tenant acme):"
_FAREWELL = (
    "For development only: the issuer gives a token to whoever asks on this machine.\n"
    "Ctrl-C ends everything."
)


def announcement(note: DevNote, places: Places) -> str:
    """The whole text, without a line that a terminal would have to fold to stay pasteable."""
    acme = note.tenants["acme"]
    target = Target(name="acme", url=acme.endpoint, token=acme.token)
    parts = [
        table(("what", "where"), list(_places(note, places))),
        f"{_INTRODUCTION}\n\n{acme.token}",
        f"Call a tool:\n\n{curl(target, tool=EXAMPLE_TOOL, arguments=EXAMPLE_ARGUMENTS)}",
        *(_pasted(make(target)) for make in (claude, vscode, cursor, inspector)),
        _FAREWELL,
    ]
    return "\n" + "\n\n".join(parts) + "\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, as wide as they need to be: a folded URL cannot be clicked."""
    lines = [tuple(columns), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _places(note: DevNote, places: Places) -> Iterator[tuple[str, str]]:
    yield "acme (orders)", note.tenants["acme"].endpoint
    yield "acme (stock, legacy era)", places.endpoint("acme", "stock")
    yield "acme (orders and stock)", places.endpoint("acme", "all")
    yield "globex (library)", note.tenants["globex"].endpoint
    yield "health, metrics", f"{note.admin}/readyz, {note.admin}/metrics"
    yield "development issuer", note.issuer


def _pasted(snippet: Snippet) -> str:
    return f"{snippet.client}, {snippet.place}:\n\n{snippet.text}"
