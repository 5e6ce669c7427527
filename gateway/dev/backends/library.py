"""The library: another server on SDK 2.x, unlike the order desk in every name that it has."""

from dataclasses import dataclass

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from serving import serve  # type: ignore[import-not-found]  # run as a script, beside it


@dataclass(frozen=True)
class Book:
    """A book as the tools show it."""

    isbn: str
    title: str
    author: str
    year: int


BOOKS = (
    Book("9780201835953", "The Mythical Man-Month", "Frederick Brooks", 1975),
    Book("9780262510875", "Structure and Interpretation of Computer Programs", "Abelson", 1985),
    Book("9780131103627", "The C Programming Language", "Kernighan", 1978),
)
READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)

loans: dict[str, str] = {}
server: MCPServer = MCPServer(
    "library",
    title="Reading room",
    version="1.0.0",
    instructions="Search the catalogue, then borrow by ISBN.",
    log_level="ERROR",
)


@server.tool(annotations=READ_ONLY)
def search_books(text: str) -> list[Book]:
    """Search titles and authors."""
    wanted = text.casefold()
    return [book for book in BOOKS if wanted in f"{book.title} {book.author}".casefold()]


@server.tool(annotations=ToolAnnotations(destructive_hint=False, idempotent_hint=False))
async def borrow_book(isbn: str, reader: str, ctx: Context) -> str:
    """Borrow a book, unless somebody has it."""
    if isbn not in {book.isbn for book in BOOKS}:
        raise ToolError(f"There is no book {isbn}")
    if isbn in loans:
        raise ToolError("The book is out")
    loans[isbn] = reader
    await ctx.report_progress(1, 1, "stamped")
    return f"{reader} has {isbn}"


@server.prompt(title="Recommend a book")
def recommend(topic: str) -> str:
    """Ask for a recommendation from this library."""
    return f"Recommend one book of this library about {topic}, and say why."


@server.resource("library://opening-hours", mime_type="text/plain")
def opening_hours() -> str:
    """When the reading room is open."""
    return "Mon-Fri 9-18"


@server.resource("library://books/{isbn}", mime_type="application/json")
def book(isbn: str) -> Book:
    """One book."""
    return next(book for book in BOOKS if book.isbn == isbn)


if __name__ == "__main__":
    serve(server.streamable_http_app())
