"""A YAML text as plain JSON values, with every reference resolved and every fault collected.

Rules
 - Only what JSON can say: text, numbers, true/false, null, lists, mappings with text keys.
 - A key that stands twice is a fault: YAML's "the last one wins" hides mistakes.
 - References (`${NAME}`, `${file:/path}`) are resolved inside scalars, after parsing, so a value
   can never add structure. A plain scalar is typed after that: `port: ${PORT}` is a number.
"""

import math
from typing import Any

import yaml

from gateway.config.interpolation import MissingReference, References
from gateway.config.paths import join
from tenants.errors import Fault

MAX_DEPTH = 32
MAX_NODES = 100_000

_TEXT = "tag:yaml.org,2002:str"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_JSON_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")
)


def read_document(text: str, references: References) -> tuple[Any, list[Fault]]:
    """The value of `text` (None when it is empty or no YAML) and what is wrong with it."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        reader = _Reader(loader, references)
        return (reader.value(node, "", 0) if node else None), reader.faults
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "(root)"
        return None, [Fault(place, f"not YAML: {fault.problem or fault.context}")]
    except yaml.YAMLError:
        return None, [Fault("(root)", "not YAML: a character that YAML does not allow")]


class _Reader:
    """One walk over the nodes of one document."""

    def __init__(self, loader: yaml.SafeLoader, references: References) -> None:
        self._loader = loader
        self._references = references
        self._nodes = 0
        self.faults: list[Fault] = []

    def value(self, node: yaml.Node, path: str, depth: int) -> Any:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            return self._fault(path, "nested too deep or too large, perhaps by an alias to itself")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, join(path, i), depth + 1) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag != _TEXT:
                self._fault(path, f"line {line}: a key must be text; put it in quotes")
                continue
            key = key_node.value
            if key in members:
                self._fault(join(path, key), f"stands twice, the second time on line {line}")
                continue
            members[key] = self.value(value_node, join(path, key), depth + 1)
        return members

    def _scalar(self, node: yaml.Node, path: str) -> Any:
        try:
            text, is_from_file = self._references.resolve(node.value)
        except MissingReference as missing:
            return self._fault(path, str(missing))
        tag = self._tag(node, text, is_text=is_from_file)
        if tag not in _JSON_TAGS:
            return self._fault(path, f"the YAML type {tag.rpartition(':')[2]} is not used here")
        return self._typed(text, tag, path)

    def _tag(self, node: yaml.Node, text: str, *, is_text: bool) -> str:
        if is_text:
            return _TEXT
        tag: str = node.tag
        if text != node.value and isinstance(node, yaml.ScalarNode) and node.style is None:
            tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        # A date is text here: nothing in the configuration is a YAML timestamp.
        return _TEXT if tag == _TIMESTAMP else tag

    def _typed(self, text: str, tag: str, path: str) -> Any:
        try:
            value = self._loader.construct_object(yaml.ScalarNode(tag, text))
        except (ValueError, yaml.YAMLError):
            return self._fault(path, "not a value of the type that it claims")
        if isinstance(value, float) and not math.isfinite(value):
            return self._fault(path, "must be a finite number")
        return value

    def _fault(self, path: str, message: str) -> None:
        self.faults.append(Fault(path or "(root)", message))
