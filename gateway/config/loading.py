"""Find `portcullis.yaml`, read it, lay the environment over it, and hand out a checked `Config`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.config.building import Builder
from gateway.config.document import read_document
from gateway.config.errors import InvalidConfig
from gateway.config.interpolation import References
from gateway.config.model import Config
from gateway.config.overrides import CONFIG_VARIABLE, Override, apply_overrides, read_overrides
from gateway.config.paths import written
from gateway.config.schema import shape_faults
from tenants.errors import Fault

FILE_NAME = "portcullis.yaml"
SYSTEM_FILE = Path("/etc/portcullis/portcullis.yaml")


def load_config(explicit: Path | None, *, environ: Mapping[str, str], cwd: Path) -> Config:
    """The configuration of this machine.

    Raises:
        InvalidConfig: with every fault that can be found at once.
    """
    path = find_file(explicit, environ=environ, cwd=cwd)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        fault = Fault(str(path), f"cannot be read: {error.strerror}")
        raise InvalidConfig([fault]) from error
    except UnicodeDecodeError as error:
        raise InvalidConfig([Fault(str(path), "is not UTF-8 text")]) from error
    return parse_config(text, environ=environ, directory=path.parent, source=str(path))


def find_file(explicit: Path | None, *, environ: Mapping[str, str], cwd: Path) -> Path:
    """The first of: `-c`, `$PORTCULLIS_CONFIG`, `./portcullis.yaml`, the one below /etc."""
    if explicit is not None:
        return cwd / explicit
    if environ.get(CONFIG_VARIABLE):
        return cwd / environ[CONFIG_VARIABLE]
    candidates = (cwd / FILE_NAME, SYSTEM_FILE)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = ", ".join(map(str, candidates))
    message = f"no configuration found; looked for {looked}; name one with -c or {CONFIG_VARIABLE}"
    raise InvalidConfig([Fault(FILE_NAME, message)])


def parse_config(
    text: str, *, environ: Mapping[str, str], directory: Path, source: str | None = None
) -> Config:
    """The configuration that `text` is, with `environ` laid over it.

    Raises:
        InvalidConfig: with every fault that can be found at once.
    """
    document, faults = read_document(text, References(environ, directory))
    overrides, override_faults = read_overrides(environ, directory)
    if document is None and faults:
        raise InvalidConfig(faults, source=source)
    document = {} if document is None else document
    faults += override_faults
    if isinstance(document, dict):
        apply_overrides(document, overrides)
    config = _checked(document, directory, faults)
    if config is None:
        raise InvalidConfig([_traced(fault, overrides) for fault in faults], source=source)
    return config


def _checked(document: Any, directory: Path, faults: list[Fault]) -> Config | None:
    broken = {fault.path for fault in faults}
    # A value that could not be read is None by now: its own fault says it better.
    faults += [fault for fault in shape_faults(document) if fault.path not in broken]
    builder = Builder(_sound(document, faults), directory)
    config = builder.build()
    known = {fault.path for fault in faults}
    faults += [fault for fault in builder.faults if fault.path not in known]
    return None if faults else config


def _sound(document: Any, faults: Sequence[Fault]) -> dict[str, Any]:
    """The sections without a fault so far, so that their deeper faults are in the same report."""
    broken = {fault.path.partition(".")[0].partition("[")[0] for fault in faults}
    members = document.items() if isinstance(document, dict) else ()
    sound = {key: value for key, value in members if key not in broken}
    # Tenants have paths of their own: what is wrong inside one does not hide the others.
    tenants = document.get("tenants") if isinstance(document, dict) else None
    return sound | ({"tenants": tenants} if isinstance(tenants, dict) else {})


def _traced(fault: Fault, overrides: Sequence[Override]) -> Fault:
    for override in overrides:
        if written(override.steps) == fault.path:
            return Fault(fault.path, f"{fault.message} (it came from {override.variable})")
    return fault
