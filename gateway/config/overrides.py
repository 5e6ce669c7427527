"""Settings from the environment, laid over the file before anything is checked.

Rules, weakest first: the file, the standard variables (`REDIS_URL`, ...), then
`PORTCULLIS_SECTION__KEY`. A secret may come as `..._FILE`, the path of a file that holds it.
Tenants and lists of mappings have no variables: they belong in the file.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.document import read_document
from gateway.config.interpolation import MissingReference, References, read_secret_file
from gateway.config.schema import Schema, schema_at
from tenants.errors import Fault

PREFIX = "PORTCULLIS_"
CONFIG_VARIABLE = "PORTCULLIS_CONFIG"
SECRETS = frozenset({"redis_url", "database_url"})
STANDARD = {
    "REDIS_URL": ("redis_url",),
    "DATABASE_URL": ("database_url",),
    "LOG_LEVEL": ("telemetry", "log_level"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("telemetry", "otlp_endpoint"),
}


@dataclass(frozen=True, slots=True)
class Override:
    """A value for the key at `steps`, and the variable that it came from."""

    variable: str
    steps: tuple[str, ...]
    value: Any


def variables() -> dict[str, tuple[str, ...]]:
    """Every `PORTCULLIS_` variable that sets a key, without the `_FILE` forms."""
    return {PREFIX + "__".join(steps).upper(): steps for steps in _leaves()}


def _leaves() -> Iterator[tuple[str, ...]]:
    for name in (schema_at(()) or {})["properties"]:
        yield from _leaves_below((name,))


def _leaves_below(steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    schema = schema_at(steps) or {}
    if steps == ("tenants",) or "properties" in schema.get("items", {}):
        return
    if "properties" not in schema:
        yield steps
        return
    for name in schema["properties"]:
        yield from _leaves_below((*steps, name))


def read_overrides(
    environ: Mapping[str, str], directory: Path
) -> tuple[list[Override], list[Fault]]:
    """What `environ` sets, in the order in which it is to be applied, and what is wrong with it."""
    found: list[Override] = []
    faults: list[Fault] = []
    ours = variables()
    for variable, steps, is_file in _named(environ, ours):
        try:
            text = environ[variable]
            value = read_secret_file(directory / text) if is_file else _typed(text, steps)
            found.append(Override(variable, steps, value))
        except (MissingReference, ValueError) as error:
            faults.append(Fault(variable, str(error)))
    faults += _misspelt(environ, ours)
    return found, faults


def _named(
    environ: Mapping[str, str], ours: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    for variable, steps in STANDARD.items():
        if environ.get(variable):
            yield variable, steps, False
    for variable, steps in ours.items():
        if variable in environ:
            yield variable, steps, False
        elif steps[-1] in SECRETS and f"{variable}_FILE" in environ:
            yield f"{variable}_FILE", steps, True


def _typed(text: str, steps: tuple[str, ...]) -> Any:
    schema: Schema = schema_at(steps) or {}
    if schema.get("type") == "string" or "enum" in schema:
        return text.lower() if "enum" in schema else text
    value, faults = read_document(text, References({}, Path()))
    if faults:
        raise ValueError(faults[0].message)
    return value


def _misspelt(environ: Mapping[str, str], ours: Mapping[str, tuple[str, ...]]) -> list[Fault]:
    known = {*ours, CONFIG_VARIABLE, *(f"{PREFIX}{name.upper()}_FILE" for name in SECRETS)}
    unknown = [name for name in environ if name.startswith(PREFIX) and name not in known]
    return [fault for name in unknown if (fault := _unknown(name, known)) is not None]


def _unknown(variable: str, known: set[str]) -> Fault | None:
    # Others own names here too: credentials that tenants name, and Kubernetes' service links
    # (PORTCULLIS_PORT=tcp://...). Only what was clearly meant as a setting is a fault.
    close = difflib.get_close_matches(variable, known, n=1, cutoff=0.85)
    if not close and "__" not in variable:
        return None
    hint = f'did you mean "{close[0]}"?' if close else "docs/configuration.md lists them"
    return Fault(variable, f"sets nothing ({hint})")


def apply_overrides(document: dict[str, Any], overrides: list[Override]) -> None:
    """Put each value in its place. A section that is no mapping is left for the schema to name."""
    for override in overrides:
        section: Any = document
        for step in override.steps[:-1]:
            if isinstance(section, dict):
                section = section.setdefault(step, {})
        if isinstance(section, dict):
            section[override.steps[-1]] = override.value
