"""Configurations that tests start from."""

from pathlib import Path

from gateway.config.loading import parse_config
from gateway.config.model import Config

SMALLEST = "public_url: https://mcp.example.com\n"

TENANT = """
tenants:
  acme:
    issuers:
      - issuer: https://login.example.com
    backends:
      orders: {url: "https://orders.example.com/mcp"}
"""


def parsed(text: str, directory: Path | None = None, **environ: str) -> Config:
    """The configuration of `text` in an environment of exactly `environ`."""
    return parse_config(text, environ=environ, directory=directory or Path("/nowhere"))
