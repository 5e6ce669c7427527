"""What a row of the threat model's cases is, and how its tests are found.

A case is shown when a test in each of its places says so by its id: in the name of a test
(`test_k05_k06_...`) or in the id of a parametrised case (`"T01-alg-none"`), there or in a rig of
cases that the module imports. What waits for a feature names it, and is neither skipped nor red.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent.parent
CASE_RIGS = re.compile(r"(cases|scripts|corpus)\Z")

_IN_A_NAME = re.compile(r"test_((?:[a-z][0-9]{2}_)+)")
_IN_AN_ID = re.compile(r"([A-Za-z][0-9]{2})(?:\Z|[-_ :])")


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its id, what it is about, the places that show it, the feature it waits for.

    `shown_by` are modules or folders below `tests/`; with `waits_for` as well, a part is shown.
    """

    id: str
    says: str
    shown_by: tuple[str, ...] = ()
    waits_for: str = ""


def shown(case: str, says: str, *places: str) -> Case:
    """A case that is shown whole."""
    return Case(case, says, places)


def partly(case: str, says: str, *places: str, waits_for: str) -> Case:
    """A case of which a part is shown, and the feature that the rest waits for."""
    return Case(case, says, places, waits_for)


def waits(case: str, says: str, feature: str) -> Case:
    """A case whose feature does not exist yet."""
    return Case(case, says, (), feature)


def ids_at(place: str) -> frozenset[str]:
    """The ids of the cases that the tests at a place name."""
    path = TESTS / place
    modules = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    return frozenset[str]().union(*map(_ids_of, modules))


def every_test_module() -> Iterator[str]:
    """All modules of tests."""
    for path in sorted(TESTS.rglob("test_*.py")):
        if "node_modules" not in path.parts:
            yield path.relative_to(TESTS).as_posix()


@cache
def _ids_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set(_named(tree)) | set(_written(tree))
    for rig in _case_rigs(tree):
        found |= _ids_of(rig)
    return frozenset(found)


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            match = _IN_A_NAME.match(node.name)
            if match is not None:
                yield from match[1].upper().strip("_").split("_")


def _written(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = _IN_AN_ID.match(node.value)
            if match is not None:
                yield match[1].upper()


def _case_rigs(tree: ast.AST) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and CASE_RIGS.search(node.module or ""):
            path = TESTS.parent / Path(*(node.module or "").split(".")).with_suffix(".py")
            if path.is_relative_to(TESTS):
                yield path
