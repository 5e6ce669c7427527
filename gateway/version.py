"""Which release this is: the installed distribution's, or a plain word when there is none."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("mcp-portcullis")
    except PackageNotFoundError:
        return "0.0.0+source"


VERSION = _installed()
