"""What the lock may not fall below, and that everything in it is pinned by hash."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: dict[str, dict[str, Any]] = {package["name"]: package for package in LOCK["package"]}

# Below these, something was found that the gateway would suffer from.
FLOORS = {
    "aiohttp": "3.14.4",
    "authlib": "1.6.11",
    "joserfc": "1.7.4",
    "pyjwt": "2.15.1",
    "redis": "8",
}


def numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(\.\d+)*", version)
    assert release is not None, version
    return tuple(int(part) for part in release[0].split("."))


def requirement(name: str) -> str:
    pattern = re.compile(rf"{re.escape(name)}(\[.*?\])?(?=[<>=!~ ]|$)")
    found = [text for text in PROJECT["project"]["dependencies"] if pattern.match(text)]
    assert len(found) == 1, found
    return str(found[0])


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_the_lock_is_not_below_a_floor(name: str, floor: str) -> None:
    assert numbers(PACKAGES[name]["version"]) >= numbers(floor)


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_whoever_installs_without_the_lock_gets_no_less(name: str, floor: str) -> None:
    _, _, lowest = requirement(name).partition(">=")

    assert numbers(lowest) >= numbers(floor)


def test_every_file_that_is_locked_has_a_hash() -> None:
    files = [
        file
        for package in PACKAGES.values()
        for file in [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
    ]

    assert len(files) > len(FLOORS)
    assert [file["url"] for file in files if not file.get("hash", "").startswith("sha256:")] == []


def test_nothing_is_locked_from_outside_a_registry() -> None:
    sources = {name: package["source"] for name, package in PACKAGES.items()}
    own = sources.pop("mcp-portcullis")

    assert own == {"editable": "."}
    assert [name for name, source in sources.items() if "registry" not in source] == []


def test_every_direct_dependency_is_explained() -> None:
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    groups = PROJECT["dependency-groups"].values()
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [
        *PROJECT["project"]["dependencies"],
        *(text for g in [*groups, *extras] for text in g),
    ]

    names = {re.split(r"[\[<>=!~; ]", text)[0] for text in wanted}

    assert sorted(name for name in names if f"`{name}`" not in page) == []
