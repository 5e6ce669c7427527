"""The parser of requests has to be the compiled one (llhttp): the cases were shown on it.

aiohttp falls back to one in Python, which is more lenient and slower, where its extension is
missing or `AIOHTTP_NO_EXTENSIONS` is set.
"""

from aiohttp import http_parser


class PurePythonParser(OSError):
    """This installation would parse requests in Python."""


def require_compiled_parser() -> None:
    """Refuse to start without it.

    Raises:
        PurePythonParser: with what to do, for the operator.
    """
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise PurePythonParser(
            "aiohttp runs without its compiled HTTP parser; install a binary wheel of aiohttp "
            "and unset AIOHTTP_NO_EXTENSIONS"
        )
