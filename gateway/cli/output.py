"""How commands speak: tables for people, one JSON document for programs, errors that help."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


WIDEST = 4096


class CommandFailed(Exception):
    """A command could not do what it was asked. The message says what to do about it."""


def say(text: str) -> None:
    """Write a line to stdout, as it is: never wrapped, never coloured."""
    sys.stdout.write(text + "\n")


def say_json(document: Any) -> None:
    """Write one JSON document to stdout."""
    say(json.dumps(document, indent=2, ensure_ascii=False))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to stdout, as wide as it needs to be: a folded URL cannot be used."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, highlight=False, width=WIDEST)
    console.print(table)


def say_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Write one record as a two-column table, or as JSON."""
    if as_json:
        say_json(record)
        return
    say_table(("", ""), [(key, str(value)) for key, value in record.items()])
