"""Paths in a file of settings are relative to that file, not to the folder in which a command happens to be started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def rooted(data: Any, annotation: object, folder: Path) -> Any:
    """Return plain data with each path in it below `folder`; `annotation`: the model or type that it is meant for.

    A path that begins with `~` is below the home folder. Absolute ones, and whatever does not fit the type, stay.
    """
    for each in _alternatives(annotation):
        if each is Path and isinstance(data, str):
            return str(folder / _expanded(data))
        if isinstance(each, type) and issubclass(each, BaseModel) and isinstance(data, dict):
            fields = each.model_fields
            return {k: rooted(v, fields[k].annotation, folder) if k in fields else v for k, v in data.items()}
        origin, inside = get_origin(each), get_args(each)
        if origin in (tuple, list) and isinstance(data, list):
            return [rooted(item, inside[0], folder) for item in data]
        if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(data, dict):
            return {k: rooted(v, inside[1], folder) for k, v in data.items()}
    return data


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no user of that name
        return Path(path)


def _alternatives(annotation: object) -> tuple[Any, ...]:
    """Return the types of a union, at any depth; of anything else, itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(inner for each in get_args(annotation) for inner in _alternatives(each))
    return (annotation,)
