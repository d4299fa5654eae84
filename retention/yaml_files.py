"""Policy files: YAML that ops edit, read into a validated model.

Every error names the file and the line, says what was found and how to mend it.
"""

import difflib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from retention.domain.errors import ConfigError


class PolicyModel(BaseModel):
    """Base of all policy models: unknown keys are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)
_DEEPEST = 20


class _Loader(yaml.SafeLoader):
    """Plain YAML: no aliases, which multiply, and no deeper than anybody would write by hand."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose the next node. Raises yaml.MarkedYAMLError."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem=f"'*{event.anchor}' repeats something: write it out",
                problem_mark=mark,
            )
        self.depth += 1
        if self.depth > _DEEPEST:
            raise yaml.MarkedYAMLError(
                problem=f"it is nested deeper than {_DEEPEST} levels", problem_mark=mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_policy(path: Path, model: type[Model]) -> Model:
    """Read `path` as `model`. Raises ConfigError."""
    return parse_policy(read_text(path), model, str(path))


def read_text(path: Path) -> str:
    """Return the text of a policy file. Raises ConfigError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(str(path), "the file is missing", f"Create {path.name}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), f"it cannot be read ({type(error).__name__})", "Save it as UTF-8 text."
        ) from error


def parse_policy(text: str, model: type[Model], name: str) -> Model:
    """Read YAML `text` as `model`; `name` stands for the file in errors. Raises ConfigError."""
    return cast("Model", _parsed(text, model, name))


@lru_cache(maxsize=256)
def _parsed(text: str, model: type[BaseModel], name: str) -> BaseModel:
    """Models do not change once they are read, so the same text is read once."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise ConfigError(name, "the file is empty", "Start from the shipped example.")
        _refuse_duplicate_keys(root, name)
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            f"{name}, line {line}", f"not valid YAML: {error.problem}", "Mend the indentation."
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(name, f"not valid YAML: {error}", "Mend the value.") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _explained(error, root, model, name) from error


def line_of(root: yaml.Node, location: Sequence[str | int]) -> int:
    """Return the line (from 1) of the deepest node on the way to `location`."""
    node = root
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        node = child
    return node.start_mark.line + 1


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key if isinstance(value, yaml.ScalarNode) else _with_line(key, value)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    return None


def _with_line(key: yaml.Node, value: yaml.Node) -> yaml.Node:
    value.start_mark = key.start_mark
    return value


def _refuse_duplicate_keys(node: yaml.Node, name: str) -> None:
    for mapping in _mappings(node):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if key.value in seen:
                raise ConfigError(
                    f"{name}, line {key.start_mark.line + 1}",
                    f"'{key.value}' is given twice",
                    "Keep one of them.",
                )
            seen.add(key.value)


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _mappings(value)


def _explained(
    error: ValidationError, root: yaml.Node, model: type[BaseModel], name: str
) -> ConfigError:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the document"
    message = first["msg"].removeprefix("Value error, ")
    remedy = "Correct it."
    if first["type"] == "extra_forbidden":
        message = "this key is not known"
        remedy = _did_you_mean(str(first["loc"][-1]), _field_names(model))
    elif first["type"] == "missing":
        message, remedy = "is required and missing", "Add it."
    return ConfigError(f"{name}, line {line_of(root, first['loc'])}", f"{where}: {message}", remedy)


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean '{close[0]}'?" if close else "Remove it."


def _field_names(model: type[BaseModel]) -> list[str]:
    definitions = model.model_json_schema().get("$defs", {}).values()
    names = set(model.model_fields)
    for definition in definitions:
        names.update(definition.get("properties", {}))
    return sorted(names)
