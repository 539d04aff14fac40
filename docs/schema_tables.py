"""Markdown tables of JSON schemas: every field with its type, unit, range and meaning, nested ones in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_UNITS = {
    "mmhg": "mmHg",
    "seconds": "s",
    "celsius": "°C",
    "cpm": "cycles/min",
    "ml": "mL",
    "percent": "%",
    "ml_per_s": "mL/s",
}
_NAMES = {"integer": "whole number", "string": "text", "date-time": "time", "boolean": "true or false"}


class SchemaTables:
    """Tables of the schemas in one AsyncAPI document."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._schemas = schemas

    def target(self, schema: Schema) -> Schema:
        """Return the schema that a reference names, or the schema itself."""
        ref = schema.get("$ref")
        return self._schemas[ref.rpartition("/")[2]] if ref else schema

    def table(self, schema: Schema, *, skip: tuple[str, ...] = (), marked: bool = False) -> str:
        """Return the table of an object; `marked`: mark the fields that are required."""
        rows = [row for row in self._rows(self.target(schema), "", marked=marked) if row[0] not in skip]
        if not rows:
            return ""
        lines = [f"| `{name}` | {kind} | {unit} | {words} |" for name, kind, unit, words in rows]
        return "\n".join(["| field | type | unit, range | meaning |", "|---|---|---|---|", *lines, ""])

    def unions(self, schema: Schema) -> Iterator[tuple[str, Schema]]:
        """Yield the fields of an object that may be one of several objects, with each of those."""
        for name, field in self.target(schema).get("properties", {}).items():
            objects = [each for each in field.get("anyOf", ()) if "properties" in self.target(each)]
            if len(objects) > 1:
                yield from ((name, self.target(each)) for each in objects)

    def _rows(self, schema: Schema, prefix: str, *, marked: bool) -> Iterator[tuple[str, str, str, str]]:
        required = set(schema.get("required", ())) if marked else set()
        for name, field in schema.get("properties", {}).items():
            words = " ".join((field.get("description") or self.target(field).get("description", "")).split())
            words = words.replace("`None`", "`null`")
            yield (
                f"{prefix}{name}",
                self.kind(field),
                self._unit_and_range(f"{prefix}{name}", field),
                f"Required. {words}" if name in required else words,
            )
            inner, suffix = self._inner(field)
            if inner is not None:
                yield from self._rows(inner, f"{prefix}{name}{suffix}.", marked=marked)

    def _inner(self, field: Schema) -> tuple[Schema | None, str]:
        """Return the one object that a field holds, or a list of, and what stands for it in a path."""
        if field.get("type") == "array":
            found = self.target(field["items"])
            return (found if "properties" in found else None), "[]"
        objects = [found for each in field.get("anyOf", [field]) if "properties" in (found := self.target(each))]
        return (objects[0] if len(objects) == 1 else None), ""

    def kind(self, field: Schema) -> str:  # noqa: PLR0911 - a table
        """Return the type of a value in words."""
        found = self.target(field)
        match found:
            case {"anyOf": several}:
                return " or ".join(map(self.kind, several))
            case {"enum": values}:
                return ", ".join(f"`{each}`" for each in values)
            case {"const": value}:
                return f"`{value}`"
            case {"type": "array", "items": items}:
                return f"list of: {self.kind(items)}"
            case {"additionalProperties": {**values}}:
                return f"object of: {self.kind(values)}"
            case {"properties": properties}:
                return "object" if properties else "`{}`"
            case _:
                return _plain_kind(found)

    def _unit_and_range(self, path: str, field: Schema) -> str:
        parts = [_range(field), _unit(path)]
        return " ".join(part for part in parts if part)


def _plain_kind(schema: Schema) -> str:
    kinds = schema.get("type", "anything")
    if schema.get("format") == "date-time":
        kinds = ["date-time", *(kind for kind in kinds if kind == "null")] if isinstance(kinds, list) else "date-time"
    return " or ".join(_NAMES.get(kind, kind) for kind in (kinds if isinstance(kinds, list) else [kinds]))


def _unit(path: str) -> str:
    """Return the unit, by the end of the name; a field of an object may take it from the object's name."""
    for name in reversed(path.replace("[]", "").split(".")):
        for suffix, unit in sorted(_UNITS.items(), key=lambda each: -len(each[0])):
            if f"_{name.removesuffix('_left')}".endswith(f"_{suffix}"):
                return unit
    return ""


def _range(field: Schema) -> str:
    for each in (field, *field.get("anyOf", ())):
        if "minimum" in each and "maximum" in each:
            return f"{each['minimum']:g} to {each['maximum']:g}"
        if "maxLength" in each:
            return f"at most {each['maxLength']} characters"
        if "maxItems" in each:
            return f"at most {each['maxItems']}"
    return ""
