"""Markdown tables of the keys in a JSON schema: each with its type, default, range and meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_NAMES = {"integer": "whole number", "string": "text", "boolean": "true or false", "array": "list", "object": "mapping"}
_FORMATS = {"path": "path", "password": "secret", "time": "time"}


class KeyTables:
    """Tables of the definitions in one schema. `linked`: a type that is another definition is a link to it."""

    def __init__(self, document: Schema, *, linked: bool = False) -> None:
        self._schemas: dict[str, Schema] = document["$defs"]
        self._linked = linked

    def named(self, name: str) -> Schema:
        """Return a definition; of one that may be written in several ways, the one with keys."""
        found = self._schemas[name]
        return next((each for each in found.get("anyOf", ()) if "properties" in each), found)

    def target(self, schema: Schema) -> str | None:
        """Return the definition with keys that a value is, or a list or a mapping of."""
        for each in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())):
            if "$ref" in each:
                name: str = each["$ref"].rpartition("/")[2]
                if "properties" in self.named(name):
                    return name
        inner = (each.get("items") or each.get("additionalProperties") for each in (schema, *schema.get("anyOf", ())))
        return next((found for each in inner if isinstance(each, dict) and (found := self.target(each))), None)

    def table(self, schema: Schema, *, skip: frozenset[str] = frozenset()) -> str:
        """Return the table of the keys of an object."""
        required = set(schema.get("required", ()))
        rows = [
            f"| `{key}` | {self.kind(each)} | {_default(each, key in required)} | {_cell(each.get('description', ''))} |"  # noqa: E501
            for key, each in schema["properties"].items()
            if key not in skip
        ]
        return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]) if rows else ""

    def kind(self, schema: Schema) -> str:  # noqa: PLR0911 - a table
        """Return the type of a value in words, with its range."""
        match schema:
            case {"$ref": ref}:
                return self._referred(ref.rpartition("/")[2])
            case {"anyOf": several}:
                return " or ".join(dict.fromkeys(kind for each in several if (kind := self.kind(each))))
            case {"enum": values}:
                return ", ".join(f"`{json.dumps(each) if isinstance(each, bool) else each}`" for each in values)
            case {"const": value}:
                return f"`{value}`"
            case {"type": "array", "items": dict(items)}:
                return f"list of: {self.kind(items)}"
            case {"type": "array", "items": list(items)}:
                return f"[{', '.join(self.kind(each) for each in items)}]"
            case {"type": "object"}:
                values = [schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]
                of = [self.kind(each) for each in values if isinstance(each, dict)]
                return f"mapping of: {of[0]}" if of and of[0] else "mapping"
            case _:
                return _plain_kind(schema)

    def _referred(self, name: str) -> str:
        if "properties" not in self.named(name):
            return self.kind(self.named(name))
        short = [self.kind(each) for each in self._schemas[name].get("anyOf", ()) if "properties" not in each]
        words = f"[{name}](#{name.lower()})" if self._linked else "section"
        return " or ".join([*short, words])


def _plain_kind(schema: Schema) -> str:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = [_FORMATS.get(schema.get("format", ""), _NAMES.get(each, each)) for each in kinds if each != "null"]
    return " ".join([" or ".join(words), *_range(schema)]).strip()


def _range(schema: Schema) -> Iterator[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above = schema.get("exclusiveMinimum")
    if low is not None and high is not None:
        yield f"{low:g} to {high:g}"
    elif low is not None:
        yield f"from {low:g}"
    elif above is not None:
        yield f"above {above:g}" + (f", up to {high:g}" if high is not None else "")


def _default(schema: Schema, required: bool) -> str:
    if required:
        return "required"
    default = schema.get("default")
    if default in (None, [], {}, "") and default is not False:
        return ""
    return f"`{_cell(json.dumps(default, ensure_ascii=False).strip(chr(34)))}`" if not isinstance(default, dict) else ""


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
